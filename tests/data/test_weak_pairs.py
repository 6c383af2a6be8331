"""A weak pair says the image's labels, all of them and no others."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from radscribe.data.weak_pairs import WeakPairs
from radscribe.errors import DataError
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import label
from radscribe.text.laterality import names_side
from radscribe.text.sentences import compares_with_prior, is_redacted, knows_more_than_a_frontal

REPORTS = [
    "The heart is enlarged. There is a small left pleural effusion. No pneumothorax.",
    "The lungs are clear. The heart is normal in size. No pleural effusion or pneumothorax.",
    "There is a right lower lobe pneumonia. The heart is normal in size.",
    "A 2 cm nodule is unchanged from the prior study. The lungs are hyperexpanded. Heart size is normal.",
    "XXXX opacities are seen.. The heart is normal in size. There is a hiatal hernia.",
]


def present(text: str) -> set[str]:
    return {finding for finding, status in label(text).items() if status == "present"} & set(CHESTXRAY14)


@pytest.mark.parametrize(
    "labels",
    [(), ("Cardiomegaly",), ("Effusion", "Pneumonia"), ("Hernia",), ("Cardiomegaly", "Emphysema")],
)
def test_what_is_labelled_is_said_and_nothing_else(labels: tuple[str, ...]) -> None:
    pairs, generator = WeakPairs(REPORTS), random.Random(0)
    for _ in range(20):
        text = pairs.sample(labels, generator)
        assert present(text) == set(labels), text
        assert not names_side(text)
        assert not is_redacted(text)
        assert ".." not in text


def test_a_label_that_no_report_speaks_of_is_left_out() -> None:
    assert present(WeakPairs(REPORTS).sample(["Fibrosis"], random.Random(0))) == set()


def test_the_same_seed_gives_the_same_pairs() -> None:
    first, second = (
        [WeakPairs(REPORTS).sample(["Effusion"], generator) for _ in range(5)]
        for generator in (random.Random(3), random.Random(3))
    )
    assert first == second


def test_reports_that_teach_nothing_are_an_error() -> None:
    with pytest.raises(DataError, match="no report"):
        WeakPairs(["XXXX.", "Compared to the prior study there is no change."])


def test_pairs_of_real_reports(shared_data: Path) -> None:
    rows = json.loads((shared_data / "iu" / "annotation.json").read_text())["train"]
    pairs, generator = WeakPairs(row["report"] for row in rows), random.Random(0)
    for _ in range(300):
        labels = set(generator.sample(CHESTXRAY14, generator.choice([0, 1, 1, 2])))
        text = pairs.sample(labels, generator)
        assert present(text) <= labels, text
        for sentence in text.split(". "):
            assert not compares_with_prior(sentence)
            assert not knows_more_than_a_frontal(sentence)

"""Baselines: the closed forms for constants equal scoring each candidate, and nothing peeks at test data."""

from __future__ import annotations

import numpy as np
import pytest

from radscribe.evaluation import baselines, clinical, constants, metrics
from radscribe.evaluation.baselines import Material
from radscribe.evaluation.clinical import Labelled
from radscribe.evaluation.metric import Corpus
from radscribe.evaluation.tokenization import TOKENIZATIONS
from tests.evaluation.small import REPORTS, reports
from tests.evaluation.test_metrics import words


def test_constants_score_as_the_metrics_say() -> None:
    candidates, references = words(300, 1), words(40, 2)  # more candidates than one chunk
    corpus = constants.pairing(candidates, references)
    bleu, cider = constants.bleu_4(corpus), constants.cider_d(corpus)
    for place in range(0, 300, 23):
        same = metrics.score(Corpus([candidates[place]] * 40, [[text] for text in references]))
        assert bleu[place] == pytest.approx(same["bleu_4"], abs=1e-9)
        assert cider[place] == pytest.approx(same["cider_d"], abs=1e-9)


def test_the_constant_for_findings_is_scored_as_clinical_says() -> None:
    labelled = Labelled()
    texts, references = list(REPORTS), reports(20)
    said, written = labelled.codes(texts), labelled.codes(references)
    found = constants.micro_f1(said, written, "absent")
    for place in range(len(texts)):
        sums = clinical.statistics(np.tile(said[place], (20, 1)), written, "absent").sum(0)[None]
        kept = np.ones(len(clinical.FINDINGS), dtype=bool)
        assert found[place] == pytest.approx(clinical.value(sums, kept)["micro_f1"][0])


def material(**changes: object) -> Material:
    given: dict[str, object] = {
        "train": reports(30),
        "val": reports(10),
        "n": 7,
        "tokenization": TOKENIZATIONS["plain"],
        "labelled": Labelled(),
    }
    return Material(**(given | changes))  # type: ignore[arg-type]


def test_constants_are_chosen_on_validation_and_come_from_training() -> None:
    made = {one.name: one for one in baselines.make(material(val=[REPORTS[3]] * 5 + [REPORTS[1]]))}
    for name in ("best_constant", "best_constant_cider_d", "best_constant_findings"):
        assert made[name].captions == [REPORTS[3]] * 7
        assert made[name].caption == REPORTS[3]


def test_most_frequent_and_random() -> None:
    made = {one.name: one for one in baselines.make(material(train=[*REPORTS, REPORTS[2]]))}
    assert made["most_frequent"].caption == REPORTS[2]
    assert set(made["random"].captions) <= set(REPORTS)
    assert (
        made["random"].captions == baselines.random_report(material(train=[*REPORTS, REPORTS[2]]))[0].captions
    )


def test_nearest_neighbour_needs_features_and_finds_the_nearest() -> None:
    assert "nearest_neighbour" not in {one.name for one in baselines.make(material())}
    generator = np.random.default_rng(0)
    train, wanted = generator.random((30, 4)), generator.random((7, 4))
    made = baselines.nearest_neighbour(material(train_features=train, features=wanted))[0]
    scale = train.std(0)
    nearest = [int(np.argmin((((train - row) / scale) ** 2).sum(1))) for row in wanted]
    assert made.captions == [reports(30)[row] for row in nearest]


def test_many_training_reports_are_thinned_and_the_frequent_ones_stay() -> None:
    texts = [f"report {i}" for i in range(500)] + ["often"] * 3
    kept = constants.candidates(texts, most=50)
    assert len(kept) == len(set(kept)) == 50
    assert kept[0] == "often"

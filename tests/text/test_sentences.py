"""Where sentences end, and which of them a caption of one frontal image may say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radscribe.text import sentences as module
from radscribe.text.sentences import (
    compares_with_prior,
    knows_more_than_a_frontal,
    sayable,
    sentence_spans,
    split_sentences,
)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("1. No acute disease. 2. Mild edema.", ["No acute disease.", "Mild edema."]),
        ("1. Low lung volumes 2. Lungs clear", ["Low lung volumes", "Lungs clear"]),
        ("A 1.5 cm nodule at rib 9. No effusion.", ["A 1.5 cm nodule at rib 9.", "No effusion."]),
        (
            "Lungs are clear bilaterally.There is no edema.",
            ["Lungs are clear bilaterally.", "There is no edema."],
        ),
        ("Dr. Smith was called. Scar.", ["Dr. Smith was called.", "Scar."]),
        ("Nodule of approx. 2 cm. Scar vs. nodule.", ["Nodule of approx. 2 cm.", "Scar vs. nodule."]),
        ("No effusion.. .  Scar", ["No effusion..", "Scar"]),
        ("FINDINGS\n\nClear lungs\n\nNormal heart", ["FINDINGS", "Clear lungs", "Normal heart"]),
        ("- No effusion\n- Nodule at the\n  left base", ["No effusion", "Nodule at the left base"]),
        ("Fracture at T12. Heart normal?", ["Fracture at T12.", "Heart normal?"]),
        ("", []),
    ],
)
def test_split_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@given(st.text(alphabet="ab A.1)2?! \n-", max_size=40))
def test_spans_are_in_order_and_hold_every_letter(text: str) -> None:
    spans = sentence_spans(text)
    assert all(start < end for start, end in spans)
    assert [p for span in spans for p in span] == sorted(p for span in spans for p in span)
    letters = sum(c.isalpha() for c in text)
    assert letters == sum(c.isalpha() for start, end in spans for c in text[start:end])


@pytest.mark.parametrize(
    "sentence",
    [
        "Heart size is unchanged.",
        "Lungs remain hyperexpanded.",
        "No XXXX nodules compared to prior.",
        "However, it has decreased considerably since the previous examination.",
        "Consolidation is developing in the left lower lobe.",
        "The dominant nodule/mass in the left midlung is also mildly increased.",
        "In the interval, consolidation has developed in the left upper lobe.",
        "Patchy opacities right base again noted.",
        "Large lung volumes as before.",
        "No new infiltrates.",
    ],
)
def test_a_comparison_is_recognised(sentence: str) -> None:
    assert compares_with_prior(sentence)
    assert sayable(sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Sequela of prior granulomatous disease.",
        "The remaining lungs are clear.",
        "Increased interstitial markings bilaterally at the lung bases.",
        "Chronic appearing left lateral rib deformities.",
        "No acute bony changes.",
        "Right pleural effusion larger than left.",
        "Decreased lung volumes.",
        "Right chest wall clips, compatible with prior lumpectomy.",
    ],
)
def test_a_look_is_no_comparison(sentence: str) -> None:
    assert not compares_with_prior(sentence)
    assert sayable(sentence) == [sentence]


@pytest.mark.parametrize(
    "sentence",
    [
        "PA and lateral views of the chest were obtained.",
        "Lateral view reveals mild degenerative changes of the thoracic spine.",
        "There is hyperinflation with increased retrosternal airspace.",
        "Correlate clinically.",
        "The heart and mediastinum are normal for age.",
        "Patient is status post CABG.",
        "Follow-up CT is recommended.",
        "Sacrum and sacroiliac joints are normal.",
        "Chest.",
        "Mild anterior wedging of a vertebral body.",
    ],
)
def test_what_one_frontal_image_does_not_show_is_not_learned(sentence: str) -> None:
    assert knows_more_than_a_frontal(sentence)
    assert sayable(sentence) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Surgical clips are identified in the mediastinum.",
        "Probable old lateral right rib fractures.",
        "Emphysema.",
    ],
)
def test_what_it_shows_may_be_learned(sentence: str) -> None:
    assert sayable(sentence) == [sentence]


def test_a_sentence_that_needs_its_neighbour_is_not_learned() -> None:
    assert sayable("6 mm density at the left base. This may represent a vessel on end. Scar.") == ["Scar."]


def test_a_comparison_may_stay_where_a_prior_is_given() -> None:
    text = "Heart size is unchanged. XXXX effusion. No edema."
    assert sayable(text, prior=True) == ["Heart size is unchanged.", "No edema."]


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("The effusion has decreased since the prior study.", True),
        ("Larger than on the previous chest radiograph.", True),
        ("Unchanged compared with the most recent PA film.", True),
        ("Smaller than on the prior CT.", False),
        ("The prior lateral view showed it better.", False),
        ("Compared with the prior study, the CT shows less.", False),
    ],
)
def test_a_model_that_reads_the_prior_radiograph_may_speak_of_it(sentence: str, shown: bool) -> None:
    assert sayable(sentence) == []
    assert sayable(sentence, prior=True) == ([sentence] if shown else [])


@pytest.mark.real_data
def test_the_share_of_real_reports_that_compare(shared_data: Path) -> None:
    rows = json.loads((shared_data / "iu/annotation.json").read_text(encoding="utf-8"))["train"]
    texts = [row["report"] for row in rows]
    share = sum(any(map(compares_with_prior, split_sentences(text))) for text in texts) / len(texts)
    assert 0.24 < share < 0.32
    learned = [sentence for text in texts for sentence in sayable(text)]
    assert len(learned) > 7000
    assert not [
        s for s in learned if "XXXX" in s or "prior study" in s.lower() or "lateral view" in s.lower()
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Smaller left effusion.",
        "The nodule is bigger.",
        "Less edema.",
        "Better aerated lungs.",
        "Enlarging mass.",
        "Reaccumulation of fluid.",
        "Effusion is not as large.",
        "Now with consolidation.",
    ],
)
def test_a_comparative_compares_with_an_earlier_study(sentence: str) -> None:
    assert compares_with_prior(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Effusions, larger on the right.",
        "The larger of two nodules is at the apex.",
        "Right greater than left effusion.",
        "Less than 1 cm nodule.",
        "No more than mild edema.",
    ],
)
def test_a_comparative_within_one_image_does_not(sentence: str) -> None:
    assert not compares_with_prior(sentence)


def test_the_spans_are_the_callers_own() -> None:
    text = "No effusion. The heart is large."
    sentence_spans(text).clear()
    assert len(sentence_spans(text)) == 2


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["no", "Dr", "vs", "A", ".", " ", ",", "-", "/", "e.g"]), max_size=20))
def test_a_plain_text_is_split_as_any_other(pieces: list[str]) -> None:
    text = "".join(pieces)
    with patch.object(module, "_UNUSUAL", re.compile("")):  # every way to end a sentence is looked for
        expected = module._spans.__wrapped__(text, 0, len(text))
    assert sentence_spans(text) == list(expected)

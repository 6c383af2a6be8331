"""Statements that contradict each other, and statements that only look like it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radscribe.text.ontology import contradict, contradictions, statements

CONTRADICTORY = [
    ("Right lower lobe pneumonia. The lungs are clear.", "Pneumonia"),
    ("There is pneumonia. No focal airspace disease.", "Pneumonia"),
    ("Patchy infiltrates. No airspace disease.", "Infiltration"),
    ("Left basilar airspace opacities. No acute airspace disease, effusions, or CHF.", "Opacity"),
    ("Left base opacities. Lungs normally inflated without evidence of focal airspace disease.", "Opacity"),
    ("No focal consolidation. Right lower lobe pneumonia.", "Pneumonia"),
    ("Lungs are clear of focal airspace disease. Left basilar consolidation.", "Consolidation"),
    ("Cardiomegaly is present. The heart size is within normal limits.", "Cardiomegaly"),
    ("The heart is enlarged. The heart is normal in size.", "Cardiomegaly"),
    ("The heart is enlarged. The cardiomediastinal silhouette is unremarkable.", "Cardiomegaly"),
    ("No pleural effusion. Small left pleural effusion.", "Effusion"),
    ("Moderate right pneumothorax. No pneumothorax or effusion.", "Pneumothorax"),
    ("Nodule in the right upper lobe. Both lungs are clear.", "Nodule"),
    ("Emphysema. The lungs are clear.", "Emphysema"),
    ("Small effusion. Normal chest.", "Effusion"),
    ("Right infiltrate. No acute cardiopulmonary abnormality.", "Infiltration"),
    ("Pneumonia. Cardiomegaly without acute cardiopulmonary abnormality.", "Pneumonia"),
    ("Pneumonia. Hypoinflation with no visible active cardiopulmonary disease.", "Pneumonia"),
    ("Pulmonary edema. No acute radiographic cardiopulmonary process.", "Edema"),
    ("Right pneumothorax. No acute or active cardiac, pulmonary or pleural disease.", "Pneumothorax"),
    ("Consolidation. There is no definite radiographic evidence of active/acute disease.", "Consolidation"),
    ("Pneumonia. No cardiopulmonary abnormality.", "Pneumonia"),
    ("Small effusion. Unremarkable examination of the chest.", "Effusion"),
    ("Nodule in the right apex. Negative chest.", "Nodule"),
    ("Pulmonary edema. The pulmonary vascularity is normal.", "Edema"),
    ("Bilateral effusions. No left effusion.", "Effusion"),
    ("Left upper lobe mass. The left lung is clear.", "Mass"),
]
CONSISTENT = [
    "Right lower lobe pneumonia. The left lung is clear.",
    "Left effusion. No right effusion.",
    "Small effusion. No large effusion.",
    "Opacity in the right apex. The lungs are otherwise clear.",
    "Right upper lobe nodule. The remainder of the lungs is clear.",
    "The lungs are hyperexpanded but clear.",
    "Old rib fracture. The bones are intact.",
    "Rib fracture. No displaced fracture.",
    "The heart is enlarged, the pulmonary vascularity is normal.",
    "Scar in the left base. No acute cardiopulmonary disease.",
    "Right pneumonia. No acute bony findings.",
    "Nodule in the right apex. Unremarkable chest wall.",
    "Possible pneumonia. The lungs are clear.",
    "Patchy infiltrate. No focal consolidation.",
    "Calcified granuloma. The lungs are clear.",
    "Basilar opacity. No bony abnormality.",
    "The heart is normal. The lungs are clear. No effusion or pneumothorax. Normal chest.",
]


@pytest.mark.parametrize(("text", "finding"), CONTRADICTORY)
def test_a_contradiction_is_found_with_its_finding(text: str, finding: str) -> None:
    found = contradictions(text)
    assert {name for pair in found for name in pair.findings} == {finding}
    for pair in found:
        for said in (pair.asserted, pair.denied):
            assert text[said.start : said.end] == said.text


@pytest.mark.parametrize("text", CONSISTENT)
def test_statements_that_agree_are_no_contradiction(text: str) -> None:
    assert contradictions(text) == []


def test_strict_ignores_side_and_wording() -> None:
    assert contradictions("Left effusion. No right effusion.", strict=True)
    assert contradictions("Small effusion. No large effusion.", strict=True)
    assert not contradictions("The lungs are clear. No effusion.", strict=True)


def test_sentences_can_be_compared_one_by_one() -> None:
    (first,), (second,) = statements("Mild cardiomegaly."), statements("The heart is normal in size.")
    assert contradict(first, second) == contradict(second, first) == {"Cardiomegaly"}


def test_a_sentence_that_was_read_before_is_read_alike_at_another_place() -> None:
    sentences = ["The LUNGS are clear.", "No acute pleural effusion.", "Left basilar opacity."]
    alone = {sentence: statements(sentence) for sentence in sentences}
    text = " ".join(reversed(sentences))
    expected = [
        replace(one, start=one.start + text.index(sentence), end=one.end + text.index(sentence))
        for sentence in reversed(sentences)
        for one in alone[sentence]
    ]
    assert statements(text) == expected
    assert all(text[one.start : one.end] == one.text for one in expected)
    assert [one.text.lower() for one in statements(text.lower())] == [one.text.lower() for one in expected]

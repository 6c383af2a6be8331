"""The words of change in a report, by finding."""

from __future__ import annotations

import pytest

from radscribe.labels import CHANGES
from radscribe.text.changes import changes, courses


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("New left pneumothorax.", {"Pneumothorax": "appeared"}),
        ("Interval development of a small left effusion.", {"Effusion": "appeared"}),
        ("The pneumothorax has resolved.", {"Pneumothorax": "resolved"}),
        ("Resolution of the left effusion.", {"Effusion": "resolved"}),
        ("The right pleural effusion is no longer seen.", {"Effusion": "resolved"}),
        ("The right pleural effusion has increased since the prior study.", {"Effusion": "larger"}),
        ("Small right effusion, slightly increased compared to the prior exam.", {"Effusion": "larger"}),
        ("Worsening right lower lobe consolidation.", {"Consolidation": "larger"}),
        ("Compared with the prior study, the nodule has grown.", {"Nodule": "larger"}),
        ("Interval decrease in the left effusion.", {"Effusion": "smaller"}),
        ("The effusion has nearly resolved.", {"Effusion": "smaller"}),
        ("Interval improvement in pulmonary edema.", {"Edema": "smaller"}),
        ("Unchanged cardiomegaly.", {"Cardiomegaly": "unchanged"}),
        ("The heart remains enlarged.", {"Cardiomegaly": "unchanged"}),
        ("Pneumothorax is again seen.", {"Pneumothorax": "unchanged"}),
        ("No significant change in the left effusion.", {"Effusion": "unchanged"}),
        ("Stable cardiomegaly and right effusion.", {"Cardiomegaly": "unchanged", "Effusion": "unchanged"}),
        (
            "Increased right effusion and new left pneumothorax.",
            {"Effusion": "larger", "Pneumothorax": "appeared"},
        ),
        (
            "The effusion is unchanged and cardiomegaly has increased.",
            {"Effusion": "unchanged", "Cardiomegaly": "larger"},
        ),
        (
            "The previously seen effusion has resolved and there is a new pneumothorax.",
            {"Effusion": "resolved", "Pneumothorax": "appeared"},
        ),
    ],
)
def test_the_change_of_each_finding(sentence: str, expected: dict[str, str]) -> None:
    assert changes(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        *("No new effusion.", "No pneumothorax, unchanged.", "The effusion has not increased."),
        *("There is a right effusion.", "Increased interstitial markings.", ""),
    ],
)
def test_no_change_is_told(sentence: str) -> None:
    assert changes(sentence) == {}


def test_a_change_has_its_side_and_its_words() -> None:
    text = "The right pleural effusion has increased. New left pneumothorax."
    assert [(said.finding, said.side, text[said.start : said.end]) for said in courses(text)] == [
        ("Effusion", "right", "increased"),
        ("Pneumothorax", "left", "New"),
    ]


def test_the_gravest_of_several_changes_counts() -> None:
    text = "Unchanged right effusion. New left effusion."
    assert changes(text) == {"Effusion": CHANGES[0]}

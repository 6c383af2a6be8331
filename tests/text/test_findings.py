"""The labeller on sentences of real reports, and what holds for any text."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radscribe.labels import CHESTXRAY14
from radscribe.text.details import find_details, label_details
from radscribe.text.findings import LABELS, PHRASES, describe, find, label
from radscribe.text.normality import IMPLIED_ABSENT, OTHER_ABNORMALITY

# Sentences of Indiana University reports (Open-i, CC BY-NC-ND), and what they say.
SENTENCES = [
    ("The heart is not significantly enlarged.", {"Cardiomegaly": "absent"}),
    ("Borderline cardiac enlargement.", {"Cardiomegaly": "present"}),
    ("Stable enlarged cardiac silhouette.", {"Cardiomegaly": "present"}),
    ("No focal consolidation, pleural effusion or pneumothorax.", {"Effusion": "absent"}),
    ("No acute infiltrate or pleural effusion are seen.", {"Infiltration": "absent", "Effusion": "absent"}),
    ("Negative for pneumothorax, pleural effusion.", {"Pneumothorax": "absent", "Effusion": "absent"}),
    ("No change in the right middle lobe opacification.", {"Opacity": "present"}),
    ("Mild cardiomegaly without acute cardiac abnormality.", {"Cardiomegaly": "present"}),
    ("XXXX change COPD.", {"Emphysema": "present"}),
    ("Low lung volumes without focal airspace opacity.", {"Opacity": "absent"}),
    ("Small right juxtahilar opacity may represent infiltrate.", {"Infiltration": "uncertain"}),
    (
        "Stable left basilar atelectasis versus scarring.",
        {"Atelectasis": "uncertain", "Fibrosis": "uncertain"},
    ),
    ("XXXX pleural reaction on the right cannot be excluded.", {"Pleural_Thickening": "uncertain"}),
    ("Cannot exclude small pleural effusions.", {"Effusion": "uncertain"}),
    ("There is no focal air space opacity to suggest a pneumonia.", {"Pneumonia": "absent"}),
    ("Pneumonia is in the differential.", {"Pneumonia": "uncertain"}),
    ("There is blunting of the left costophrenic XXXX.", {"Effusion": "present"}),
    ("The lungs are clear without focal consolidation.", {"Consolidation": "absent", "Nodule": "absent"}),
    ("Hyperexpanded lungs with flattening of hemidiaphragms.", {"Emphysema": "present"}),
    ("Biapical fibronodular pleural thickening/scarring.", {"Nodule": "present", "Fibrosis": "present"}),
    ("Moderate hiatus hernia.", {"Hernia": "present"}),
    ("The osseous structures are intact.", {"Fracture": "absent"}),
    ("There is mild anterior wedging of a lower thoracic vertebral body.", {"Fracture": "present"}),
    ("Deformed right ribs.", {"Fracture": "present"}),
    ("Left chest XXXX tip in the low SVC.", {"Support_Devices": "present"}),
    ("Calcified right hilar lymph node.", {"Granuloma_or_Calcification": "present"}),
    ("Mild dextrocurvature the spine.", {"Scoliosis_or_Degenerative": "present"}),
    ("Vague nodular density right upper lobe.", {"Nodule": "present", "Opacity": "present"}),
    ("No acute disease.", {"Normal": "present"}),
]


@pytest.mark.parametrize(("sentence", "expected"), SENTENCES)
def test_label_says_what_a_real_sentence_says(sentence: str, expected: dict[str, str]) -> None:
    assert expected.items() <= label(sentence).items()


@pytest.mark.parametrize(
    ("text", "finding", "status"),
    [
        ("No pneumothorax, stable cardiomegaly.", "Cardiomegaly", "present"),
        ("No effusion, cardiomegaly, or edema.", "Edema", "absent"),
        ("No cardiomegaly but small effusion.", "Effusion", "present"),
        ("Without pneumothorax, the lungs are hyperinflated.", "Emphysema", "present"),
        ("No opacity compatible with pneumonia.", "Pneumonia", "absent"),
        ("Possible small effusion and mild edema.", "Edema", "uncertain"),
        ("This may be due to pneumonia.", "Pneumonia", "uncertain"),
        ("A pneumothorax is not seen.", "Pneumothorax", "absent"),
        ("Pneumothorax: none.", "Pneumothorax", "absent"),
        ("Opacity not seen on the prior study.", "Opacity", "present"),
        ("The effusion has resolved.", "Effusion", "absent"),
        ("Non-displaced rib fracture.", "Fracture", "present"),
        ("The chest tube has been removed.", "Support_Devices", "absent"),
    ],
)
def test_a_cue_reaches_as_far_as_its_clause(text: str, finding: str, status: str) -> None:
    assert label(text)[finding] == status


@pytest.mark.parametrize(
    "text",
    ["History of COPD.", "Small pericardial effusion.", "Soft tissue edema of the ankle.", "Mass effect."],
)
def test_what_is_no_finding_of_the_lungs_is_not_mentioned(text: str) -> None:
    assert label(text) == {}


def test_sections_that_ask_or_look_back_assert_nothing() -> None:
    text = "INDICATION: Rule out pneumonia. COMPARISON: Effusion on the left.\nFINDINGS: Lungs are clear."
    found = label(text)
    assert found["Pneumonia"] == "absent"
    assert "Effusion" not in found


def test_assertion_counts_over_doubt_and_doubt_over_denial() -> None:
    assert label("No effusion. Possible effusion.")["Effusion"] == "uncertain"
    assert label("Possible effusion. Small effusion.")["Effusion"] == "present"


def test_normal_needs_that_no_abnormality_is_asserted() -> None:
    assert label("Heart size is normal. Lungs are clear.")["Normal"] == "present"
    assert "Normal" not in label("Heart size is normal. Tortuous aorta.")
    assert "Normal" not in label("Lungs are clear. Degenerative changes of the spine.")


def test_a_heart_that_wraps_over_a_line_is_found_where_it_stands() -> None:
    text = "Heart size\nis enlarged."
    (mention,) = find(text)
    assert (mention.finding, mention.text, mention.start, mention.end) == ("Cardiomegaly", text[:-1], 0, 22)


def test_a_phrase_within_a_phrase_is_one_mention() -> None:
    assert [m.text for m in find("Congestive heart failure.")] == ["Congestive heart failure"]


def test_describe_gives_statuses_and_the_words() -> None:
    record = describe(find("No effusion."))
    assert record == {
        "findings": {"Effusion": "absent"},
        "spans": {"Effusion": [{"text": "effusion", "start": 3, "end": 11, "status": "absent"}]},
    }


def test_details_are_read_by_the_same_rules() -> None:
    assert label_details("No scarring. Mildly tortuous aorta. Low lung volumes.") == {
        "Scar": "absent",
        "Tortuous_Aorta": "present",
        "Low_Lung_Volumes": "present",
    }
    (mention,) = find_details("Scarring in the right upper lobe.")
    assert (mention.finding, mention.side, mention.zones) == ("Scar", "right", ("upper",))


def test_the_labels_of_chestxray14_come_first() -> None:
    assert LABELS[: len(CHESTXRAY14)] == CHESTXRAY14


@pytest.mark.real_data
def test_every_phrase_contains_its_key(shared_data: Path) -> None:
    """Looking for the key first must not lose a mention."""
    rows = json.loads((shared_data / "iu/annotation.json").read_text(encoding="utf-8"))["train"]
    text = "\n\n".join(row["report"] for row in rows).lower()
    phrases = [phrase for row in (*PHRASES.values(), OTHER_ABNORMALITY) for phrase in row]
    phrases += [phrase for phrase, _ in IMPLIED_ABSENT]
    matches = [(phrase.key, match[0]) for phrase in phrases for match in phrase.pattern.finditer(text)]
    assert len(matches) > 10_000
    assert not [phrase.key for phrase in phrases if " " in phrase.key]
    assert not {(key, words) for key, words in matches if key not in words}


PIECES = st.sampled_from(
    [
        "No effusion",
        " İ",
        "\n",
        ". ",
        "1. ",
        "mild cardiomegaly",
        "FINDINGS: ",
        "XXXX",
        "versus",
        "nodule,",
        "\ufffd",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map(" ".join)))
def test_spans_are_the_words_of_the_text(text: str) -> None:
    for mention in find(text):
        assert text[mention.start : mention.end] == mention.text
        assert mention.text
        assert mention.finding in LABELS


def test_sentences_that_were_misread_once() -> None:
    with Path(__file__).with_name("sentences.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) > 120
    wrong = {}
    for row in rows:
        said = {name: status for name, status in label(row["text"]).items() if name != "Normal"}
        if said != dict(pair.split("=") for pair in row["findings"].split(";")):
            wrong[row["text"]] = said
    assert wrong == {}

"""Sections of free-text reports."""

from __future__ import annotations

import pytest

from radscribe.text.findings import label
from radscribe.text.sections import read_sections, section_spans, sections

MIMIC = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  Woman with cough, question of pneumonia

 COMPARISON:  None.

 FINDINGS:

 The lungs are clear.  There is no effusion.
 Heart size: normal.

 IMPRESSION:

 1. No acute disease.
"""


def test_a_report_in_the_layout_of_mimic() -> None:
    report = sections(MIMIC)
    assert report.indication == "Woman with cough, question of pneumonia"
    assert report.comparison == "None."
    assert report.findings == "The lungs are clear.  There is no effusion.\n Heart size: normal."
    assert report.impression == "1. No acute disease."


def test_headings_within_a_line() -> None:
    report = sections("Indication: Fever. Comparison: XXXX. Findings: Clear lungs. Impression: Normal chest.")
    assert (report.indication, report.comparison) == ("Fever.", "XXXX.")
    assert (report.findings, report.impression) == ("Clear lungs.", "Normal chest.")


def test_a_text_without_headings_is_findings() -> None:
    assert sections("Heart normal.\nNo effusion.").findings == "Heart normal.\nNo effusion."
    assert sections("").findings == ""


def test_what_stands_before_the_first_heading_is_findings() -> None:
    report = sections("Portable chest. Clear lungs.\nIMPRESSION: Normal.")
    assert (report.findings, report.impression) == ("Portable chest. Clear lungs.", "Normal.")


def test_a_heading_is_no_word_of_a_sentence() -> None:
    text = "The findings: none of note. History of impression fracture is discussed."
    assert sections(text).findings == text


def test_sections_of_one_name_are_joined() -> None:
    assert sections("FINDINGS: A.\nIMPRESSION: B.\nFINDINGS: C.").findings == "A.\nC."


def test_spans_stand_where_they_say() -> None:
    spans = {span.section: MIMIC[span.start : span.end].strip() for span in section_spans(MIMIC)}
    assert spans["impression"] == "1. No acute disease."
    assert spans["other"] == "CHEST (PA AND LAT)"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("EXAMINATION: CHEST (AP)\n \n COMPARISON:  None.\n \n Large right pneumothorax.", "Pneumothorax"),
        ("INDICATION: Cough.\n\nCHEST, TWO VIEWS:  Left lower lobe consolidation.", "Consolidation"),
        ("REASON FOR EXAMINATION:  Fall.\n \n Portable AP radiograph. Right rib fracture.", "Fracture"),
        ("FINAL REPORT\n Small effusion.", "Effusion"),
        ("INDICATION: Cough FINDINGS: Small effusion IMPRESSION: As above", "Effusion"),
        ("INDICATION: Cough.\nFINDNGS: Small effusion.", "Effusion"),
        ("INDICATION: Cough.\nIMPRESION: Small effusion.", "Effusion"),
        ("PORTABLE CHEST RADIOGRAPH: Small effusion.", "Effusion"),
        ("INDICATION: Cough.\nHEART: Enlarged.\nLUNGS: Clear.", "Cardiomegaly"),
        ("TECHNIQUE: PA.\nObservations: Small effusion.", "Effusion"),
        ("indication: r/o mass findings: small effusion impression: effusion", "Effusion"),
        ("Indication - cough\nFindings - Small effusion", "Effusion"),
        ("INDICATION: pneumonia?\nPortable chest: Small effusion.", "Effusion"),
        ("INDICATION: pneumonia?\r\n\r\nSmall effusion.\r\n", "Effusion"),
        ("RESULT: Small effusion.", "Effusion"),
        ("IMPRESSION AND RECOMMENDATIONS: Small effusion.", "Effusion"),
        ("== INDICATION ==\nCough.\n== FINDINGS ==\nSmall effusion.", "Effusion"),
        ("Indicaton: pneumonia\nFindngs: Small effusion.", "Effusion"),
    ],
)
def test_a_reading_is_found_under_any_heading(text: str, finding: str) -> None:
    read = read_sections(text)
    assert read.has_reading
    assert label(read.report.text())[finding] == "present"
    assert label(text)[finding] == "present"


@pytest.mark.parametrize("heading", ["BILLING CODE", "CONSENT", "TEACHING CASE"])
def test_an_unknown_heading_ends_a_section_and_is_reported(heading: str) -> None:
    read = read_sections(f"FINDINGS: Clear.\n{heading}: pneumonia\nIMPRESSION: Normal.")
    assert (read.report.findings, read.report.impression) == ("Clear.", "Normal.")
    assert read.unknown == (heading,)


@pytest.mark.parametrize(
    "text",
    [
        "INDICATION -- cough FINDINGS -- clear IMPRESSION -- normal",
        "<p>INDICATION: cough</p><p>FINDINGS: clear</p><p>IMPRESSION: normal</p>",
        "<b>INDICATION:</b> cough<br><b>FINDINGS:</b> clear<br/><b>IMPRESSION:</b> normal",
        "[INDICATION] cough [FINDINGS] clear [IMPRESSION] normal",
        "INDICATION=cough\nFINDINGS=clear\nIMPRESSION=normal",
        "CLINICAL HISTORY/INDICATION: cough\nRADIOLOGICAL FINDINGS: clear\nRADIOLOGIC IMPRESSION: normal",
        "INDICATION FOR STUDY: cough\nX-RAY FINDINGS: clear\nIMPRESSION: normal",
        "CLINICAL INFO: cough\nFINDINGS\uff1aclear\nIMPRESSION\uff1anormal",
        "HISTORY & INDICATION: cough\nFINDINGS: clear\nCONCLUSION: normal",
    ],
)
def test_headings_end_in_other_signs_than_a_colon(text: str) -> None:
    report = read_sections(text).report
    assert (report.indication, report.findings, report.impression) == ("cough", "clear", "normal")


def test_a_report_without_a_reading_says_so() -> None:
    assert not read_sections("INDICATION: Cough.\nCOMPARISON: None.").has_reading


def test_an_addendum_belongs_to_the_reading_and_corrects_it() -> None:
    text = (
        "FINDINGS: Small right pneumothorax. No effusion.\nADDENDUM: There is no pneumothorax; a skin fold."
    )
    assert sections(text).impression == "There is no pneumothorax; a skin fold."
    assert label(text) == {"Pneumothorax": "absent", "Effusion": "absent"}


@pytest.mark.parametrize(
    "text",
    [
        "indication: r/o pneumonia findings: clear lungs impression: normal",
        "Indication - pneumonia\nFindings - clear lungs",
        "Clinical Hx: pneumonia\nFindings: clear lungs",
        "Admitting Diagnosis: pneumonia\nFindings: clear lungs",
        "UNDERLYING MEDICAL CONDITION:\n man with pneumonia\nFINDINGS: clear lungs",
        "CC: pneumonia\nFINDINGS: clear lungs",
        "Compared with: pneumonia on 1/1. Findings: clear lungs.",
        "Indicaton: pneumonia\nFindings: clear lungs",
        "== INDICATION ==\nPneumonia.\n== FINDINGS ==\nClear lungs.",
    ],
)
def test_a_question_or_comparison_is_not_read(text: str) -> None:
    assert label(text)["Pneumonia"] == "absent"
    assert sections(text).findings.rstrip(".").lower() == "clear lungs"


def test_a_corrected_report_is_an_addendum() -> None:
    assert label("FINDINGS: Left effusion.\nCorrected report: No effusion.") == {"Effusion": "absent"}


@pytest.mark.parametrize(
    ("text", "findings", "impression"),
    [
        ("Comparison: none Findings: Clear lungs. Impression: Normal.", "Clear lungs.", "Normal."),
        ("FINDINGS - clear lungs. IMPRESSION - normal.", "clear lungs.", "normal."),
        ("FINDINGS:Clear lungsIMPRESSION:Normal", "Clear lungs", "Normal"),
        ("HISTORY: 45M w/ CP\tFINDINGS: No effusion\tIMPRESSION: Neg", "No effusion", "Neg"),
        (
            "INDICATION: cough\n\nAP CHEST, 5:30 A.M., JULY 12:\n\nSevere cardiomegaly.",
            "Severe cardiomegaly.",
            "",
        ),
        ("FINDINGS\uff1aClear lungs\u3002IMPRESSION\uff1aNormal", "Clear lungs\u3002", "Normal"),
        ("(FINDINGS) Clear lungs. (IMPRESSION) Normal.", "Clear lungs.", "Normal."),
        ("FINDINGS>> Clear lungs. IMPRESSION>> Normal.", "Clear lungs.", "Normal."),
        ("FINDINGS. Clear lungs. IMPRESSION. Normal.", "Clear lungs.", "Normal."),
        ("COMPARISON: none\nLungs: effusion\nHeart: normal", "Lungs: effusion\nHeart: normal", ""),
    ],
)
def test_headings_with_odd_signs_and_neighbours(text: str, findings: str, impression: str) -> None:
    report = sections(text)
    assert (report.findings, report.impression) == (findings, impression)


@pytest.mark.parametrize(
    "heading",
    [
        "ADDENDUM BY DR. SMITH",
        "ADDENDUM ___ 3:15 PM",
        "ADDENDUM (12/3/2020)",
        "ADDENDED REPORT",
        "ADDENDUM TO IMPRESSION",
        "REVISED IMPRESSION",
        "UPDATED IMPRESSION",
        "CORRECTED FINDINGS",
    ],
)
def test_whatever_an_addendum_is_called_it_corrects_the_reading(heading: str) -> None:
    assert label(f"IMPRESSION: Pneumonia.\n{heading}: Pneumonia is excluded.")["Pneumonia"] == "absent"

"""Sections of free-text reports."""

from __future__ import annotations

from radscribe.text.sections import section_spans, sections

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

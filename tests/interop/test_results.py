"""Findings, text and film as DICOM objects: what a receiver reads from them, and that they are valid."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from radscribe.errors import DataError
from radscribe.interop import codes
from radscribe.interop.identity import StudyIdentity
from radscribe.interop.results.film import BANNER, draw_films, film_capture
from radscribe.interop.results.findings import findings_report, read_findings
from radscribe.interop.results.record import Box, Result, box_of
from radscribe.interop.results.report import read_text, text_report
from tests.interop.make import IDENTITY, MAP, TEXT, draft, reviewed

GREY = [np.full((200, 160), 90, np.uint8)] * 2
ODD = {
    "plain": IDENTITY,
    "bare": StudyIdentity("1.2.3.4", instances=IDENTITY.instances),
    "korean": replace(
        IDENTITY,
        patient_name="Hong^Gildong=洪^吉洞=홍^길동",
        specific_character_set="\\ISO 2022 IR 149",
    ),
    "japanese": replace(
        IDENTITY,
        patient_name="Yamada^Tarou=山田^太郎=やまだ^たろう",
        specific_character_set="\\ISO 2022 IR 87",
    ),
    "greek": replace(IDENTITY, patient_name="Διονυσιος", specific_character_set="ISO_IR 126"),
    "cyrillic": replace(IDENTITY, patient_name="Иванов^Пётр", specific_character_set="ISO_IR 144"),
    "latin": replace(IDENTITY, patient_name="Müller^Jörg", referring_physician="Ærø^Åse"),
    "invalid": replace(IDENTITY, birth_date="unknown", sex="?", study_date="2026.01.02", study_time="9:15"),
    "no accession": replace(IDENTITY, accession_number="", study_id="", referring_physician=""),
}


def objects(result: Result) -> dict[str, pydicom.Dataset]:
    made = {"findings": findings_report(result), "report": text_report(result)}
    return made if result.review else {**made, "film": film_capture(result, GREY)}


def written(dataset: pydicom.Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(params=ODD)
def identity(request: pytest.FixtureRequest) -> StudyIdentity:
    return ODD[request.param]


def test_every_object_is_in_the_original_study_of_the_original_patient(identity: StudyIdentity) -> None:
    series = set()
    for made in objects(draft(identity)).values():
        read = pydicom.dcmread(BytesIO(written(made)))
        assert read.StudyInstanceUID == identity.study_instance_uid
        assert read.PatientID == identity.patient_id
        assert str(read.PatientName) == identity.patient_name
        assert read.AccessionNumber == identity.accession_number
        assert str(read.ReferringPhysicianName) == identity.referring_physician
        series.add(read.SeriesInstanceUID)
    assert len(series) == 3
    assert not series & {i.series_instance_uid for i in identity.instances}


@pytest.mark.parametrize("tool", ["dciodvfy"])
def test_every_object_is_valid(identity: StudyIdentity, tool: str, tmp_path: Path) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} (Debian's dicom3tools) is not installed")
    for result in (draft(identity), reviewed(identity)):
        for kind, made in objects(result).items():
            path = tmp_path / f"{kind}.dcm"
            path.write_bytes(written(made))
            told = subprocess.run([tool, str(path)], capture_output=True, encoding="latin-1", check=False)
            assert "Error" not in told.stdout + told.stderr, (kind, told.stdout + told.stderr)


def test_dsrdump_prints_the_text(tmp_path: Path) -> None:
    if shutil.which("dsrdump") is None:
        pytest.skip("dsrdump (Debian's dcmtk) is not installed")
    path = tmp_path / "report.dcm"
    path.write_bytes(written(text_report(draft())))
    told = subprocess.run(["dsrdump", "+Pl", str(path)], capture_output=True, text=True, check=True).stdout
    assert TEXT in told
    assert "Small left pleural effusion." in told


def test_highdicom_reads_the_same_findings() -> None:
    result = draft()
    read = {r.code: r for r in read_findings(pydicom.dcmread(BytesIO(written(findings_report(result)))))}
    assert len(read) == len(result.results)
    for finding in result.results:
        code = codes.code_of(finding.name).code
        found = read[code.scheme, code.value]
        assert found.presence == finding.status
        assert found.probability == finding.probability
        assert found.has_box == bool(finding.boxes)


def test_what_is_not_assessed_is_not_coded_as_absent() -> None:
    result = draft(
        text="No pneumothorax. No fracture. No edema.", sections={}, not_assessed=["Fracture", "Cardiomegaly"]
    )
    names = {finding.name: finding.status for finding in result.results}
    assert not {"Fracture", "Edema", "Cardiomegaly"} & set(names)
    assert names["Pneumothorax"] == "absent"
    assert names["Nodule"] is None  # assessed, and the text does not speak of it


def test_the_text_is_by_section() -> None:
    assert read_text(text_report(draft())) == {
        "findings": TEXT,
        "impression": "Small left pleural effusion.",
    }


def test_a_draft_is_preliminary_and_says_so() -> None:
    for made in (findings_report(draft()), text_report(draft())):
        assert (made.CompletionFlag, made.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
        assert made.PreliminaryFlag == "PRELIMINARY"
    comments = [
        item.TextValue
        for item in text_report(draft()).ContentSequence
        if item.ValueType == "TEXT" and item.RelationshipType == "CONTAINS"
    ]
    assert comments == ["Draft by a research model: not verified, not for diagnosis."]


def test_a_reviewed_text_is_a_new_verified_document_with_the_draft_as_its_predecessor() -> None:
    for make in (findings_report, text_report):
        before, after = make(draft()), make(reviewed())
        assert (after.VerificationFlag, after.PreliminaryFlag) == ("VERIFIED", "FINAL")
        observer = after.VerifyingObserverSequence[0]
        assert observer.VerifyingObserverName == "Reader^Ada"
        assert observer.VerifyingOrganization == "St. Elsewhere"
        assert after.SOPInstanceUID != before.SOPInstanceUID
        assert after.SeriesInstanceUID == before.SeriesInstanceUID
        of = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        assert of.ReferencedSOPInstanceUID == before.SOPInstanceUID
        assert of.ReferencedSOPClassUID == before.SOPClassUID
    read = read_text(text_report(reviewed()))
    assert read["impression"] == "Effusion and fracture."


def test_nothing_that_a_reader_wrote_is_lost() -> None:
    text = "FINDINGS: Clear lungs.\nRECOMMENDATION: Repeat in a week.\nIMPRESSION: Normal chest."
    assert read_text(text_report(reviewed(text=text))) == {"findings": text}


def test_a_reader_may_state_what_the_model_does_not_assess() -> None:
    said = {f.name: (f.status, f.probability, f.side) for f in reviewed().results}
    assert said["Fracture"] == ("present", None, "left")


def test_a_retry_makes_the_same_bytes_and_another_study_or_bundle_other_uids() -> None:
    for first, again in zip(objects(draft()).values(), objects(draft()).values(), strict=True):
        assert written(first) == written(again)
    uids = {
        findings_report(result).SOPInstanceUID
        for result in (
            draft(),
            draft(bundle="other@1"),
            draft(replace(IDENTITY, study_instance_uid="1.2.3")),
            reviewed(),
            reviewed(number=2),
        )
    }
    assert len(uids) == 5


def test_the_box_is_in_pixels_of_the_original() -> None:
    made = findings_report(draft())
    graphic = [list(e.value) for e in made.iterall() if e.keyword == "GraphicData"]
    assert graphic == [[1200, 1250, 1600, 1250, 1600, 1500, 1200, 1500, 1200, 1250]]


def test_only_a_concentrated_map_has_a_box() -> None:
    cells = np.array(MAP, np.float32)
    assert box_of(cells) == Box(0.75, 0.625, 1.0, 0.75)
    assert box_of(np.ones((8, 8), np.float32)) is None
    assert box_of(np.zeros((8, 8), np.float32)) is None
    stripes = np.zeros((8, 8), np.float32)
    stripes[:, 0], stripes[0, :] = 1, 1  # connected, over the whole image
    assert box_of(stripes) is None


def test_the_film_shows_the_banner_and_the_evidence() -> None:
    result = draft()
    with_boxes = np.asarray(draw_films(result, GREY))
    without = np.asarray(draw_films(replace(result, results=()), GREY))
    assert BANNER == "DRAFT, machine-generated"
    assert (with_boxes[20] == without[20]).all()  # the banner
    assert (with_boxes[0, 0] == (150, 30, 20)).all()
    assert (with_boxes != without).any()


def test_a_study_without_images_is_one_clear_error() -> None:
    with pytest.raises(DataError, match="no image"):
        findings_report(draft(replace(IDENTITY, instances=())))
    with pytest.raises(DataError, match="no radiograph"):
        film_capture(draft(), [])


@pytest.mark.parametrize(
    ("zone", "clock"), [("+0900", "191607"), ("-0330", "064607"), ("", None), ("JST", None)]
)
def test_times_are_in_the_zone_of_the_study(zone: str, clock: str | None) -> None:
    """One attribute holds for all dates and times of an object, those of the original study among them."""
    made = text_report(draft(replace(IDENTITY, timezone=zone)))
    assert made.StudyTime == IDENTITY.study_time
    assert made.get("TimezoneOffsetFromUTC") == (zone if clock else None)
    local = draft().written.astimezone().strftime("%H%M%S")
    assert made.ContentTime == made.SeriesTime == (clock or local)
    verified = text_report(reviewed(replace(IDENTITY, timezone="+0900")))
    assert verified.VerifyingObserverSequence[0].VerificationDateTime == "20260102211607+0900"


def test_a_verified_object_of_another_review_has_another_uid_and_the_same_series() -> None:
    made = [text_report(result) for result in (draft(), draft(), reviewed(), reviewed(number=2))]
    uids = [one.SOPInstanceUID for one in made]
    assert uids[0] == uids[1]
    assert len(set(uids)) == 3
    assert len({one.SeriesInstanceUID for one in made}) == 1

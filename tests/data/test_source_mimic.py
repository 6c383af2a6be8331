"""MIMIC-CXR-JPG: gzipped tables, images by patient and study, reports as text files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.data.sources.mimic_cxr import _priors
from radscribe.errors import DataError

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]

# dicom, subject, study, view, part
IMAGES = [
    ("02aa804e-bde0afdd-112c0b34-7bc16630-4e384014", "10000032", "50414267", "PA", "train"),
    ("174413ec-4ec4c1f7-34ea26b7-c5f994f8-79ef1962", "10000032", "50414267", "LATERAL", "train"),
    ("2a2277a9-b0ded155-c0de8eb9-c124d10e-82c5caab", "10000032", "53189527", "AP", "train"),
    ("e084de3b-be89b11e-20fe3f9f-9c8d8dfe-4cfd202c", "11000764", "57375967", "LL", "validate"),
    ("68b5c4b1-227d0485-9cc38c3f-7b84ab51-4b472714", "19000898", "50771383", "", "test"),
]
REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with new onset ascites  // eval for infection

 COMPARISON:  None.

 FINDINGS:

 There is no focal consolidation, pleural effusion or pneumothorax.

 IMPRESSION:

 No acute cardiopulmonary process.
"""


def table(src: Path, kind: str, text: str) -> None:
    with gzip.open(src / f"mimic-cxr-2.0.0-{kind}.csv.gz", "wt") as file:
        file.write(text)


@pytest.fixture
def mimic(tmp_path: Path, picture: Picture) -> Path:
    """A download with five images of four studies."""
    src = tmp_path / "mimic"
    for seed, (dicom, subject, study, _, _) in enumerate(IMAGES):
        folder = src / "files" / f"p{subject[:2]}" / f"p{subject}"
        picture(folder / f"s{study}" / f"{dicom}.jpg", seed, (120, 100))
        (folder / f"s{study}.txt").write_text(REPORT)
    table(
        src,
        "split",
        "dicom_id,study_id,subject_id,split\n"
        + "".join(f"{d},{st},{su},{p}\n" for d, su, st, _, p in IMAGES),
    )
    table(
        src,
        "metadata",
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate\n"
        + "".join(f"{d},{su},{st},CHEST,{v},3056,2544,21800506\n" for d, su, st, v, _ in IMAGES),
    )
    table(
        src,
        "chexpert",
        "subject_id,study_id,Atelectasis,Lung Opacity,No Finding,Pleural Effusion,Support Devices\n"
        "10000032,50414267,,,1.0,0.0,\n10000032,53189527,-1.0,1.0,,1.0,0.0\n",
    )
    return src


def test_studies_parts_and_labels(mimic: Path, run: Prepare) -> None:
    outcome = run("mimic-cxr", mimic, check=True)
    studies = {study.id: study for study in Manifest(outcome.manifest)}
    assert {name: study.split for name, study in studies.items()} == {
        "s50414267": "train", "s53189527": "train", "s57375967": "val", "s50771383": "test",
    }  # fmt: skip
    first = studies["s50414267"]
    assert first.patient_id == "p10000032"
    assert [(image.view, image.width, image.height) for image in first.images] == [
        ("PA", 120, 100), ("lateral", 120, 100),
    ]  # fmt: skip
    assert first.images[0].path == f"files/p10/p10000032/s50414267/{IMAGES[0][0]}.jpg"
    assert first.labels == {"Effusion": 0.0}
    assert studies["s53189527"].labels == {
        "Atelectasis": None, "Opacity": 1.0, "Effusion": 1.0, "Support_Devices": 0.0,
    }  # fmt: skip
    assert studies["s57375967"].labels == {}
    assert [studies[name].images[0].view for name in ("s57375967", "s50771383")] == ["lateral", "unknown"]
    assert outcome.leaks is not None
    assert outcome.leaks.images == 5


def test_reports_by_section(mimic: Path, run: Prepare) -> None:
    report = Manifest(run("mimic-cxr", mimic).manifest)[0].report
    assert report is not None
    assert report.findings == "There is no focal consolidation, pleural effusion or pneumothorax."
    assert report.impression == "No acute cardiopulmonary process."
    assert report.comparison == "None."
    assert report.indication.startswith("___F with new onset ascites")


def test_reports_that_were_unpacked_elsewhere(mimic: Path, run: Prepare) -> None:
    for path in list(mimic.glob("files/*/*/*.txt")):
        target = mimic / "mimic-cxr-reports" / path.relative_to(mimic)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    assert all(study.report for study in Manifest(run("mimic-cxr", mimic).manifest))


def test_some_reports_are_missing(mimic: Path, run: Prepare) -> None:
    next(iter(mimic.glob("files/p11/*/*.txt"))).unlink()
    assert "studies without a report file: 1" in run("mimic-cxr", mimic).notes


def test_all_reports_are_missing(mimic: Path, run: Prepare, tmp_path: Path) -> None:
    for path in mimic.glob("files/*/*/*.txt"):
        path.unlink()
    with pytest.raises(DataError, match=r"the reports are missing .* unpack those of https://physionet.org"):
        run("mimic-cxr", mimic)
    assert not (tmp_path / "out").exists()
    outcome = run("mimic-cxr", mimic, settings={"reports": "no"})
    assert outcome.summary.reports.total() == 0
    assert outcome.summary.studies.total() == 4


def test_sizes_come_from_the_metadata_where_images_are_missing(mimic: Path, run: Prepare) -> None:
    for path in mimic.glob("files/*/*/*/*.jpg"):
        path.unlink()
    outcome = run("mimic-cxr", mimic, allow_missing=True)
    assert len(outcome.missing) == 5
    assert Manifest(outcome.manifest)[0].images[0].height == 3056


@pytest.mark.parametrize("kind", ["split", "metadata", "chexpert"])
def test_a_missing_table_is_named(mimic: Path, run: Prepare, kind: str) -> None:
    (mimic / f"mimic-cxr-2.0.0-{kind}.csv.gz").unlink()
    with pytest.raises(DataError, match=f"mimic-cxr-2.0.0-{kind}.csv.gz .*physionet.org"):
        run("mimic-cxr", mimic)


def test_negbio_stands_in_for_chexpert(mimic: Path, run: Prepare) -> None:
    (mimic / "mimic-cxr-2.0.0-chexpert.csv.gz").rename(mimic / "mimic-cxr-2.0.0-negbio.csv.gz")
    assert Manifest(run("mimic-cxr", mimic).manifest)[0].labels == {"Effusion": 0.0}


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("split", "dicom_id,study_id,subject_id,split\nd,1,1,dev\n", "line 2: 'dev' is not a part"),
        ("chexpert", "subject_id,study_id,Edema\n1,2,maybe\n", "line 2: Edema is 'maybe', not 1, 0 or -1"),
        ("metadata", "dicom_id,subject_id\n1,2\n", "has no column 'study_id'"),
    ],
)
def test_a_broken_table_is_named(mimic: Path, run: Prepare, kind: str, text: str, message: str) -> None:
    table(mimic, kind, text)
    with pytest.raises(DataError, match=message):
        run("mimic-cxr", mimic)


def test_a_table_that_is_cut_short(mimic: Path, run: Prepare) -> None:
    path = mimic / "mimic-cxr-2.0.0-metadata.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read near line"):
        run("mimic-cxr", mimic)


def test_text_that_has_no_place_is_counted(mimic: Path, run: Prepare) -> None:
    path = next(mimic.rglob("s50414267.txt"))
    path.write_text(REPORT + "\n BILLING CODE:  71046.\n")
    notes = run("mimic-cxr", mimic).notes
    assert "text under 1 unknown headings is in no section, such as BILLING CODE (1)" in notes
    for report in mimic.rglob("*.txt"):
        report.write_text("INDICATION: Cough.")
    notes = run("mimic-cxr", mimic).notes
    assert notes[-1].endswith("reports have neither findings nor impression")


def test_the_prior_is_the_last_study_before_of_the_same_patient(mimic: Path, run: Prepare) -> None:
    made = {  # study to patient, date and time
        "53189527": ("10000032", "21800626", "165500.312"),
        "50414267": ("10000032", "21800506", "213014.531"),
        "57375967": ("11000764", "21800507", "080000"),
        "50771383": ("19000898", "", ""),
    }
    rows = [
        f"{dicom},{subject},{study},{view},3056,2544,{made[study][1]},{made[study][2]}\n"
        for dicom, subject, study, view, _ in IMAGES
    ]
    heading = "dicom_id,subject_id,study_id,ViewPosition,Rows,Columns,StudyDate,StudyTime\n"
    table(mimic, "metadata", heading + "".join(rows))
    priors = {study.id: study.prior for study in Manifest(run("mimic-cxr", mimic).manifest)}
    assert priors == {"s53189527": "s50414267", "s50414267": None, "s57375967": None, "s50771383": None}


def test_time_decides_on_one_day_and_equal_times_are_no_order() -> None:
    day = 21800506
    times = {("1", "c"): (day, 9.5), ("1", "a"): (day, 10.0), ("1", "b"): (day, 10.0), ("2", "z"): (1, 0.0)}
    assert _priors(times) == {"a": "c", "b": "c"}

"""Which files are images, and which images make one study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    SegmentationStorage,
    generate_uid,
)

from radscribe.inference.studies import group


def dicom(path: Path, uid: str = "", pixels: bool = True, **elements: Any) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    if uid:
        dataset.StudyInstanceUID = uid
    if pixels:
        dataset.Rows = dataset.Columns = 2
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.PixelData = b"\0" * 4
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    return path


def images(*paths: Path) -> list[list[str]]:
    return [[Path(file).name for file in study.files] for study in group(paths).studies]


def test_dicom_files_of_one_study_uid_are_one_study(tmp_path: Path) -> None:
    a, b = dicom(tmp_path / "a.dcm", "1.2.3"), dicom(tmp_path / "b.dcm", "1.2.9")
    c = dicom(tmp_path / "c.dcm", "1.2.3")
    studies = group([a, b, c]).studies
    assert [(s.name, s.images) for s in studies] == [("1.2.3", (a, c)), ("1.2.9", (b,))]
    assert not any(study.warnings for study in studies)


def test_dicom_files_without_a_study_uid_are_studies_of_their_own(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm")
    dicom(tmp_path / "b.dcm")
    assert images(tmp_path) == [["a.dcm"], ["b.dcm"]]


@pytest.mark.parametrize("count", [2, 3, 8, 9, 30])
def test_pictures_in_a_folder_are_studies_of_their_own_whatever_their_number(
    tmp_path: Path, count: int
) -> None:
    names = [picture(tmp_path / f"{i:02}.png").name for i in range(count)]
    assert images(tmp_path) == [[name] for name in names]


@pytest.mark.parametrize(
    "together",
    [
        ("1000_IM-0003-1001.dcm.png", "1000_IM-0003-2001.dcm.png", "1000_IM-0003-3001.dcm.png"),
        ("1000_IM-0003-1001.jpg", "1000_IM-0003-1002.jpg"),
        ("CXR1000_IM-0003-1001.png", "CXR1000_IM-0003-2001.png"),
        ("CXR1_1_IM-0001-3001.png", "CXR1_1_IM-0001-4001.png"),
        ("1015_IM-0001-1001.png", "1015_IM-0013-1001.png"),
        ("CXR2384_IM-0942/0.png", "CXR2384_IM-0942/1.png"),
        ("CXR1_1_IM-0001/0.png", "CXR1_1_IM-0001/1.png"),
        ("p10/p10000032/s50414267/02aa804e-bde0afdd.jpg", "p10/p10000032/s50414267/174413ec-4ec4c1f7.jpg"),
        ("patient00001/study1/view1_frontal.jpg", "patient00001/study1/view2_lateral.jpg"),
    ],
)
def test_names_of_published_collections_say_what_belongs_together(
    tmp_path: Path, together: tuple[str, ...]
) -> None:
    for name in together:
        picture(tmp_path / name)
    other = picture(tmp_path / "1001_IM-0004-1001.png")
    assert sorted(images(tmp_path)) == sorted([[Path(name).name for name in together], [other.name]])


@pytest.mark.parametrize(
    "apart",
    [
        ("00000001_000.png", "00000001_001.png"),  # NIH: one image per study
        ("ann-frontal.png", "ann-lateral.png"),
        ("IM-0001-0001.png", "IM-0001-0002.png"),
        ("p10000032/s50414267/a.jpg", "p10000032/s50414268/b.jpg"),
        ("patient00001/study1/view1_frontal.jpg", "patient00001/study2/view1_frontal.jpg"),
        ("study1/a.png", "study1/b.png"),
        ("1000_IM-0003-1001.png", "other/1000_IM-0003-2001.png"),
    ],
)
def test_other_names_say_nothing(tmp_path: Path, apart: tuple[str, ...]) -> None:
    for name in apart:
        picture(tmp_path / name)
    assert len(group([tmp_path]).studies) == 2


def test_the_user_may_say_that_all_are_one_study(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "a.png"), picture(tmp_path / "d" / "b.png")
    (study,) = group([a, tmp_path / "d"], together=True).studies
    assert study.images == (a, b)


def patients(tmp_path: Path, *people: dict[str, Any]) -> list[list[str]]:
    for number, person in enumerate(people):
        dicom(tmp_path / f"{number}.dcm", "1.2.3", **person)
    return images(tmp_path)


def test_twelve_patients_under_one_study_uid_are_twelve_drafts(tmp_path: Path) -> None:
    found = patients(tmp_path, *({"PatientID": f"P{i}"} for i in range(12)))
    assert sorted(found) == sorted([[f"{i}.dcm"] for i in range(12)])
    studies = group([tmp_path]).studies
    assert len({study.name for study in studies}) == 12
    for study in studies:
        (warning,) = study.warnings
        assert "12 different patients" in warning
        assert all(f"{i}.dcm" in warning for i in range(12))
        assert "P1" not in warning


@pytest.mark.parametrize(
    ("people", "groups"),
    [
        ([{"PatientID": "A"}, {"PatientID": "A"}, {"PatientID": "B"}], 2),
        ([{"PatientID": "A", "PatientName": "X^Y"}, {"PatientID": "A", "PatientName": "Z"}], 1),
        ([{"PatientName": "Doe^Jane"}, {"PatientName": "Doe^Jane"}], 1),
        ([{"PatientName": "Doe^Jane"}, {"PatientName": "DOE JANE"}], 1),
        ([{"PatientName": "Doe^Jane"}, {"PatientName": "Roe^Jane"}], 2),
        (
            [
                {"PatientName": "Doe", "PatientBirthDate": "19500101"},
                {"PatientName": "Doe", "PatientBirthDate": "19600101"},
            ],
            2,
        ),
        ([{"PatientID": "A"}, {}], 1),
        ([{}, {"PatientID": "A"}], 1),
        ([{}, {"PatientID": "A"}, {"PatientID": "B"}], 3),  # the unnamed one may be either's
        ([{"PatientID": "A", "PatientName": "Doe"}, {"PatientName": "Doe"}, {"PatientID": "B"}], 3),
        ([{}, {}], 1),
    ],
)
def test_different_patients_are_never_merged(
    tmp_path: Path, people: list[dict[str, str]], groups: int
) -> None:
    found = patients(tmp_path, *people)
    assert len(found) == groups
    assert sorted(name for names in found for name in names) == [f"{i}.dcm" for i in range(len(people))]


def test_different_patients_are_kept_apart_even_when_the_user_says_together(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", "1.2.3", PatientID="A")
    dicom(tmp_path / "b.dcm", "1.2.4", PatientID="B")
    studies = group([tmp_path], together=True).studies
    assert [len(study.images) for study in studies] == [1, 1]
    assert "2 different patients" in studies[0].warnings[0]


def test_the_first_bytes_decide_what_is_an_image(tmp_path: Path) -> None:
    dicom(tmp_path / "1.2.826.0.1.3680043.8.498.77", "1.1")
    dicom(tmp_path / "CR.1.2.826.0.1.3680043.8.498.78", "1.2")
    dicom(tmp_path / "IM0001.IMA", "1.3")
    dicom(tmp_path / "IM0002", "1.4")
    picture(tmp_path / "film.jpg")
    picture(tmp_path / "film")
    grouping = group([tmp_path])
    assert len(grouping.studies) == 6
    assert grouping.describe_skipped() is None


def test_what_is_skipped_is_counted_in_one_line(tmp_path: Path) -> None:
    picture(tmp_path / "chest.png")
    picture(tmp_path / ".hidden.png")
    picture(tmp_path / ".cache" / "thumb.png")
    picture(tmp_path / "__MACOSX" / "chest.png")
    (tmp_path / "._chest.png").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "apple.png").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    dicom(tmp_path / "report.dcm", "1.1", pixels=False, SOPClassUID=BasicTextSRStorage)
    dicom(tmp_path / "mask.dcm", "1.1", SOPClassUID=SegmentationStorage)
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "labels.csv").write_text("a,b")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    grouping = group([tmp_path])
    assert images(tmp_path) == [["chest.png"]]
    assert grouping.describe_skipped() == (
        "skipped 13 files that hold no image: 3 hidden files, 3 system files, 1 DICOMDIR, "
        "2 DICOM objects that are not images, 4 files that are not images"
    )


def test_a_damaged_image_in_a_folder_is_read_so_that_its_error_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    (tmp_path / "text.png").write_text("not a picture")
    assert images(tmp_path) == [["empty.dcm"], ["text.png"]]


def test_a_file_that_is_named_is_never_skipped(tmp_path: Path) -> None:
    hidden = picture(tmp_path / ".chest.png")
    (tmp_path / "notes.txt").write_text("text")
    assert images(hidden, tmp_path / "notes.txt") == [[".chest.png"], ["notes.txt"]]


def test_what_is_missing_or_empty_stays_a_study_so_that_reading_can_say_why(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    missing = tmp_path / "missing.png"
    studies = group([missing, tmp_path / "empty"]).studies
    assert [s.images for s in studies] == [(missing,), (tmp_path / "empty",)]
    (alone,) = group([tmp_path / "empty"], together=True).studies
    assert alone.images == (tmp_path / "empty",)


def test_a_path_named_twice_is_one_image(tmp_path: Path) -> None:
    a = picture(tmp_path / "a.png")
    assert images(a, a, tmp_path) == [["a.png"]]


def test_the_cases_that_once_went_wrong(shared_cases: Path) -> None:
    uid_named = group([shared_cases / "18_uid_named_files"])
    assert sum(len(study.images) for study in uid_named.studies) == 5
    twelve = group([shared_cases / "22_twelve_patients_one_study_uid"]).studies
    assert [len(study.images) for study in twelve] == [1] * 12

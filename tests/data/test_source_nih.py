"""NIH ChestX-ray14 over twelve folders, with its official lists and boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.data.study import Box
from radscribe.errors import DataError
from radscribe.labels import CHESTXRAY14

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]
HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
FINDINGS = ("No Finding", "Cardiomegaly|Effusion", "Hernia", "Infiltration", "Pleural_Thickening")
PATIENTS, FOLLOW_UPS = 24, 2


def names() -> list[str]:
    return [
        f"{patient:08}_{follow_up:03}.png"
        for patient in range(1, PATIENTS + 1)
        for follow_up in range(FOLLOW_UPS)
    ]


@pytest.fixture
def nih(tmp_path: Path, picture: Picture) -> Path:
    """A download: 24 patients with two images each; every sixth patient is of the test list."""
    src = tmp_path / "nih"
    rows = [HEADER]
    for number, name in enumerate(names()):
        picture(src / f"images_{number % 12 + 1:03}" / "images" / name, number)
        view = "AP" if number % 3 else "PA"
        finding = FINDINGS[number % len(FINDINGS)]
        rows.append(f"{name},{finding},0,{int(name[:8])},058Y,M,{view},2682,2749,0.143,0.143,")
    (src / "Data_Entry_2017_v2020.csv").write_text("\n".join(rows) + "\n")
    is_test = {name: int(name[:8]) % 6 == 0 for name in names()}
    (src / "test_list.txt").write_text("".join(f"{name}\n" for name in names() if is_test[name]))
    (src / "train_val_list.txt").write_text("\r\n".join(name for name in names() if not is_test[name]))
    (src / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "00000001_000.png,Atelectasis,225.084745762712,547.019216763771,86.7796610169491,79.1864406779661,,,\n"
        "00000002_001.png,Infiltrate,1,2,3,4,,,\n"
    )
    return src


def test_the_official_parts_with_validation_carved_out_by_patient(nih: Path, run: Prepare) -> None:
    outcome = run("nih-cxr14", nih, check=True)
    studies = list(Manifest(outcome.manifest))
    assert len(studies) == PATIENTS * FOLLOW_UPS
    parts = {study.id: study.split for study in studies}
    assert {study.patient_id for study in studies if study.split == "test"} == {"6", "12", "18", "24"}
    assert set(parts.values()) == {"train", "val", "test"}
    by_patient = {(study.patient_id, study.split) for study in studies}
    assert len(by_patient) == PATIENTS
    assert outcome.leaks is not None
    assert (outcome.leaks.leaks, outcome.leaks.images) == ((), 48)


def test_images_labels_views(nih: Path, run: Prepare) -> None:
    manifest = Manifest(run("nih-cxr14", nih).manifest)
    first, second = manifest[0], manifest[1]
    assert (first.id, first.patient_id, first.report) == ("00000001_000", "1", None)
    assert (first.images[0].path, first.images[0].view) == ("images_001/images/00000001_000.png", "PA")
    assert (first.images[0].width, first.images[0].height) == (96, 80)
    assert (second.images[0].path, second.images[0].view) == ("images_002/images/00000001_001.png", "AP")
    assert first.labels == dict.fromkeys(CHESTXRAY14, 0.0)
    assert [finding for finding, value in second.labels.items() if value] == ["Cardiomegaly", "Effusion"]
    assert manifest[4].labels["Pleural_Thickening"] == 1.0


def test_boxes(nih: Path, run: Prepare, tmp_path: Path) -> None:
    run("nih-cxr14", nih)
    boxes = {s.id: s.images[0].boxes for s in Manifest(tmp_path / "out") if s.images[0].boxes}
    (first,), (second,) = boxes["00000001_000"], boxes["00000002_001"]
    in_pixels = [1024 * side for side in (first.x, first.y, first.width, first.height)]
    assert in_pixels == pytest.approx([225.08474, 547.01921, 86.77966, 79.18644], abs=1e-4)
    assert second == Box("Infiltration", 1 / 1024, 2 / 1024, 3 / 1024, 4 / 1024)


def test_the_older_table_and_images_in_one_folder_and_no_boxes(nih: Path, run: Prepare) -> None:
    (nih / "Data_Entry_2017_v2020.csv").rename(nih / "Data_Entry_2017.csv")
    (nih / "BBox_List_2017.csv").unlink()
    (nih / "images").mkdir()
    for path in list(nih.glob("images_*/images/*.png")):
        path.rename(nih / "images" / path.name)
    outcome = run("nih-cxr14", nih)
    assert Manifest(outcome.manifest)[5].images[0].path == "images/00000003_001.png"
    assert "there is no BBox_List_2017.csv, so no image has boxes" in outcome.notes


@pytest.mark.parametrize("name", ["train_val_list.txt", "test_list.txt", "Data_Entry_2017_v2020.csv"])
def test_what_is_missing_is_named(nih: Path, run: Prepare, name: str) -> None:
    (nih / name).unlink()
    with pytest.raises(DataError, match=rf"{name}.* is missing from the download; get it from https://nihcc"):
        run("nih-cxr14", nih)


def test_a_missing_folder_of_images_is_counted(nih: Path, run: Prepare) -> None:
    for path in (nih / "images_003" / "images").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="4 of 48 images are missing or unreadable: images_001/images/"):
        run("nih-cxr14", nih)


def test_adding_patients_moves_no_others(nih: Path, run: Prepare) -> None:
    before = {study.id: study.split for study in Manifest(run("nih-cxr14", nih).manifest)}
    table, listed = nih / "Data_Entry_2017_v2020.csv", nih / "train_val_list.txt"
    table.write_text(table.read_text() + "00000099_000.png,Mass,0,99,058Y,M,PA,2682,2749,0.143,0.143,\n")
    listed.write_text(listed.read_text() + "\n00000099_000.png\n")
    after = {study.id: study.split for study in Manifest(run("nih-cxr14", nih, allow_missing=True).manifest)}
    assert len(after) == len(before) + 1
    assert after.items() >= before.items()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "Data_Entry_2017_v2020.csv",
            "Hernia",
            "Hernai",
            "line 4: 'Hernai' is not a finding",
        ),
        ("BBox_List_2017.csv", "1,2,3,4", "1,2,x,4", r"line 3: is not a box"),
    ],
)
def test_what_is_broken_is_named(
    nih: Path, run: Prepare, name: str, old: str, new: str, message: str
) -> None:
    (nih / name).write_text((nih / name).read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        run("nih-cxr14", nih)


def test_without_the_lists_all_parts_are_by_patient_and_small_copies_come_last(
    nih: Path, run: Prepare, picture: Picture
) -> None:
    for name in ("train_val_list.txt", "test_list.txt"):
        (nih / name).unlink()
    (nih / "published").mkdir()
    (nih / "BBox_List_2017.csv").rename(nih / "published" / "BBox_List_2017.csv")
    picture(nih / "images64" / "00000001_000.png", 1, (64, 64))
    with pytest.raises(DataError, match="or give --set split=patients"):
        run("nih-cxr14", nih)
    manifest = Manifest(run("nih-cxr14", nih, settings={"split": "patients"}).manifest)
    assert {study.split for study in manifest} == {"train", "val", "test"}
    assert len({(study.patient_id, study.split) for study in manifest}) == PATIENTS
    assert manifest[0].images[0].path == "images_001/images/00000001_000.png"
    assert manifest[0].images[0].boxes

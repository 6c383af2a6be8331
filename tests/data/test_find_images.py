"""Images are found under another suffix, in another folder, or not at all; training uses those found."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from radscribe.data.image_files import ImageFiles, iu_uid
from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.errors import DataError, UsageError

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("listed", "stored"),
    [
        ("1000_IM-0003-1001.dcm.png", "1000_IM-0003-1001.jpg"),
        ("00000001_000.png", "00000001_000.jpg"),
        ("a.jpg", "a.JPEG"),
        ("a.dcm", "a.png"),
        ("a", "a.png"),
        ("CXR54_IM-2145-1001.png", "54_IM-2145-1001.dcm.png"),
        ("1.2.840.5", "1.2.840.5.dcm"),
        ("photo.v2.jpeg", "photo.v2.png"),
    ],
)
def test_a_copy_of_another_format_is_found(
    tmp_path: Path, picture: Picture, listed: str, stored: str
) -> None:
    target = tmp_path / "images" / stored
    picture(tmp_path / "images" / "drawn.png", 1).rename(target)
    assert ImageFiles(tmp_path, ["images"]).find(listed) == f"images/{stored}"


def test_the_exact_name_wins_and_then_the_first_folder(tmp_path: Path, picture: Picture) -> None:
    for name in ("one/a.jpg", "two/a.png", "two/a.jpg"):
        picture(tmp_path / name, 1)
    files = ImageFiles(tmp_path, ["one", "two"])
    assert files.find("a.png") == "one/a.jpg"
    assert ImageFiles(tmp_path, ["two"]).find("a.jpg") == "two/a.jpg"
    assert ImageFiles(tmp_path, ["two"]).find("a.webp") == "two/a.png"  # lossless before lossy
    assert files.find("b.png") is None
    assert files.path("b.png") == "one/b.png"


def test_below_a_folder_a_name_must_be_the_only_one(tmp_path: Path, picture: Picture) -> None:
    for name in ("x/0.png", "y/0.png", "y/deep/only.jpg"):
        picture(tmp_path / name, 1)
    files = ImageFiles(tmp_path, deep=True)
    assert files.find("elsewhere/only.dcm.png") == "y/deep/only.jpg"
    assert files.find("x/0.jpg") == "x/0.png"
    assert files.find("z/0.png") is None


LAYOUTS = {
    "iu-kaggle": {
        "indiana_reports.csv": "uid,MeSH,indication,comparison,findings,impression\n1,normal,,,Clear.,\n",
        "indiana_projections.csv": "uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n",
    },
    "nih-cxr14": {
        "Data_Entry_2017.csv": "Image Index,Finding Labels,Patient ID,View Position\n1_000.png,Mass,1,PA\n",
        "train_val_list.txt": "1_000.png\n",
        "test_list.txt": "",
    },
    "covid-chestxray": {
        "metadata.csv": "filename,patientid,view,finding,clinical_notes\n1_000.png,1,PA,,\n",
    },
    "mimic-cxr": {
        "mimic-cxr-2.0.0-metadata.csv": "dicom_id,subject_id,study_id,ViewPosition,Rows,Columns\n"
        "a,10,5,PA,1,1\n",
        "mimic-cxr-2.0.0-split.csv": "dicom_id,study_id,subject_id,split\na,5,10,train\n",
        "mimic-cxr-2.0.0-chexpert.csv": "subject_id,study_id,Pneumonia\n10,5,1.0\n",
        "files/p10/p10/s5.txt": "FINDINGS: Clear.",
    },
    "r2gen": {
        "annotation.json": '{"train": [{"id": "CXR1_IM-0001", "report": "Clear.", '
        '"image_path": ["CXR1_IM-0001/0.png"]}], "val": [], "test": []}',
    },
    "table": {"t.csv": "image,text\nsub/1_000.png,Clear.\n"},
    "imagefolder": {"metadata.jsonl": '{"file_name": "1_000.png", "findings": "Clear."}\n'},
}  # fmt: skip
STORED = {
    "iu-kaggle": "images/images_normalized/1_IM-0001-4001.jpg",
    "nih-cxr14": "images_001/images/1_000.jpg",
    "covid-chestxray": "images/1_000.jpeg",
    "mimic-cxr": "files/p10/p10/s5/a.png",
    "r2gen": "images/CXR1_IM-0001/0.jpg",
    "table": "sub/1_000.jpg",
    "imagefolder": "1_000.webp",
}


@pytest.mark.parametrize("source", LAYOUTS)
def test_every_source_finds_a_resized_copy(
    source: str, tmp_path: Path, run: Prepare, picture: Picture
) -> None:
    src = tmp_path / source
    for name, content in LAYOUTS[source].items():
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_text(content)
    picture(src / STORED[source], 1)
    manifest = Manifest(run(source, src).manifest)
    assert [file.is_file() for study in manifest for file in study.files] == [True]
    assert manifest[0].images[0].width == 96


@pytest.mark.parametrize("source", [name for name in LAYOUTS if name != "table"])
def test_every_source_finds_its_images_in_another_folder(
    source: str, tmp_path: Path, run: Prepare, picture: Picture
) -> None:
    src, elsewhere = tmp_path / source, tmp_path / "copies"
    for name, content in LAYOUTS[source].items():
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        (src / name).write_text(content)
    place = STORED[source].removeprefix("images/") if source == "r2gen" else Path(STORED[source]).name
    picture(elsewhere / place, 1)
    manifest = Manifest(run(source, src, settings={"images": str(elsewhere)}).manifest)
    assert [file.resolve() for file in manifest[0].files] == [elsewhere / place]


def test_a_folder_of_images_that_is_not_there(tmp_path: Path, run: Prepare) -> None:
    for name, content in LAYOUTS["iu-kaggle"].items():
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=r"--set images=nowhere: there is no such folder"):
        run("iu-kaggle", tmp_path, settings={"images": "nowhere"})


@pytest.fixture
def half(tmp_path: Path, picture: Picture) -> Path:
    """Three studies of which one has all, one some and one none of its images."""
    src = tmp_path / "half"
    picture(src / "a.png", 1)
    picture(src / "b1.png", 2)
    (src / "t.csv").write_text("image,s,part\na.png,a,train\nb1.png,b,train\nb2.png,b,train\nc.png,c,test\n")
    return src


SETTINGS = {"study": "s", "split": "part"}


def test_missing_images_are_marked_and_left_out_of_what_trains(half: Path, run: Prepare) -> None:
    outcome = run("table", half, settings=SETTINGS, allow_missing=True)
    assert outcome.missing == ["b2.png", "c.png"]
    manifest = Manifest(outcome.manifest)
    assert [[image.missing for image in study.images] for study in manifest] == [
        [False],
        [False, True],
        [True],
    ]
    trained = list(manifest.split("train", with_images=True))
    assert [[image.path for image in study.images] for study in trained] == [["a.png"], ["b1.png"]]
    assert [file.name for file in manifest[1].files] == ["b1.png"]
    assert len(manifest.split("test")) == 1  # its report can still be scored
    with pytest.raises(DataError, match="has no study with an image in its test part"):
        manifest.split("test", with_images=True)


def test_missing_images_can_be_dropped(half: Path, run: Prepare) -> None:
    outcome = run("table", half, settings=SETTINGS, drop_missing=True)
    studies = list(Manifest(outcome.manifest))
    assert [[image.path for image in study.images] for study in studies] == [["a.png"], ["b1.png"]]
    assert outcome.summary.studies == {"train": 2}


def test_a_manifest_whose_images_have_moved(half: Path, run: Prepare, tmp_path: Path) -> None:
    first = Manifest(run("table", half, settings=SETTINGS, drop_missing=True).manifest)
    shutil.copytree(first.path.parent, tmp_path / "kept")
    (tmp_path / "moved" / "deep").mkdir(parents=True)
    for file in half.glob("*.png"):
        file.rename(tmp_path / "moved" / "deep" / file.name)
    outcome = run("manifest", tmp_path / "kept", settings={"images": str(tmp_path / "moved")})
    assert all(file.is_file() for study in Manifest(outcome.manifest) for file in study.files)


@pytest.mark.parametrize(
    ("study", "uid"),
    [
        ("CXR2384_IM-0942", "2384"),
        ("CXR2384", "2384"),
        ("CXR1_1_IM-0001", "1"),
        ("2384", None),
        ("CXRx", None),
    ],
)
def test_the_number_of_an_indiana_study(study: str, uid: str | None) -> None:
    assert iu_uid(study) == uid


def test_studies_are_excluded_by_study_patient_or_image(half: Path, run: Prepare, tmp_path: Path) -> None:
    (half / "t.csv").write_text("image,who\na.png,p1\nb1.png,p2\n")
    names = tmp_path / "out.txt"
    for line, kept in (("a", "b1"), ("p1", "b1"), ("a.jpg", "b1"), ("# a\n\n b1 ", "a")):
        names.write_text(f"{line}\nnobody\n")
        outcome = run("table", half, settings={"patient": "who"}, exclude=names)
        assert [study.id for study in Manifest(outcome.manifest)] == [kept]
        assert outcome.notes[-1].startswith("left out 1 studies that out.txt names; 1 of its")


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), ("\n# no\n", "names no study")])
def test_a_list_of_exclusions_that_is_none(
    half: Path, run: Prepare, tmp_path: Path, content: str | None, message: str
) -> None:
    names = tmp_path / "out.txt"
    if content is not None:
        names.write_text(content)
    with pytest.raises(DataError, match=message):
        run("table", half, exclude=names, allow_missing=True)


def test_an_image_with_features_is_not_missing(half: Path, run: Prepare, tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", name=np.array(["a.png", "b1.png", "b2.png"]), pooled=np.ones((3, 4)))
    outcome = run("table", half, settings=SETTINGS, allow_missing=True, features=tmp_path / "f.npz")
    marked = {image.path: image.missing for s in Manifest(outcome.manifest) for image in s.images}
    assert marked == {"a.png": False, "b1.png": False, "b2.png": False, "c.png": True}

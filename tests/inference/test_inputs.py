"""Which files make one study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from radscribe.data.study import ImageRef, Study
from radscribe.errors import UsageError
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.inference.inputs import MOST_VIEWS, as_study, group


def dicom(path: Path, uid: str) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.StudyInstanceUID = uid
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    return path


def test_dicom_files_of_one_study_uid_are_one_study(tmp_path: Path) -> None:
    a, b = dicom(tmp_path / "a.dcm", "1.2.3"), dicom(tmp_path / "b.dcm", "1.2.9")
    c = dicom(tmp_path / "c.dcm", "1.2.3")
    studies = group([a, b, c])
    assert [(s.name, s.images) for s in studies] == [("1.2.3", (a, c)), ("1.2.9", (b,))]


def test_pictures_are_studies_of_their_own_unless_their_names_say_otherwise(tmp_path: Path) -> None:
    names = [
        "CXR2384_IM-0942-1001.png",
        "CXR2384_IM-0942-2001.png",
        "x.png",
        "ann-frontal.png",
        "ann-lateral.png",
    ]
    studies = group([picture(tmp_path / name) for name in names])
    assert [len(s.images) for s in studies] == [2, 1, 2]


def test_a_folder_of_views_is_a_study_and_a_folder_of_many_is_a_collection(tmp_path: Path) -> None:
    views = [picture(tmp_path / "one" / f"{i}.png") for i in range(3)]
    many = [picture(tmp_path / "many" / f"{i:02}.png") for i in range(MOST_VIEWS + 1)]
    assert [s.images for s in group([tmp_path / "one"])] == [tuple(views)]
    assert [s.images for s in group([tmp_path / "many"])] == [(file,) for file in many]


def test_sub_folders_are_studies_of_their_own(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "p" / "s1" / "0.png"), picture(tmp_path / "p" / "s2" / "0.png")
    assert [s.images for s in group([tmp_path / "p"])] == [(a,), (b,)]


def test_all_together_by_order(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "a.png"), picture(tmp_path / "d" / "b.png")
    (study,) = group([a, tmp_path / "d"], together=True)
    assert study.images == (a, b)


def test_what_is_missing_or_empty_stays_a_study_so_that_reading_can_say_why(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    missing = tmp_path / "missing.png"
    assert [s.images for s in group([missing, tmp_path / "empty"])] == [(missing,), (tmp_path / "empty",)]


def test_a_path_named_twice_is_one_image(tmp_path: Path) -> None:
    a = picture(tmp_path / "a.png")
    assert [s.images for s in group([a, a])] == [(a,)]


def test_sources_of_every_kind(tmp_path: Path) -> None:
    radiograph = Radiograph(np.zeros((64, 64), np.float32), provenance=Provenance(path="x.dcm"))
    assert as_study(radiograph).files == ("x.dcm",)
    assert as_study([radiograph, tmp_path / "b.png"]).files == ("x.dcm", str(tmp_path / "b.png"))
    study = Study("s1", (ImageRef("a.png"), ImageRef("b.png")))
    assert (as_study(study).name, as_study(study).files) == ("s1", ("a.png", "b.png"))
    eight = as_study(np.array([[0, 255]], np.uint8)).images[0]
    assert isinstance(eight, Radiograph)
    assert eight.pixels.tolist() == [[0.0, 1.0]]
    sixteen = as_study(np.array([[0, 65535]], np.uint16)).images[0]
    assert isinstance(sixteen, Radiograph)
    assert sixteen.pixels.tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 5)), np.zeros((1, 2, 3, 4)), np.array([["a"]]), []])
def test_what_is_no_image_is_told(wrong: object) -> None:
    with pytest.raises(UsageError):
        as_study(wrong)


@pytest.mark.parametrize("wrong", [5, None, [5], [None]])
def test_what_is_no_study_is_told(wrong: object) -> None:
    with pytest.raises(UsageError, match="not an image: "):
        as_study(wrong)


def test_a_study_without_images_is_told() -> None:
    with pytest.raises(UsageError, match="s1: a study needs at least one image"):
        as_study(Study("s1", ()))


def test_an_empty_folder_alone_stays_a_study_so_that_reading_can_say_why(tmp_path: Path) -> None:
    (study,) = group([tmp_path], together=True)
    assert study.images == (tmp_path,)


def test_a_study_of_a_manifest_has_its_files_below_the_manifests_root(tmp_path: Path) -> None:
    study = Study("one", (ImageRef("a.png"),), root=tmp_path)
    assert as_study(study).images == (tmp_path / "a.png",)


def test_a_colour_array_is_read_as_pillow_reads_it() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    (image,) = as_study(colours).images
    assert isinstance(image, Radiograph)
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.abs(image.pixels * 255 - grey).max() <= 1

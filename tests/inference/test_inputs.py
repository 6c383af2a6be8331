"""What a caller may hand over as one study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radscribe.data.study import ImageRef, Study
from radscribe.errors import UsageError
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.inference.inputs import as_study
from radscribe.inference.prepare import Preparer


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


def test_a_study_of_a_manifest_has_its_files_below_the_manifests_root(tmp_path: Path) -> None:
    study = Study("one", (ImageRef("a.png"),), root=tmp_path)
    assert as_study(study).images == (tmp_path / "a.png",)


def test_a_colour_array_is_read_as_pillow_reads_it() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    (image,) = as_study(colours).images
    assert isinstance(image, Radiograph)
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    assert np.abs(image.pixels * 255 - grey).max() <= 1


def test_a_large_jpeg_is_decoded_at_reduced_resolution_unless_it_must_be_exact(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (640, 512), dtype=np.uint8)
    Image.fromarray(pixels).resize((1024, 1280), Image.Resampling.BICUBIC).save(tmp_path / "film.jpg")
    prepare, study = Preparer(64, ("frontal",)), as_study(tmp_path / "film.jpg")
    exact, reduced, shown = (
        prepare(study, True, keep_originals=originals, exact=exactly)
        for exactly, originals in ((True, False), (False, False), (False, True))
    )
    difference = np.abs(exact.images[0] - reduced.images[0])
    assert 0 < difference.mean() < 0.05
    # Evidence changes nothing about the caption, and its picture has every pixel.
    np.testing.assert_array_equal(shown.images[0], reduced.images[0])
    assert shown.originals[0].shape == (1280, 1024)

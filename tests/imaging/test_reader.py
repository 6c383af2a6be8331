"""What `read` refuses whatever the format, each with the exact line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radscribe.errors import ImageError
from radscribe.imaging.limits import check_pixels, one_line
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize


def refusal(path: Path | str) -> str:
    with pytest.raises(ImageError) as caught:
        read(path)
    return str(caught.value)


def test_a_missing_path(tmp_path: Path) -> None:
    path = tmp_path / "no" / "such.png"
    assert refusal(path) == f"{path}: there is no such file; check the path"


def test_a_directory(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: is a directory; name the files in it"


def test_a_file_used_as_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    path = tmp_path / "file" / "image.png"
    assert refusal(path) == f"{path}: cannot be opened: Not a directory; check the path"


def test_a_zero_byte_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.dcm"
    path.touch()
    assert refusal(path) == f"{path}: is empty (0 bytes); copy or export it again"


@pytest.mark.parametrize("text", ["x", "a report\nof two lines\n", "<html>" * 100])
def test_a_text_file_named_png(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.png"
    path.write_text(text)
    assert refusal(path) == (
        f"{path}: is not an image that radscribe reads; give a DICOM, PNG, JPEG, BMP, TIFF or WebP file"
    )


def test_a_null_byte_in_the_path() -> None:
    assert "cannot be opened: the path holds a null byte" in refusal("a\0b.png")


def test_a_name_of_several_lines_stays_one_line(tmp_path: Path) -> None:
    assert "\n" not in refusal(tmp_path / "two\nlines.png")


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xf6ntgen.png"))
    assert "there is no such file" in refusal(path)
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)).save(path)
    assert read(path).pixels.shape == (64, 64)


@pytest.mark.parametrize(("width", "height"), [(63, 200), (200, 63), (1, 1)])
def test_under_64_pixels(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "small.png"
    Image.linear_gradient("L").resize((width, height)).save(path)
    assert refusal(path) == f"{path}: is {width}x{height} pixels; give an image of at least 64 px"


@pytest.mark.parametrize("value", [0, 128, 255])
def test_one_constant_value(tmp_path: Path, value: int) -> None:
    path = tmp_path / "blank.png"
    Image.new("L", (64, 64), value).save(path)
    assert refusal(path) == f"{path}: holds nothing: all pixels have one value; give another image"


def test_values_that_are_not_numbers() -> None:
    pixels = np.zeros((64, 64), np.float32)
    pixels[3, 3] = np.nan
    with pytest.raises(ImageError, match="values that are not numbers"):
        check_pixels(pixels, "memory")


def test_what_a_decoder_says_becomes_one_short_line() -> None:
    assert one_line(ValueError("two\n lines")) == "two lines"
    assert one_line(ValueError()) == "ValueError"
    assert one_line("\x1b[31mred\x00") == "?[31mred?"
    assert len(one_line("x" * 1000)) == 160


@pytest.mark.parametrize("pixels", [np.zeros((2, 2)), np.zeros((2, 2, 1), np.float32)])
def test_a_radiograph_is_two_dimensional_float32(
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
) -> None:
    with pytest.raises(ValueError, match="pixels must be float32"):
        Radiograph(pixels)


def test_resize_keeps_range_and_mean() -> None:
    pixels = np.random.default_rng(0).random((200, 300)).astype(np.float32)
    small = resize(pixels, 50, 40)
    assert small.shape == (50, 40)
    assert small.dtype == np.float32
    assert 0 <= small.min() < small.max() <= 1
    assert small.mean() == pytest.approx(pixels.mean(), abs=0.005)
    assert resize(pixels, 200, 300) is pixels

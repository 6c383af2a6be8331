"""PNG, JPEG, BMP, TIFF and WebP: exact where the format is, and refused with one line where it must be."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from radscribe.errors import ImageError
from radscribe.imaging.picture import read_picture
from radscribe.imaging.reader import read

Bytes = npt.NDArray[np.uint8]
RANDOM = np.random.default_rng(0)
GREY: Bytes = RANDOM.integers(0, 256, (66, 80)).astype(np.uint8)
SMOOTH: Bytes = np.add.outer(np.arange(66), np.arange(80)).astype(np.uint8)


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".png", {}), (".bmp", {}), (".tif", {}), (".tif", {"compression": "tiff_lzw"}),
        (".tif", {"compression": "tiff_adobe_deflate"}), (".webp", {"lossless": True}),
    ],
)  # fmt: skip
def test_lossless_grey_is_exact(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    radiograph = read(save(tmp_path / f"grey{suffix}", Image.fromarray(GREY), **options))
    tolerance = 0.5 / 255 if suffix == ".webp" else 0  # WebP has no grey: its RGB is converted back
    np.testing.assert_allclose(radiograph.pixels, GREY.astype(np.float32) / np.float32(255), atol=tolerance)
    assert radiograph.pixels.dtype == np.float32
    assert radiograph.provenance.bits == 8
    assert radiograph.view == "unknown"


@pytest.mark.parametrize(
    ("suffix", "options"), [(".jpg", {"quality": 95}), (".jpg", {"progressive": True}), (".webp", {})]
)
def test_lossy_grey_is_near(tmp_path: Path, suffix: str, options: dict[str, Any]) -> None:
    radiograph = read(save(tmp_path / f"smooth{suffix}", Image.fromarray(SMOOTH), **options))
    np.testing.assert_allclose(radiograph.pixels, SMOOTH / 255, atol=0.03)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_keep_their_depth(tmp_path: Path, suffix: str) -> None:
    deep = RANDOM.integers(0, 65536, (80, 90)).astype(np.uint16)
    radiograph = read(save(tmp_path / f"deep{suffix}", Image.fromarray(deep)))
    np.testing.assert_array_equal(radiograph.pixels, deep.astype(np.float32) / np.float32(65535))
    assert len(np.unique(radiograph.pixels)) > 256
    assert radiograph.provenance.bits == 16


def test_sixteen_bits_in_big_endian_tiff(tmp_path: Path) -> None:
    deep = RANDOM.integers(0, 65536, (64, 64)).astype(np.uint16)
    image = Image.frombytes("I;16B", (64, 64), deep.astype(">u2").tobytes())
    np.testing.assert_allclose(read(save(tmp_path / "deep.tif", image)).pixels, deep / 65535, atol=1e-7)


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    bits = GREY > 127
    np.testing.assert_array_equal(read(save(tmp_path / "bits.png", Image.fromarray(bits))).pixels, bits)


def test_colour_is_luminance(tmp_path: Path) -> None:
    rgb = RANDOM.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    expected = rgb @ np.array([0.299, 0.587, 0.114]) / 255
    pixels = read(save(tmp_path / "colour.png", Image.fromarray(rgb))).pixels
    np.testing.assert_allclose(pixels, expected, atol=1 / 255)


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    indices = Image.fromarray((GREY // 64).astype(np.uint8)).convert("P")
    indices.putpalette([0, 0, 0, 50, 50, 50, 100, 100, 100, 200, 200, 200])
    pixels = read(save(tmp_path / "palette.png", indices)).pixels
    np.testing.assert_allclose(pixels, np.array([0, 50, 100, 200])[GREY // 64] / 255, atol=1e-6)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_is_black(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(np.maximum(GREY, 1)).convert(mode)
    alpha = np.full(GREY.shape, 255, np.uint8)
    alpha[:, :40] = 0
    image.putalpha(Image.fromarray(alpha))
    pixels = read(save(tmp_path / "alpha.png", image)).pixels
    assert pixels[:, :40].max() == 0
    np.testing.assert_allclose(pixels[:, 40:], np.maximum(GREY, 1)[:, 40:] / 255, atol=1e-6)


def test_cmyk_jpeg_has_the_polarity_of_its_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(SMOOTH).convert("RGB").convert("CMYK")
    pixels = read(save(tmp_path / "cmyk.jpg", image, quality=95)).pixels
    np.testing.assert_allclose(pixels, SMOOTH / 255, atol=0.04)


# What brings stored rows and columns upright, for each value of EXIF Orientation (0x0112).
UPRIGHT: dict[int, Callable[[Bytes], Bytes]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", list(UPRIGHT))
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    radiograph = read(save(tmp_path / f"turned{suffix}", Image.fromarray(GREY), exif=exif))
    np.testing.assert_allclose(radiograph.pixels, UPRIGHT[orientation](GREY) / 255, atol=1e-6)
    assert radiograph.provenance.steps == (() if orientation == 1 else ("orientation",))


def test_exif_orientation_of_sixteen_bits(tmp_path: Path) -> None:
    deep = RANDOM.integers(0, 65536, (64, 70)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = read(save(tmp_path / "deep.png", Image.fromarray(deep), exif=exif)).pixels
    np.testing.assert_allclose(pixels, np.rot90(deep, -1) / 65535, atol=1e-7)


def png(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with next to no pixels behind it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("side", [10_000, 100_000, 2**31 - 1])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side))
    with pytest.raises(ImageError) as caught:
        read(path)
    claim = "10000x10000 pixels, more" if side == 10_000 else "more pixels"  # Pillow refuses the others
    assert str(caught.value) == (
        f"{path}: claims {claim} than any radiograph has; give an image of at most 67 megapixels"
    )


@pytest.mark.parametrize("name", ["cut.png", "cut.jpg", "cut.bmp", "cut.tif", "cut.webp"])
def test_a_file_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / name, Image.fromarray(GREY))
    whole = path.read_bytes()
    for length in (1, 4, 12, 30, 60, 120, len(whole) // 2, len(whole) * 9 // 10):
        path.write_bytes(whole[:length])
        with pytest.raises(ImageError) as caught:
            read(path)
        line = str(caught.value)
        assert line.startswith(f"{path}: ")
        assert line.isprintable()
        assert "; " in line


def test_several_pictures_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY), Image.fromarray(GREY)]
    path = save(tmp_path / "pages.tif", pages[0], save_all=True, append_images=pages[1:])
    with pytest.raises(ImageError, match="holds several pictures; save the one that is meant"):
        read(path)


@pytest.mark.parametrize(("kind", "word"), [(np.float32, "floating-point"), (np.int32, "32-bit")])
def test_samples_without_a_range_are_refused(tmp_path: Path, kind: Any, word: str) -> None:
    path = save(tmp_path / "deep.tif", Image.fromarray(GREY.astype(kind)))
    with pytest.raises(ImageError, match=f"has {word} samples"):
        read(path)


def test_a_picture_behind_a_phone_photograph_is_not_the_one_meant(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    first, second = Image.fromarray(SMOOTH), Image.fromarray(255 - SMOOTH)
    first.save(path, format="MPO", save_all=True, append_images=[second])
    np.testing.assert_allclose(read(path).pixels, SMOOTH / 255, atol=0.05)


def test_the_contents_decide_not_the_name(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "PNG")
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(buffer.getvalue())
    assert read(path).provenance.format == "PNG"


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_picture_in_memory_reads_as_the_same_on_disk(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"grey{suffix}", Image.fromarray(GREY))
    data = path.read_bytes()
    np.testing.assert_array_equal(read_picture("sent", io.BytesIO(data)).pixels, read(path).pixels)
    with pytest.raises(ImageError, match=r"^sent: is cut short"):
        read_picture("sent", io.BytesIO(data[:60]))

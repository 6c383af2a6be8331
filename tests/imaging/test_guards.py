"""Files made to exhaust time or memory are refused early; large frames are decoded only as far as needed."""

from __future__ import annotations

import base64
import io
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2KLossless, JPEG2000Lossless

from radscribe.errors import ImageError
from radscribe.imaging import codecs, dicom
from radscribe.imaging.codecs import decode_frame
from radscribe.imaging.dicom_file import MAX_DEPTH
from radscribe.imaging.exposure import normalise
from radscribe.imaging.header import read_header
from radscribe.imaging.reader import read
from radscribe.imaging.resize import look_up, resize
from radscribe.phantom import draw

Write = Callable[..., Path]
# 64 x 64 pixels of 16 bits, 30 * (row + column), by OpenJPH.
HTJ2K = base64.b64decode(
    "/0//UQApQAAAAABAAAAAQAAAAAAAAAAAAAAAQAAAAEAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCI"
    "kJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAASgAAf+TwAArAP9/bfdt99vuAoG0AMAAE8AA"
    "E4BIIPECgnQASETiAKNUAMAAFVAABVgiRIgQ8apyAnUAIooQIeLAQgHstgDAABaEAAFpgBAQEBAQEBAQ58p6enGCeAAQISAgICAg"
    "IP79jGB79jGB7LoAwAAW3AABdEAGg8FgMBgMBoPBYDAYDPn/Cnp6enp6enECfQCGBoPBYDAYDAaDwWAwGP7/eGCEB79iEB79iEB7"
    "9iEB7LMBwAAuqgABduBaa6211lprrbXWWmuttdZaa6211v6//Ap6enp6enp6enp6enp6enACdgG61lprrbXWWmuttdZaa6211lpr"
    "rf9/2wAAB79gAB79gAB79gAB79gAB79gAB79gAB79gAB7LMC/9k="
)


def test_a_bomb_of_empty_items_is_refused_at_once(write_dicom: Write, ramp: Any) -> None:
    whole = write_dicom(ramp, BitsStored=12).read_bytes()
    at = whole.index(b"\x28\x00\x02\x00")
    sequence = b"\x18\x00\x00\x90SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\0\0\0\0" * 1_000_000
    bomb = whole[:at] + sequence + b"\xfe\xff\xdd\xe0\0\0\0\0" + whole[at:]
    start = time.perf_counter()
    with pytest.raises(ImageError, match="holds more than 5,000 sequence items; give only the image object"):
        read(bomb)
    assert read_header(bomb).kind == "DICOM"
    assert time.perf_counter() - start < 2


def test_a_bomb_of_nested_sequences_is_refused(write_dicom: Write, ramp: Any) -> None:
    whole = write_dicom(ramp, BitsStored=12).read_bytes()
    at = whole.index(b"\x28\x00\x02\x00")
    nested = (b"\x18\x00\x00\x90SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 500
    with pytest.raises(ImageError, match=f"nests sequences more than {MAX_DEPTH} deep"):
        read(whole[:at] + nested + whole[at:])


def test_a_bomb_of_elements_is_refused(write_dicom: Write, ramp: Any) -> None:
    whole = write_dicom(ramp, BitsStored=12).read_bytes()
    at = whole.index(b"\x28\x00\x02\x00")
    with pytest.raises(ImageError, match="holds more than 20,000 elements"):
        read(whole[:at] + b"\x18\x00\x00\x10LO\0\0" * 30_000 + whole[at:])


def test_a_tiff_of_many_directories_is_refused_at_once() -> None:
    one = io.BytesIO()
    Image.linear_gradient("L").save(one, "TIFF")
    data = bytearray(one.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    directory, link = bytes(data[first : first + 2 + 12 * count]), first + 2 + 12 * count
    for _ in range(5_000):
        struct.pack_into("<I", data, link, len(data))
        link = len(data) + len(directory)
        data += directory + b"\0\0\0\0"
    start = time.perf_counter()
    with pytest.raises(ImageError, match="holds several pictures"):
        read(bytes(data))
    assert time.perf_counter() - start < 1


def test_a_limit_on_pixels_holds_for_every_kind(write_dicom: Write, ramp: Any, tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "film.png")
    for source in (write_dicom(ramp), tmp_path / "film.png", np.zeros((64, 65), np.uint8)):
        with pytest.raises(ImageError, match=r"give an image of at most 0\.004 megapixels"):
            read(source, max_pixels=4_000)


def test_high_throughput_jpeg_2000_is_read() -> None:
    frame = decode_frame(HTJ2K, HTJ2KLossless, 64, 64, 1, 16)
    np.testing.assert_array_equal(frame.samples, 30 * np.add.outer(np.arange(64), np.arange(64)))


@pytest.mark.parametrize("shape", [(700, 700), (811, 653)])
def test_jpeg_2000_at_reduced_resolution_is_the_same_picture(
    write_dicom: Write, shape: tuple[int, int]
) -> None:
    film = np.rint(resize(draw(3, size=512).radiograph.pixels, *shape) * 4000 + 20).astype(np.uint16)
    window = {"BitsStored": 12, "WindowCenter": "2048", "WindowWidth": "4096"}
    path = write_dicom(film, JPEG2000Lossless, **window)
    exact, reduced = read(path, size=128, exact=True), read(path, size=128)
    np.testing.assert_array_equal(exact.pixels, read(write_dicom(film, **window), size=128).pixels)
    difference = np.abs(normalise(exact.pixels) - normalise(reduced.pixels))
    assert 0 < difference.mean() < 0.006
    shifted = np.abs(normalise(exact.pixels)[:, 1:] - normalise(reduced.pixels)[:, :-1])
    assert difference.mean() < shifted.mean() / 2


def test_signed_jpeg_2000_keeps_its_sign_at_reduced_resolution(write_dicom: Write) -> None:
    film = np.rint(resize(draw(3, size=512).radiograph.pixels, 640, 640) * 4000 - 2000).astype(np.int16)
    path = write_dicom(film, JPEG2000Lossless, BitsStored=12, WindowCenter="0", WindowWidth="4096")
    exact, reduced = read(path, size=128, exact=True), read(path, size=128)
    assert np.abs(exact.pixels - reduced.pixels).mean() < 0.006


def test_jpeg_at_reduced_resolution_is_the_same_picture(tmp_path: Path) -> None:
    film = np.rint(resize(draw(3, size=512).radiograph.pixels, 811, 653) * 255).astype(np.uint8)
    Image.fromarray(film).save(tmp_path / "film.jpg", quality=95)
    exact, reduced = read(tmp_path / "film.jpg", size=128, exact=True), read(tmp_path / "film.jpg", size=128)
    assert np.abs(normalise(exact.pixels) - normalise(reduced.pixels)).mean() < 0.01
    assert reduced.provenance.size == (811, 653)


def test_looking_up_and_resizing_at_once_is_the_same_as_one_after_the_other() -> None:
    cells = np.random.default_rng(0).integers(0, 4096, (777, 1001)).astype(np.uint16)
    table = np.linspace(0, 1, 4096, dtype=np.float32) ** np.float32(1.3)
    np.testing.assert_array_equal(look_up(cells, table), table[cells])
    for size in (64, 128, 777, 900):
        np.testing.assert_array_equal(look_up(cells, table, size=size), resize(table[cells], size, size))


def test_a_reduced_read_of_a_plain_file_is_the_resized_full_read(write_dicom: Write) -> None:
    film = np.rint(resize(draw(3, size=512).radiograph.pixels, 900, 700) * 4000).astype(np.uint16)
    path = write_dicom(film, BitsStored=12, WindowCenter="2048", WindowWidth="4096")
    np.testing.assert_array_equal(read(path, size=128).pixels, resize(read(path).pixels, 128, 128))


def test_fragments_of_one_frame_are_joined(write_dicom: Write, ramp: Any) -> None:
    from openjpeg.utils import encode_array

    path = write_dicom(ramp, BitsStored=12)
    dataset: Dataset = dcmread(path)
    stream = encode_array(ramp, 12, photometric_interpretation=2)
    dataset.PixelData = encapsulate([stream], fragments_per_frame=4)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.save_as(path)
    np.testing.assert_allclose(read(path).pixels, ramp / 4095, atol=1e-6)


def with_syntax(path: Path, syntax: str, stream: bytes) -> None:
    """Change a file's compressed frame and its transfer syntax, which pydicom may not know."""
    dataset: Dataset = dcmread(path)
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.save_as(path)
    given = b"\x16\x00" + JPEG2000Lossless.encode()
    assert path.read_bytes().count(given) == 1
    wanted = len(syntax + "\0").to_bytes(2, "little") + f"{syntax}\0".encode()
    path.write_bytes(path.read_bytes().replace(given, wanted))


@pytest.mark.parametrize("number", [110, 111, 112])
def test_jpeg_xl_without_its_decoder_names_the_extra(
    write_dicom: Write, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(dicom, "reads_jpeg_xl", lambda: False)
    path = write_dicom(np.zeros((80, 80), np.uint16))
    with_syntax(path, f"1.2.840.10008.1.2.4.{number}", b"\0\0")
    with pytest.raises(ImageError, match=r"JPEG XL, whose decoder is not installed; run: pip install .*jxl"):
        read(path)


def test_jpeg_xl_is_read_with_the_optional_decoder(
    write_dicom: Write, ramp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codecs, "SECONDS", 60.0)  # a busy machine
    imagecodecs = pytest.importorskip("imagecodecs", reason="the extra jxl is not installed")
    stream = imagecodecs.jpegxl_encode(ramp, lossless=True)
    path = write_dicom(ramp, BitsStored=12)
    with_syntax(path, "1.2.840.10008.1.2.4.110", stream)
    np.testing.assert_allclose(read(path).pixels, ramp / 4095, atol=1e-6)
    for damaged in (stream[: len(stream) // 2], b"no stream", imagecodecs.jpegxl_encode(ramp[:-1])):
        write_dicom(ramp, BitsStored=12)
        with_syntax(path, "1.2.840.10008.1.2.4.110", damaged)
        with pytest.raises(ImageError, match="its compressed pixels are damaged"):
            read(path)

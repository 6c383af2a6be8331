"""Every file packaged with pydicom against pydicom's own pixels, and decoders against damaged streams."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data.data_manager import DATA_ROOT

from radscribe.errors import ImageError
from radscribe.imaging import codecs
from radscribe.imaging.reader import read

FILES = Path(DATA_ROOT) / "test_files"
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "imaging" / "transfer_syntaxes.py"


@pytest.fixture(scope="module")
def benchmark() -> Any:
    """The script that prints the table: benchmarks are not installed."""
    spec = importlib.util.spec_from_file_location("transfer_syntaxes", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(benchmark: Any) -> list[Any]:
    return list(benchmark.rows())


def test_every_file_that_is_read_equals_the_reference(benchmark: Any, table: list[Any]) -> None:
    differences = {row.file: row.difference for row in table if row.difference is not None}
    assert len(differences) >= 83
    assert {name: d for name, d in differences.items() if d > benchmark.TOLERANCE} == {}


def test_every_syntax_and_interpretation_is_read(table: list[Any]) -> None:
    read_rows = [row for row in table if row.difference is not None]
    assert {row.syntax for row in read_rows} == {
        "Implicit VR Little Endian",
        "Explicit VR Little Endian",
        "Explicit VR Big Endian",
        "Deflated Explicit VR Little Endian",
        "RLE Lossless",
        "JPEG Baseline (Process 1)",
        "JPEG Extended (Process 2 and 4)",
        "JPEG Lossless",
        "JPEG-LS Lossless Image Compression",
        "JPEG-LS Lossy (Near-Lossless) Image Compression",
        "JPEG 2000 Image Compression",
        "JPEG 2000 Image Compression (Lossless Only)",
    }
    assert {row.photometric for row in read_rows} == {
        "MONOCHROME1",
        "MONOCHROME2",
        "PALETTE COLOR",
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "YBR_RCT",
    }


def test_only_what_is_no_single_image_or_damaged_is_refused(table: list[Any]) -> None:
    """Files with pixels of one frame that are refused nevertheless, and why."""
    reasons = (
        "without an image",
        "frames:",
        "is not a DICOM image",
        "is not an image",
        "cut short before its pixels",
    )
    damaged = {row.file for row in table if row.refused and not any(r in row.refused for r in reasons)}
    assert damaged == {
        "JPEG2000-embedded-sequence-delimiter.dcm",  # its header claims a width of 3,724,541,951
        "MR_truncated.dcm",  # fewer bytes than pixels
        "badVR.dcm",  # Number of Frames is 1A
        "meta_missing_tsyntax.dcm",  # no Bits Allocated
        "nested_priv_SQ.dcm",  # no Bits Allocated
        "rtplan_truncated.dcm",  # cut within its header
    }


@pytest.mark.parametrize(("low", "bits"), [(0, 8), (0, 12), (0, 16), (-2048, 12)])
def test_jpeg_lossless_of_one_sample(
    write_dicom: Callable[..., Path], tmp_path: Path, low: int, bits: int
) -> None:
    """What most radiography units send; pydicom packages none of it, so GDCM's encoder makes it."""
    kind = np.int16 if low else np.uint8 if bits == 8 else np.uint16
    stored = (np.random.default_rng(0).integers(0, 2**bits, (64, 80)) + low).astype(kind)
    plain = write_dicom(stored, name="plain.dcm", BitsStored=bits)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(plain))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(tmp_path / "lossless.dcm"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    radiograph = read(tmp_path / "lossless.dcm")
    assert radiograph.provenance.transfer_syntax == "1.2.840.10008.1.2.4.70"
    np.testing.assert_array_equal(radiograph.pixels, read(plain).pixels)


def test_a_stream_that_ends_gdcm_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """GDCM aborts the process on some of these; here only its child ends."""
    original = (FILES / "JPGExtended.dcm").read_bytes()
    start = original.find(b"\xff\xc1")  # start of the frame, 12 bits
    path = tmp_path / "damaged.dcm"
    for offset, value in ((4, 0), (4, 255), (9, 200), (10, 0x77)):
        data = bytearray(original)
        data[start + offset] = value
        path.write_bytes(data)
        with pytest.raises(ImageError, match="is damaged: its"):
            read(path)
    assert capfd.readouterr().err == ""


def test_a_stream_that_gdcm_does_not_come_back_from_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(codecs, "CHILD", sleeper)
    monkeypatch.setattr(codecs, "_idle", [])
    monkeypatch.setattr(codecs, "SECONDS", 0.1)
    with pytest.raises(ImageError, match="take too long to decode"):
        read(FILES / "JPGExtended.dcm")


def test_signed_jpeg_extended_keeps_its_sign(tmp_path: Path) -> None:
    dataset = dcmread(FILES / "JPGExtended.dcm")
    unsigned = read(FILES / "JPGExtended.dcm").pixels
    dataset.PixelRepresentation = 1  # no value reaches the sign bit: 264 of 2047
    dataset.save_as(tmp_path / "signed.dcm")
    np.testing.assert_array_equal(read(tmp_path / "signed.dcm").pixels, unsigned)

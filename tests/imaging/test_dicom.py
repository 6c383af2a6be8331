"""The rules of PS3.3 that turn stored values into a radiograph, each with values worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EncapsulatedPDFStorage,
    EnhancedXAImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from radscribe.errors import ImageError
from radscribe.imaging import dicom_file
from radscribe.imaging.grey import windowed
from radscribe.imaging.header import read_header
from radscribe.imaging.reader import read

Write = Callable[..., Path]
Stored = npt.NDArray[Any]


def lut(first: int, bits: int, entries: list[int]) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", entries)
    return [item]


def test_eight_bits_are_over_their_full_range(write_dicom: Write) -> None:
    stored = np.arange(64 * 64, dtype=np.uint32).reshape(64, 64).astype(np.uint8) // 2  # 0..127
    pixels = read(write_dicom(stored)).pixels
    np.testing.assert_array_equal(pixels, stored.astype(np.float32) / np.float32(255))


def test_more_bits_without_a_window_are_over_the_range_of_the_image(write_dicom: Write, ramp: Stored) -> None:
    radiograph = read(write_dicom(ramp + np.uint16(100), BitsStored=13))
    np.testing.assert_allclose(radiograph.pixels, ramp / 4095, atol=1e-7)
    assert radiograph.provenance.steps == ("range",)
    assert radiograph.provenance.bits == 13


def test_monochrome1_is_inverted_after_the_window(write_dicom: Write, ramp: Stored) -> None:
    window = {"BitsStored": 12, "WindowCenter": 2048, "WindowWidth": 4096}
    plain = read(write_dicom(ramp, **window))
    inverted = read(write_dicom(ramp, PhotometricInterpretation="MONOCHROME1", **window))
    np.testing.assert_allclose(inverted.pixels, 1 - plain.pixels, atol=1e-7)
    assert (plain.pixels[0, 0], inverted.pixels[0, 0]) == (0.0, 1.0)
    assert inverted.provenance.steps == ("window", "invert")


def test_the_first_of_several_windows_counts(write_dicom: Write, ramp: Stored) -> None:
    pixels = read(write_dicom(ramp, BitsStored=12, WindowCenter=[1001, 50], WindowWidth=[201, 9])).pixels
    # PS3.3 C.11.2.1.2: (x - (1001 - .5)) / (201 - 1) + .5
    np.testing.assert_allclose(pixels.ravel()[[900, 901, 1000, 1001, 1100, 1101]],
                               [0, 0.0025, 0.4975, 0.5025, 0.9975, 1], atol=1e-6)  # fmt: skip


@pytest.mark.parametrize(
    ("function", "at", "expected"),
    [
        ("LINEAR", [0, 50, 100], [(0 - 49.5) / 99 + 0.5, (50 - 49.5) / 99 + 0.5, 1.0]),
        ("LINEAR_EXACT", [0, 50, 100], [0.0, 0.5, 1.0]),
        ("SIGMOID", [0, 50, 100], [1 / (1 + np.e**2), 0.5, 1 / (1 + np.e**-2)]),
    ],
)
def test_window_functions(function: str, at: list[int], expected: list[float]) -> None:
    np.testing.assert_allclose(windowed(np.array(at), 50, 100, function), expected, atol=1e-6)


def test_a_linear_window_of_one_is_a_threshold() -> None:
    assert windowed(np.array([9, 10, 11]), 10.5, 1).tolist() == [0, 0, 1]


@pytest.mark.parametrize("width", ["0", "-5", "0.5"])
def test_a_window_that_the_standard_forbids_is_ignored(write_dicom: Write, ramp: Stored, width: str) -> None:
    radiograph = read(write_dicom(ramp, BitsStored=12, WindowCenter="100", WindowWidth=width))
    assert radiograph.provenance.steps == ("range",)


def test_the_voi_lut_goes_before_the_window(write_dicom: Write, ramp: Stored) -> None:
    entries = [1023 - value for value in range(1024)]
    path = write_dicom(
        ramp, BitsStored=12, VOILUTSequence=lut(1000, 10, entries), WindowCenter=5, WindowWidth=3
    )
    radiograph = read(path)
    assert radiograph.provenance.steps == ("voi-lut",)
    pixels = radiograph.pixels.ravel()
    # Below the table its first entry, above it its last.
    expected = np.array([1023, 1023, 1022, 0, 0]) / 1023
    np.testing.assert_allclose(pixels[[0, 1000, 1001, 2023, 4000]], expected, atol=1e-6)


def test_a_voi_lut_of_8_bits_may_hold_more_than_256_entries(write_dicom: Write, ramp: Stored) -> None:
    entries = [value >> 4 for value in range(4096)]
    pixels = read(write_dicom(ramp, BitsStored=12, VOILUTSequence=lut(0, 8, entries))).pixels
    np.testing.assert_allclose(pixels, (ramp >> 4) / 255, atol=1e-6)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_lut_data_as_words_has_the_byte_order_of_the_file(
    write_dicom: Write, ramp: Stored, syntax: Any
) -> None:
    entries = np.arange(4096)[::-1]
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 12])
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    item.add_new("LUTData", "OW", entries.astype(order).tobytes())
    pixels = read(write_dicom(ramp, syntax, BitsStored=12, VOILUTSequence=[item])).pixels
    np.testing.assert_allclose(pixels, 1 - ramp / 4095, atol=1e-6)


def test_a_cut_lut_is_ignored_with_a_note(write_dicom: Write, ramp: Stored) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 12])
    item.add_new("LUTData", "US", [1, 2, 3])
    radiograph = read(write_dicom(ramp, BitsStored=12, VOILUTSequence=[item]))
    np.testing.assert_allclose(radiograph.pixels, ramp / 4095, atol=1e-6)
    assert radiograph.provenance.notes == ("VOI LUT ignored: it holds 3 of 4096 entries",)


def test_a_modality_lut_of_12_bits_goes_before_the_window(write_dicom: Write, ramp: Stored) -> None:
    entries = [4095 - value for value in range(4096)]
    window = {"WindowCenter": "2048", "WindowWidth": "4096"}
    radiograph = read(write_dicom(ramp, BitsStored=12, ModalityLUTSequence=lut(0, 12, entries), **window))
    assert radiograph.provenance.steps == ("modality", "window")
    np.testing.assert_allclose(radiograph.pixels, 1 - ramp / 4095, atol=1e-6)


def test_the_window_is_in_rescaled_values(write_dicom: Write, ramp: Stored) -> None:
    path = write_dicom(
        ramp, BitsStored=12, RescaleSlope="2", RescaleIntercept="-1024", WindowCenter="0.5", WindowWidth="201"
    )
    pixels = read(path).pixels.ravel()
    # Stored 512 is 0 rescaled; 2 * 537 - 1024 is 50.
    np.testing.assert_allclose(pixels[[462, 512, 537, 562]], [0, 0.5, 0.75, 1], atol=1e-6)


def test_a_slope_without_an_intercept_counts(write_dicom: Write, ramp: Stored) -> None:
    path = write_dicom(ramp, BitsStored=12, RescaleSlope="-1")
    np.testing.assert_allclose(read(path).pixels, 1 - ramp / 4095, atol=1e-6)


def test_bits_above_bits_stored_are_not_pixels(write_dicom: Write, ramp: Stored) -> None:
    rubbish = ramp | np.uint16(0xA000)
    np.testing.assert_allclose(read(write_dicom(rubbish, BitsStored=12)).pixels, ramp / 4095, atol=1e-6)


def test_twelve_signed_bits_extend_their_own_sign(write_dicom: Write, ramp: Stored) -> None:
    signed = ramp.astype(np.int32) - 2048  # every 12-bit signed value
    rubbish = ((signed & 0x0FFF) | 0x5000).astype(np.uint16).view(np.int16)
    path = write_dicom(rubbish, BitsStored=12, WindowCenter="0", WindowWidth="4096")
    np.testing.assert_allclose(read(path).pixels, np.clip((signed + 0.5) / 4095 + 0.5, 0, 1), atol=1e-6)


def test_padding_is_black_and_outside_the_range(write_dicom: Write, ramp: Stored) -> None:
    stored = ramp // 16  # 0..255
    stored[:8] = 4000
    radiograph = read(write_dicom(stored, BitsStored=12, PixelPaddingValue=4000))
    assert radiograph.pixels[:8].max() == 0
    assert radiograph.pixels[-1, -1] == 1  # 255, the largest that is not padding
    assert radiograph.provenance.steps == ("range", "padding")


def test_a_range_of_padding_is_black_in_monochrome1(write_dicom: Write, ramp: Stored) -> None:
    radiograph = read(
        write_dicom(
            ramp,
            BitsStored=12,
            PhotometricInterpretation="MONOCHROME1",
            PixelPaddingValue=0,
            PixelPaddingRangeLimit=99,
        )
    )
    pixels = radiograph.pixels.ravel()
    assert pixels[:100].max() == 0
    assert (pixels[100], pixels[4095]) == (1.0, 0.0)


def test_an_image_of_padding_alone_holds_nothing(write_dicom: Write) -> None:
    with pytest.raises(ImageError, match="holds nothing"):
        read(write_dicom(np.full((64, 64), 7, np.uint16), PixelPaddingValue=7))


def test_palette_colour_is_looked_up(write_dicom: Write) -> None:
    stored = np.arange(4096).reshape(64, 64).astype(np.uint8)
    tables: dict[str, Any] = {}
    for index, colour in enumerate(("Red", "Green", "Blue")):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        entries = np.arange(256) * 257 if index == 1 else np.zeros(256)
        tables[f"{colour}PaletteColorLookupTableData"] = entries.astype("<u2").tobytes()
    radiograph = read(write_dicom(stored, PhotometricInterpretation="PALETTE COLOR", **tables))
    np.testing.assert_allclose(radiograph.pixels, 0.587 * stored / 255, atol=1e-6)
    assert radiograph.provenance.steps == ("palette", "luminance")


@pytest.mark.parametrize("planar", [0, 1])
def test_rgb_is_luminance(write_dicom: Write, planar: int) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (64, 70, 3)).astype(np.uint8)
    data = rgb if planar == 0 else rgb.transpose(2, 0, 1)
    path = write_dicom(rgb, PlanarConfiguration=planar, PixelData=data.tobytes())
    expected = rgb @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(read(path).pixels, expected, atol=1e-6)


def test_rgb_of_12_bits_is_over_4095(write_dicom: Write) -> None:
    rgb = np.random.default_rng(1).integers(0, 4096, (64, 64, 3)).astype(np.uint16)
    expected = rgb @ np.array([0.299, 0.587, 0.114]) / 4095
    np.testing.assert_allclose(read(write_dicom(rgb, BitsStored=12)).pixels, expected, atol=1e-6)


def test_ybr_full_is_converted(write_dicom: Write) -> None:
    ybr = np.full((64, 64, 3), 128, np.uint8)
    ybr[..., 0] = np.arange(64)  # grey: Cb and Cr are 128, so luminance is Y
    pixels = read(write_dicom(ybr, PhotometricInterpretation="YBR_FULL")).pixels
    np.testing.assert_allclose(pixels, ybr[..., 0] / 255, atol=1e-6)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
    ids=lambda syntax: str(syntax.name),
)
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_syntaxes_equal_the_uncompressed_file(
    write_dicom: Write, ramp: Stored, syntax: Any, signed: bool
) -> None:
    stored = ramp.astype(np.int16) - np.int16(2048) if signed else ramp
    plain = read(write_dicom(stored, name="plain.dcm", BitsStored=12))
    other = read(write_dicom(stored, syntax, BitsStored=12))
    np.testing.assert_array_equal(other.pixels, plain.pixels)
    assert other.provenance.transfer_syntax == str(syntax)


def test_several_frames_are_refused_by_name(write_dicom: Write, ramp: Stored) -> None:
    path = write_dicom(ramp, NumberOfFrames=3, SOPClassUID=EnhancedXAImageStorage)
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: holds 3 frames: Enhanced XA Image Storage; give single-frame radiographs"
    )


@pytest.mark.parametrize("frames", [0, 1])
def test_no_or_one_frame_by_number_is_one_image(write_dicom: Write, ramp: Stored, frames: int) -> None:
    np.testing.assert_allclose(read(write_dicom(ramp, NumberOfFrames=frames)).pixels, ramp / 4095, atol=1e-6)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
def test_a_stream_of_another_size_than_the_header_is_refused(
    write_dicom: Write, ramp: Stored, syntax: Any
) -> None:
    path = write_dicom(ramp, syntax, BitsStored=12)
    dataset = dcmread(path)
    dataset.Rows = 128
    dataset.save_as(path)
    with pytest.raises(ImageError, match="header says 64x128 pixels, its compressed pixels say 64x64"):
        read(path)


@pytest.mark.parametrize(
    ("uid", "name"),
    [
        (EncapsulatedPDFStorage, "Encapsulated PDF Storage"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR Storage"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "Grayscale Softcopy Presentation State Storage"),
        ("1.2.3.4", "1.2.3.4"),
    ],
)
def test_objects_without_an_image_are_refused_by_name(
    write_dicom: Write, ramp: Stored, uid: str, name: str
) -> None:
    path = write_dicom(ramp, PixelData=None, SOPClassUID=uid)
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(caught.value) == (f"{path}: is a DICOM object without an image: {name}; give the image object")


def test_a_header_that_claims_a_bomb_is_refused(write_dicom: Write, ramp: Stored) -> None:
    with pytest.raises(ImageError, match="claims 60000x60000 pixels"):
        read(write_dicom(ramp, Rows=60000, Columns=60000))


def test_a_deflated_bomb_is_refused(
    write_dicom: Write, ramp: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(ramp, DeflatedExplicitVRLittleEndian, BitsStored=12)
    assert read(path).pixels.max() == 1
    assert read_header(path).study_uid == "1.2.3"
    monkeypatch.setattr(dicom_file, "BYTES_PER_PIXEL", 4096 / (1 << 26))
    with pytest.raises(ImageError, match="inflates to more than"):
        read(path)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_a_file_cut_short_is_refused_wherever_it_is_cut(write_dicom: Write, syntax: Any) -> None:
    stored = np.random.default_rng(0).integers(0, 4096, (64, 64)).astype(np.uint16)
    path = write_dicom(stored, syntax, BitsStored=12)
    whole = path.read_bytes()
    for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ImageError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).isprintable()


def test_what_a_damaged_header_says_is_printed_without_control_characters(
    write_dicom: Write, ramp: Stored
) -> None:
    path = write_dicom(ramp, PixelData=None, SOPClassUID="1.2\x1b[31m")
    with pytest.raises(ImageError) as caught:
        read(path)
    assert str(caught.value).isprintable()


def test_a_file_without_preamble_and_meta_is_read(tmp_path: Path, write_dicom: Write, ramp: Stored) -> None:
    dataset = dcmread(write_dicom(ramp, ImplicitVRLittleEndian, BitsStored=12))
    bare = tmp_path / "bare"
    del dataset.file_meta
    dataset.preamble = None
    dataset.save_as(bare, implicit_vr=True, little_endian=True)
    assert bare.read_bytes()[:2] == b"\x08\x00"
    np.testing.assert_allclose(read(bare).pixels, ramp / 4095, atol=1e-6)


def test_provenance_names_the_study_and_no_person(write_dicom: Write, ramp: Stored) -> None:
    path = write_dicom(ramp, BitsStored=12, PatientName="Doe^Jane", PatientID="4711")
    provenance = read(path).provenance
    assert provenance.format == "DICOM"
    assert provenance.study_uid == read_header(path).study_uid == "1.2.3"
    assert provenance.photometric == "MONOCHROME2"
    assert "Doe" not in repr(provenance)
    assert "4711" not in repr(provenance)


def test_study_uid_of_what_is_no_dicom_file(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("none")
    assert read_header(text).study_uid is None
    assert read_header(tmp_path / "absent").study_uid is None
    assert read_header(tmp_path).kind == "other"


@pytest.mark.real_data
def test_the_two_real_files_are_complements(shared_data: Path) -> None:
    """The second is the first with MONOCHROME1 in its header: by the standard it is the negative."""
    folder = shared_data / "dicom"
    real = read(folder / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    fake = read(folder / "Fake_MONOHR1.dcm")
    np.testing.assert_allclose(fake.pixels, 1 - real.pixels, atol=1e-6)
    assert real.view == fake.view == "PA"
    spine, lung = real.pixels[600:700, 500:560], real.pixels[400:500, 230:330]
    assert spine.mean() > lung.mean() + 0.2


def colours(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.repeat(grey[..., None], 3, axis=2)


def test_colours_without_a_planar_configuration_are_by_pixel(write_dicom: Write) -> None:
    """PS3.3 C.7.6.3.1.3."""
    grey = np.arange(4096, dtype=np.uint32).reshape(64, 64).astype(np.uint8)
    pixels = read(write_dicom(colours(grey), PlanarConfiguration=None)).pixels
    np.testing.assert_allclose(pixels, grey / np.float32(255), atol=1e-5)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_segmented_palette(write_dicom: Write, syntax: Any) -> None:
    """PS3.3 C.7.9.2: one entry of 0, and 255 on a line up to 65535."""
    grey = np.arange(4096, dtype=np.uint32).reshape(64, 64).astype(np.uint8)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    segments = np.array([0, 1, 0, 1, 255, 65535], f"{order}u2").tobytes()
    tables: dict[str, Any] = {}
    for colour in ("Red", "Green", "Blue"):
        tables[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"Segmented{colour}PaletteColorLookupTableData"] = segments
    path = write_dicom(grey, syntax=syntax, PhotometricInterpretation="PALETTE COLOR", **tables)
    np.testing.assert_allclose(read(path).pixels, grey / np.float32(255), atol=1e-4)


@pytest.mark.parametrize("name", ["HSV", "ARGB", "CMYK"])
def test_a_retired_photometric_interpretation_is_refused(write_dicom: Write, name: str) -> None:
    path = write_dicom(colours(np.eye(64, dtype=np.uint8)), PhotometricInterpretation=name)
    with pytest.raises(ImageError, match=f"retired photometric interpretation {name}; export it"):
        read(path)

"""A DICOM object of one frame to a `Radiograph`, by PS3.3 and PS3.5."""

from __future__ import annotations

import warnings
from dataclasses import replace
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.pixels.utils import pixel_array
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

from radscribe.errors import ImageError
from radscribe.imaging.codecs import JPEG_XL, Damaged, Frame, decode_frame, reads_jpeg_xl
from radscribe.imaging.dicom_file import DicomFile, PixelElement, parse
from radscribe.imaging.dicom_view import upright, view_of
from radscribe.imaging.grey import Cells, grey_table, numbers, over_range, photometric_of, words
from radscribe.imaging.limits import MAX_PIXELS, check_size, one_line
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.imaging.resize import BAND, look_up, resize
from radscribe.imaging.shutter import Mask, visible

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
RETIRED = ("HSV", "ARGB", "CMYK")  # PS3.3 C.7.6.3.1.2
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
SAMPLED = 1 << 17  # pixels that suffice to see where most of them lie


def read_dicom(
    file: BinaryIO,
    subject: str | PathLike[str],
    size: int | None = None,
    *,
    exact: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> Radiograph:
    """Read an image object of a single frame.

    Parameters
    ----------
    file : BinaryIO
        Seekable.
    subject : str or path
        Name of the file in errors.
    size : int, optional
        Side of the square to resize the image to on the way (default: keep the size).
    exact : bool
        Decode compressed frames at full resolution even if `size` needs less.
    max_pixels : int
        Images of more pixels are refused before they are decoded.

    Raises
    ------
    ImageError
        If the file is damaged or cut short, holds no image or several frames, is too large, or is compressed
        in a way that is not supported.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every value that bends the standard
            return _read(parse(file, subject, max_pixels), subject, size, exact, max_pixels)
    except ImageError:
        raise
    except MemoryError:
        raise ImageError("needs more memory than there is", subject=subject) from None
    except Damaged as damaged:
        raise ImageError(f"is damaged: its {damaged}", subject=subject, remedy="export it again") from None
    except Exception as error:  # the boundary to pydicom, which raises many kinds
        raise ImageError(
            "is a damaged DICOM file: its header contradicts itself or its pixels",
            subject=subject,
            remedy="export it again",
        ) from error


def _read(
    parsed: DicomFile, subject: str | PathLike[str], size: int | None, exact: bool, max_pixels: int
) -> Radiograph:
    dataset = parsed.dataset
    refuse_other_objects(parsed, subject, max_pixels)
    if not parsed.syntax.is_transfer_syntax and parsed.syntax not in JPEG_XL:
        # A vendor's own: the compressed stream says what it is.
        parsed = replace(parsed, syntax=JPEGBaseline8Bit)
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    photometric = photometric_of(dataset)
    if photometric in RETIRED:
        raise ImageError(
            f"has the retired photometric interpretation {photometric}",
            subject=subject,
            remedy="export it as MONOCHROME2",
        )
    steps: list[str] = []
    notes = list(parsed.notes)
    frame = samples(parsed, None if exact else size)
    stored = frame.samples
    if photometric == "PALETTE COLOR" and stored.ndim == 2:
        little = parsed.syntax in JPEG_XL or parsed.syntax.is_little_endian
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        stored = apply_color_lut(stored, dataset)  # segmented tables are in the byte order of the syntax
        steps.append("palette")
    mask = visible(dataset, rows, columns, notes)
    if mask is not None and frame.reduction > 1:
        mask = mask[:: frame.reduction, :: frame.reduction]
    if stored.ndim == 3:
        steps.append("luminance")
        pixels = _luminance(stored, 8 * stored.itemsize if "palette" in steps else frame.bits, mask)
        pixels = pixels if size is None else resize(pixels, size, size)
    elif stored.dtype.itemsize <= 2 and stored.dtype.kind == "u":
        cells = _cells(
            dataset, stored, frame.bits, parsed.pixels is not None and parsed.pixels.compressed, notes
        )
        counts = _counts(stored, cells, mask, exact="PixelPaddingValue" in dataset)
        grey = grey_table(dataset, cells, counts, parsed.syntax in JPEG_XL or parsed.syntax.is_little_endian)
        steps += grey.steps
        notes += grey.notes
        extent = (rows / frame.reduction, columns / frame.reduction)
        pixels = look_up(stored, grey.table, mask, size, extent, frame.shift)
    else:
        pixels = _beyond_tables(stored, dataset, mask, steps)
        pixels = pixels if size is None else resize(pixels, size, size)
    if mask is not None:
        steps.append("shutter")
    pixels = upright(pixels, dataset, steps, notes)
    return Radiograph(
        np.ascontiguousarray(pixels, dtype=np.float32),
        view=view_of(dataset),
        provenance=Provenance(
            path=str(subject),
            format="DICOM",
            bits=_whole(dataset, "BitsStored") or _whole(dataset, "BitsAllocated") or 32,
            photometric=one_line(photometric),
            transfer_syntax=str(parsed.syntax),
            study_uid=str(dataset.get("StudyInstanceUID") or "") or None,
            instance_uid=str(dataset.get("SOPInstanceUID") or "") or None,
            steps=tuple(steps),
            size=(rows, columns),
            notes=tuple(notes),
        ),
    )


def refuse_other_objects(
    parsed: DicomFile, subject: str | PathLike[str], max_pixels: int = MAX_PIXELS
) -> None:
    """Refuse objects that are not an image of one frame, or are larger than `max_pixels`.

    Raises
    ------
    ImageError
        See above.
    """
    dataset = parsed.dataset
    sop_class = dataset.get("SOPClassUID")
    name = one_line(getattr(sop_class, "name", None) or str(sop_class))
    if parsed.pixels is None:
        if sop_class is None:
            raise ImageError("is not a DICOM image", subject=subject, remedy="give the image object")
        if name.endswith("Image Storage"):
            raise ImageError(
                "is cut short before its pixels", subject=subject, remedy="copy or export it again"
            )
        raise ImageError(
            f"is a DICOM object without an image: {name}", subject=subject, remedy="give the image object"
        )
    if parsed.syntax in JPEG_XL and not reads_jpeg_xl():
        raise ImageError(
            "is compressed as JPEG XL, whose decoder is not installed",
            subject=subject,
            remedy='run: pip install ".[jxl]" in the checkout, or export the image as JPEG 2000',
        )
    frames = (numbers(dataset, "NumberOfFrames") or [1])[0] or 1
    if frames > 1:
        raise ImageError(
            f"holds {int(frames)} frames: {name}", subject=subject, remedy="give single-frame radiographs"
        )
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    if not rows or not columns:
        raise ImageError(
            "is damaged: its header does not say how many rows and columns the image has",
            subject=subject,
            remedy="export it again",
        )
    check_size(columns, rows, subject, max_pixels)


def samples(parsed: DicomFile, needed: int | None = None) -> Frame:
    """Decode the pixels of a file with one frame.

    Parameters
    ----------
    parsed : DicomFile
        Checked by `refuse_other_objects`.
    needed : int, optional
        Pixels needed along each side; see `codecs.decode_frame` (default: all).

    Returns
    -------
    Frame
        Raw cells: unsigned integers `[H, W]`, RGB `[H, W, 3]`, or floats.

    Raises
    ------
    Damaged
        If pixels are missing or damaged. Other errors of pydicom may pass.
    """
    dataset, pixels = parsed.dataset, parsed.pixels
    assert pixels is not None
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    per_pixel = _whole(dataset, "SamplesPerPixel") or 1
    allocated = _whole(dataset, "BitsAllocated")
    bits = _whole(dataset, "BitsStored") or allocated
    photometric = photometric_of(dataset)
    if pixels.compressed:
        stream = b"".join(parsed.read(*fragment) for fragment in pixels.fragments[1:])
        known = parsed.syntax in JPEG_XL or parsed.syntax.is_encapsulated
        syntax = parsed.syntax if known else JPEGBaseline8Bit  # the stream corrects it
        frame = decode_frame(
            stream, syntax, rows, columns, per_pixel, bits or 8, rgb=photometric == "RGB", needed=needed
        )
        if frame.samples.ndim == 3 and frame.colour is None and photometric.startswith("YBR_FULL"):
            return frame._replace(samples=convert_color_space(frame.samples, "YBR_FULL", "RGB"), colour="RGB")
        return frame
    (place,) = pixels.fragments
    width = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(pixels.keyword, allocated)
    if not width:
        raise Damaged("header does not say how many bits a pixel has")
    expected = -(-rows * columns * per_pixel * width // 8)
    if photometric == "YBR_FULL_422":
        expected = expected * 2 // 3
    if place[1] < expected:
        raise Damaged(f"pixels are cut short: {place[1]:,} of {expected:,} bytes are there")
    if per_pixel == 1 and allocated in (8, 16) and pixels.keyword == "PixelData":
        kind = np.dtype("u1" if allocated == 8 else "<u2" if parsed.syntax.is_little_endian else ">u2")
        data = parsed.read(place[0], expected + expected % 2)
        if allocated == 8 and pixels.vr == "OW" and not parsed.syntax.is_little_endian:
            data = np.frombuffer(data, ">u2").astype("<u2").tobytes()  # two pixels stand in a word
        cells = np.frombuffer(data, kind, rows * columns).reshape(rows, columns)
        return Frame(cells if cells.dtype.isnative else cells.astype(np.uint16), bits)
    return Frame(_by_pydicom(parsed, pixels, parsed.read(*place)), bits)


def _by_pydicom(parsed: DicomFile, pixels: PixelElement, data: bytes) -> Array:
    """Uncompressed pixels of several samples, of 1 or 32 bits, or of floats; YBR becomes RGB."""
    dataset = parsed.dataset
    little = parsed.syntax.is_little_endian
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    if (_whole(dataset, "SamplesPerPixel") or 1) > 1 and dataset.get("PlanarConfiguration") not in (0, 1):
        dataset.PlanarConfiguration = 0  # C.7.6.3.1.3: by pixel, as all writers do that leave it out
    vr = {"FloatPixelData": "OF", "DoubleFloatPixelData": "OD"}.get(pixels.keyword, pixels.vr)
    dataset.add_new(pixels.keyword, vr if vr in ("OB", "OW", "OF", "OD") else "OW", data)
    array: Array = pixel_array(dataset)
    delattr(dataset, pixels.keyword)
    return array


def _whole(dataset: Dataset, keyword: str) -> int:
    """Value of an element of US; 0 without one."""
    return (words(dataset, keyword) or [0])[0]


def _cells(dataset: Dataset, raw: Array, precision: int, compressed: bool, notes: list[str]) -> Cells:
    """Where stored values lie in the cells (PS3.5 8.1.1), corrected by what the cells hold."""
    allocated = 8 * raw.dtype.itemsize
    signed = _whole(dataset, "PixelRepresentation") == 1
    stored = _whole(dataset, "BitsStored")
    if not 1 <= stored <= allocated:
        if stored:
            notes.append(f"Bits Stored {stored} ignored: a pixel has {allocated} bits")
        stored = precision if 1 <= precision <= allocated else allocated
    if compressed and precision < stored:
        notes.append(f"Bits Stored is {stored}, the compressed pixels have {precision}")
        stored = precision
    high = (words(dataset, "HighBit") or [stored - 1])[0]
    shift = high + 1 - stored if stored - 1 <= high < allocated else 0
    if stored == allocated:
        return Cells(allocated, stored, 0, signed)
    used = int(np.bitwise_or.reduce(raw, axis=None))
    in_low_bits = used >> stored == 0
    if signed:  # stored values may have their sign extended over the cell
        ordered, limit = raw.view(f"i{raw.itemsize}"), 1 << (stored - 1)
        in_low_bits |= bool(ordered.min() >= -limit) and bool(ordered.max() < limit)
    left_aligned = used & ((1 << (allocated - stored)) - 1) == 0
    if shift and in_low_bits and used & ((1 << shift) - 1):
        notes.append("High Bit ignored: the pixels are in the low bits")
        shift = 0
    elif not shift and not in_low_bits and left_aligned and not signed:
        notes.append("High Bit corrected: the pixels are in the high bits")
        shift = allocated - stored
    elif compressed and not shift and precision > stored and not in_low_bits:
        notes.append(f"Bits Stored is {stored}, the compressed pixels have {precision}")
        stored = precision
    return Cells(allocated, stored, shift, signed)


def _counts(raw: Array, cells: Cells, mask: Mask | None, exact: bool) -> npt.NDArray[np.int64]:
    """Pixels by raw cell: of a sample and the extremes, or `exact` of all."""
    length = int(raw.max()) + 1
    counts = np.zeros(length, np.int64)
    plain = cells.stored == cells.allocated or (
        not cells.shift and not cells.signed and length <= 1 << cells.stored
    )
    if exact or mask is not None or not plain or raw.size <= SAMPLED:
        for top in range(0, len(raw), BAND):
            band = raw[top : top + BAND]
            inside = band.ravel() if mask is None else band[mask[top : top + BAND]]
            counts += np.bincount(inside, minlength=length)
        return counts
    step = int((raw.size / SAMPLED) ** 0.5)
    counts += np.bincount(raw[::step, ::step].ravel(), minlength=length)
    ordered = raw.view(f"i{raw.itemsize}") if cells.signed else raw  # in the order of the stored values
    for extreme in (ordered.min(), ordered.max()):
        counts[int(extreme) & ((1 << cells.allocated) - 1)] += 1
    return counts


def _luminance(rgb: Array, bits: int, mask: Mask | None) -> Floats:
    """`[H, W, 3]` to `[H, W]`."""
    full = np.float32(2**bits - 1 if rgb.dtype.kind in "iu" else 1)
    grey = np.empty(rgb.shape[:2], np.float32)
    for top in range(0, len(rgb), BAND):
        band = np.asarray(rgb[top : top + BAND, :, :3], dtype=np.float32) @ LUMA
        grey[top : top + BAND] = np.clip(band / full, 0, 1)
    if mask is not None:
        grey *= mask
    return grey


def _beyond_tables(values: Array, dataset: Dataset, mask: Mask | None, steps: list[str]) -> Floats:
    """Integers of 32 bits and floats: over the range of the image, as no such radiograph has a window."""
    pixels = np.empty(values.shape, np.float32)
    if not np.isfinite(values.min()) or not np.isfinite(values.max()):
        pixels.fill(np.nan)  # refused as values that are not numbers
        return pixels
    inside = values if mask is None else values[mask]
    low, high = float(inside.min()), float(inside.max())
    for top in range(0, len(values), BAND):
        pixels[top : top + BAND] = over_range(values[top : top + BAND], low, high)
    steps.append("range")
    if photometric_of(dataset) == "MONOCHROME1":
        np.subtract(1, pixels, out=pixels)
        steps.append("invert")
    if mask is not None:
        pixels *= mask
    return pixels

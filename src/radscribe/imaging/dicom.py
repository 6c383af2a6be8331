"""A DICOM object of one frame to a `Radiograph`, by PS3.3 and PS3.5.

The order is the standard's: stored values → Modality LUT or rescale (C.11.1) → VOI LUT or window (C.11.2) →
inversion of MONOCHROME1 (C.7.6.3.1.2).
"""

from __future__ import annotations

import warnings
import zlib
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from radscribe.errors import ImageError
from radscribe.imaging import charls_decoder, openjpeg_decoder
from radscribe.imaging.decoder_plugin import register
from radscribe.imaging.dicom_view import view_of
from radscribe.imaging.gdcm_decoder import decode_with_gdcm
from radscribe.imaging.limits import MAX_PIXELS, check_size, one_line
from radscribe.imaging.lut import apply_lut, lut_bits
from radscribe.imaging.radiograph import Provenance, Radiograph
from radscribe.imaging.stream_size import stream_size

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
CHARLS, OPENJPEG = (
    register(plugin.NAME, plugin.__name__, plugin.DECODER_DEPENDENCIES)
    for plugin in (charls_decoder, openjpeg_decoder)
)
DECODERS = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "pillow",  # of 8 bits
    JPEG2000Lossless: OPENJPEG,
    JPEG2000: OPENJPEG,
    JPEGLSLossless: CHARLS,
    JPEGLSNearLossless: CHARLS,
    RLELossless: "pydicom",
}
MAX_INFLATED = 8 * MAX_PIXELS  # bytes: colour of 16 bits, and room for what else an object holds
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def read_dicom(file: BinaryIO, path: str | PathLike[str]) -> Radiograph:
    """Read a single-frame image object of any transfer syntax that a decoder is installed for.

    Raises
    ------
    ImageError : damaged, without an image, of several frames, or compressed in a way that is not supported.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of every value that bends the standard
            return _read(file, path)
    except ImageError:
        raise
    except Exception as error:  # the boundary to pydicom and its decoders, which raise many kinds
        raise ImageError(
            f"is a DICOM file that cannot be read ({one_line(error)})", subject=path, remedy="export it again"
        ) from error


def _read(file: BinaryIO, path: str | PathLike[str]) -> Radiograph:
    check_inflated_size(file, path)
    file.seek(0)
    dataset = dcmread(file, force=True)
    _refuse_what_is_no_single_image(dataset, path)
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # PS3.5 10.1: the default
    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    stored = _stored_pixels(dataset)
    steps: list[str] = []
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
        steps.append("palette")
    if stored.ndim == 3:
        pixels = _luminance(stored, 8 * stored.itemsize if steps else _bits(dataset))
        steps.append("luminance")
    else:
        pixels = _monochrome(stored, dataset, steps)
        if photometric == "MONOCHROME1":
            pixels = 1.0 - pixels
            steps.append("invert")
    _blacken_padding(pixels, stored, dataset, steps)
    return Radiograph(
        np.ascontiguousarray(pixels, dtype=np.float32),
        view=view_of(dataset),
        provenance=Provenance(
            path=str(path),
            format="DICOM",
            bits=_bits(dataset),
            photometric=photometric,
            transfer_syntax=str(dataset.file_meta.TransferSyntaxUID),
            study_uid=str(dataset.get("StudyInstanceUID", "")) or None,
            instance_uid=str(dataset.get("SOPInstanceUID", "")) or None,
            steps=tuple(steps),
        ),
    )


def check_inflated_size(file: BinaryIO, subject: str | PathLike[str]) -> None:
    """Refuse a decompression bomb: a deflated data set (PS3.5 A.5) inflates a thousand times at worst.

    Raises
    ------
    ImageError : it inflates to more than an image of `MAX_PIXELS` has.
    """
    read_preamble(file, force=True)
    if _read_file_meta_info(file).get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(file.read(), MAX_INFLATED)
    if inflater.unconsumed_tail:
        raise ImageError(
            f"inflates to more than {MAX_INFLATED >> 20} MB",
            subject=subject,
            remedy="give a single radiograph",
        )


def _refuse_what_is_no_single_image(dataset: Dataset, path: str | PathLike[str]) -> None:
    sop_class = dataset.get("SOPClassUID")
    name = one_line(getattr(sop_class, "name", None) or str(sop_class))
    if not any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        if sop_class is None:
            raise ImageError("is not a DICOM image", subject=path, remedy="give the image object")
        raise ImageError(
            f"is a DICOM object without an image: {name}", subject=path, remedy="give the image object"
        )
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageError(
            f"holds {frames} frames: {name}", subject=path, remedy="give single-frame radiographs"
        )
    check_size(int(dataset.get("Columns") or 0), int(dataset.get("Rows") or 0), path)


def _stored_pixels(dataset: Dataset) -> Array:
    """`[H, W]`, or `[H, W, 3]` with the colour spaces YBR_* as RGB."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in (JPEGLossless, JPEGLosslessSV1) or (syntax == JPEGExtended12Bit and _bits(dataset) > 8):
        return _decoded_with_gdcm(dataset)
    if syntax in DECODERS and syntax != RLELossless:
        _check_stream_size(dataset)
    # The decoder is named so that pydicom never falls back on GDCM, which damaged files crash.
    stored: Array = pixel_array(dataset, decoding_plugin=DECODERS.get(syntax, ""))
    return stored


def _frame(dataset: Dataset) -> bytes:
    return get_frame(dataset.PixelData, 0, number_of_frames=1)


def _decoded_with_gdcm(dataset: Dataset) -> Array:
    samples = int(dataset.SamplesPerPixel)
    decoded = decode_with_gdcm(
        _frame(dataset),
        str(dataset.file_meta.TransferSyntaxUID),
        int(dataset.Rows),
        int(dataset.Columns),
        samples,
        int(dataset.BitsStored),
    )
    if dataset.PixelRepresentation == 1:
        return decoded.view(f"i{decoded.itemsize}")
    if samples == 3 and str(dataset.PhotometricInterpretation).startswith("YBR_FULL"):
        return convert_color_space(decoded, "YBR_FULL", "RGB")
    return decoded


def _check_stream_size(dataset: Dataset) -> None:
    """A stream that claims another size than the header is damaged, or a decompression bomb."""
    width, height = stream_size(_frame(dataset))
    if (height, width) != (dataset.Rows, dataset.Columns):
        raise ValueError(
            f"{dataset.Columns}x{dataset.Rows} pixels by the header, {width}x{height} by the stream"
        )


def _bits(dataset: Dataset) -> int:
    return int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 32)


def stored_values(raw: Array, dataset: Dataset) -> Array:
    """Only the `BitsStored` low bits count (PS3.5 8.1.1): what else a cell holds is overlay or rubbish."""
    bits, allocated = _bits(dataset), raw.dtype.itemsize * 8
    if raw.dtype.kind not in "iu" or bits >= allocated:
        return raw
    unused = allocated - bits
    return np.right_shift(np.left_shift(raw, unused), unused)  # an arithmetic shift extends the sign


def _monochrome(raw: Array, dataset: Dataset, steps: list[str]) -> Floats:
    """Stored values to 0..1 through the Modality and the VOI transformation."""
    values = stored_values(raw, dataset)
    little_endian = bool(dataset.file_meta.TransferSyntaxUID.is_little_endian)
    if dataset.get("ModalityLUTSequence"):
        values = apply_lut(values, dataset.ModalityLUTSequence[0], little_endian)
        steps.append("modality")
    elif dataset.get("RescaleSlope") is not None:
        values = values * float(dataset.RescaleSlope) + float(dataset.get("RescaleIntercept") or 0)
        steps.append("modality")
    if dataset.get("VOILUTSequence"):
        item = dataset.VOILUTSequence[0]
        steps.append("voi-lut")
        return _over_range(apply_lut(values, item, little_endian), 0, 2 ** lut_bits(item) - 1)
    window = _window(dataset)
    if window:
        steps.append("window")
        return windowed(values, *window)
    if raw.dtype.kind in "iu" and _bits(dataset) <= 8 and "modality" not in steps:
        low = -(2 ** (_bits(dataset) - 1)) if raw.dtype.kind == "i" else 0
        return _over_range(values, low, low + 2 ** _bits(dataset) - 1)
    steps.append("range")
    valid = values[~_padding(raw, dataset)]
    if not valid.size:
        return np.zeros(values.shape, np.float32)
    return _over_range(values, float(valid.min()), float(valid.max()))


def _window(dataset: Dataset) -> tuple[float, float, str] | None:
    """The first window: centre, width and function; None where there is none that the standard allows."""
    centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if centre is None or width is None:
        return None
    first_centre, first_width = (
        float(v if np.isscalar(v) or not hasattr(v, "__len__") else v[0]) for v in (centre, width)
    )
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    smallest = 1.0 if function == "LINEAR" else np.nextafter(0.0, 1.0)
    if not (np.isfinite(first_centre) and np.isfinite(first_width)) or first_width < smallest:
        return None
    return first_centre, first_width, function


def windowed(values: Array, centre: float, width: float, function: str = "LINEAR") -> Floats:
    """PS3.3 C.11.2.1.2 (LINEAR), C.11.2.1.3.1 (SIGMOID) and C.11.2.1.3.2 (LINEAR_EXACT), to 0..1."""
    x = values.astype(np.float64)
    if function == "SIGMOID":
        y = 1 / (1 + np.exp(np.clip(-4 * (x - centre) / width, -700, 700)))
    elif function == "LINEAR_EXACT":
        y = (x - centre) / width + 0.5
    elif width == 1:
        y = (x > centre - 0.5).astype(np.float64)
    else:
        y = (x - (centre - 0.5)) / (width - 1) + 0.5
    return np.clip(y, 0, 1).astype(np.float32)


def _over_range(values: Array, low: float, high: float) -> Floats:
    scaled = (values.astype(np.float64) - low) / max(high - low, float(np.finfo(np.float32).tiny))
    return np.clip(scaled, 0, 1).astype(np.float32)


def _luminance(rgb: Array, bits: int) -> Floats:
    full = np.float32(2**bits - 1 if rgb.dtype.kind in "iu" else 1)
    grey: Floats = np.asarray(rgb[..., :3], dtype=np.float32) @ LUMA
    unit: Floats = np.clip(grey / full, 0, 1).astype(np.float32)
    return unit


def _padding(raw: Array, dataset: Dataset) -> npt.NDArray[np.bool_]:
    """Pixels outside the image: Pixel Padding Value to Pixel Padding Range Limit (PS3.3 C.7.5.1.1.2)."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int) or raw.ndim != 2:
        return np.zeros(raw.shape[:2], dtype=np.bool_)
    limit = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((value, limit if isinstance(limit, int) else value))
    stored = stored_values(raw, dataset)
    return (stored >= low) & (stored <= high)


def _blacken_padding(pixels: Floats, raw: Array, dataset: Dataset, steps: list[str]) -> None:
    """Padding is not part of the patient: black, whatever the photometric interpretation."""
    mask = _padding(raw, dataset)
    if mask.any():
        pixels[mask] = 0.0
        steps.append("padding")

"""A DICOM object with nothing but what `imaging.dicom` reads: pixels, how to show them, the view."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import numpy as np
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.utils import get_expected_length
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.uid import DeflatedExplicitVRLittleEndian as DEFLATED

from radscribe.errors import ImageError
from radscribe.imaging.codecs import Damaged
from radscribe.imaging.dicom import samples
from radscribe.imaging.dicom_file import DicomFile, parse
from radscribe.imaging.dicom_view import view_of
from radscribe.imaging.header import text_of
from radscribe.imaging.radiograph import View
from radscribe.inference.patients import Patient

# Image Pixel, Modality LUT, VOI LUT and Palette modules (PS3.3 C.7.6.3, C.11.1, C.11.2, C.7.9): numbers and
# tables, in which no text fits.
NUMBERS = (
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "WindowCenter",
    "WindowWidth",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
    "ShutterPresentationValue",
)
# A coded attribute keeps its value only if it is a defined term: a code string holds any 16 letters.
TERMS: dict[str, frozenset[str]] = {
    "PhotometricInterpretation": frozenset(
        {"MONOCHROME1", "MONOCHROME2", "RGB", "PALETTE COLOR"}
        | {"YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"}
    ),
    "VOILUTFunction": frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"}),
    "ModalityLUTType": frozenset({"HU", "OD", "US"}),
    "ShutterShape": frozenset({"RECTANGULAR", "CIRCULAR", "POLYGONAL"}),
    "PatientOrientation": frozenset(["L", "R", "A", "P", "H", "F"]),
}
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
# They state the view, some in free text: what was understood of them is written back.
VIEW = ("ViewPosition", "ViewCodeSequence", "SeriesDescription", "StudyDescription", "ProtocolName")
PATIENT = ("PatientID", "PatientName", "PatientBirthDate")
KEPT = ("SOPClassUID", *NUMBERS, *(t for t in TERMS if t != "ModalityLUTType"), *PIXELS)
LONG_VR = ("OB", "OW", "OF", "OD", "UN")  # of pixels; their head has a length of 32 bits
LUT_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")
LUT_KEPT = frozenset(map(tag_for_keyword, ("LUTDescriptor", "LUTData", "ModalityLUTType")))
LUT_ITEMS = 8  # of a sequence; the first one counts
Part = bytes | memoryview | tuple[int, int]  # bytes of a file, or the offset and length of those of another
VIEW_POSITION: dict[View, str] = {"PA": "PA", "AP": "AP", "lateral": "LL"}


@dataclass(frozen=True, slots=True)
class CleanObject:
    """The cleaned object, and what was read on the way; see `CleanImage`."""

    parts: tuple[Part, ...]
    height: int
    width: int
    view: View
    patient: tuple[str, str, str]


def clean_dicom(file: BinaryIO, name: str, check: Callable[[int, int], None]) -> CleanObject:
    """Clean a DICOM object.

    Parameters
    ----------
    file : BinaryIO
        The object as it came, seekable.
    name : str
        The client's name for it.
    check : callable
        Called with width and height before pixels are decoded; raises `ImageError` if they are too many.

    Returns
    -------
    CleanObject
        The object without what identifies a person.

    Raises
    ------
    ImageError
        The object cannot be read. The error quotes no value of the file.
    """
    try:
        parsed = parse(file, name)
        check(int(parsed.dataset.get("Columns") or 0), int(parsed.dataset.get("Rows") or 0))
        return _cleaned(parsed, copied=parsed.file is file)
    except (ImageError, MemoryError):
        raise
    except Damaged as damaged:
        raise ImageError(f"is damaged: its {damaged}", subject=name, remedy="export it again") from None
    except Exception as error:  # the boundary to pydicom, which raises many kinds and quotes values
        raise ImageError(
            "is a DICOM file that cannot be read", subject=name, remedy="export it again"
        ) from error


def _cleaned(parsed: DicomFile, *, copied: bool) -> CleanObject:
    """The object; with `copied`, pixels that stay as they are are named by their place in the file."""
    dataset = parsed.dataset
    view, patient = view_of(dataset), _patient(dataset)
    unwanted = set(dataset.keys()) - {
        Tag(keyword) for keyword in (*KEPT, *VIEW, *PATIENT, "SpecificCharacterSet")
    }
    for tag in unwanted:
        del dataset[tag]
    for keyword in (*VIEW, *PATIENT, "SpecificCharacterSet"):
        if keyword in dataset:
            delattr(dataset, keyword)
    if view in VIEW_POSITION:
        dataset.ViewPosition = VIEW_POSITION[view]
    _keep_defined_terms(dataset)
    if view == "frontal" and "PatientOrientation" not in dataset:
        dataset.PatientOrientation = ["L", "F"]
    uid = dataset.get("SOPClassUID")
    if uid is not None and UID(str(uid)).name == str(uid):  # no class of the standard
        del dataset.SOPClassUID
    for keyword in LUT_SEQUENCES:
        if keyword in dataset:
            setattr(dataset, keyword, list(dataset.get(keyword) or [])[:LUT_ITEMS])
        for item in dataset.get(keyword) or []:
            for tag in set(item.keys()) - LUT_KEPT:
                del item[tag]
            _keep_defined_terms(item)
    syntax = parsed.syntax
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax == DEFLATED else syntax
    pixels: tuple[Part, ...] = ()
    if parsed.pixels is not None:
        pixels = _decompressed(parsed) if parsed.pixels.compressed else _native(parsed, copied=copied)
    dataset.preamble = b"\0" * 128
    if not dataset.file_meta.TransferSyntaxUID.is_implicit_VR:
        for tag in list(dataset.keys()):
            if dataset.get_item(tag).VR is None:  # read as implicit VR, against what the file says of itself
                dataset[tag]  # looks the VR up, so that it can be written
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    return CleanObject((buffer.getvalue(), *pixels), rows, columns, view, patient)


def _keep_defined_terms(dataset: Dataset) -> None:
    for keyword, terms in TERMS.items():
        if keyword not in dataset:
            continue
        value = dataset.get(keyword)
        parts = [value] if isinstance(value, str) else list(value or [])
        known = all(str(part).strip().upper() in terms for part in parts)
        if keyword == "PatientOrientation":  # letters of several directions, as in "AF"
            known = len(parts) == 2 and all(set(str(part).strip().upper()) <= terms for part in parts)
        if not parts or not known:
            delattr(dataset, keyword)


def _patient(dataset: Dataset) -> tuple[str, str, str]:
    """Hashes of Patient ID, name and birth date, empty for what is missing."""
    return Patient("", *(text_of(dataset, keyword) for keyword in PATIENT)).hashed()


def _decompressed(parsed: DicomFile) -> tuple[Part, ...]:
    """The pixels of a compressed frame as an element in explicit VR little endian, as `dataset` then is."""
    dataset, frame = parsed.dataset, samples(parsed)
    stored = frame.samples
    if stored.ndim == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated = 8 * stored.itemsize
    if frame.bits < int(dataset.get("BitsStored") or 0):
        dataset.BitsStored, dataset.HighBit = frame.bits, frame.bits - 1
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    levels = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("<"))
    data = levels.reshape(-1).view(np.uint8).data
    padding = len(data) % 2
    head = _element(dataset, "PixelData", "OB" if stored.itemsize == 1 else "OW", len(data) + padding)
    return head, data, b"\0" * padding


def _native(parsed: DicomFile, *, copied: bool) -> tuple[Part, ...]:
    """The pixels that are not compressed as an element, without what stands behind the frame."""
    dataset, pixels = parsed.dataset, parsed.pixels
    assert pixels is not None
    ((offset, length),) = pixels.fragments
    if pixels.keyword == "PixelData":
        expected = get_expected_length(dataset)
        length = min(length, expected + expected % 2)
    padding = length % 2
    head = _element(dataset, pixels.keyword, pixels.vr, length + padding)
    content: Part = (offset, length) if copied else parsed.read(offset, length)
    return head, content, b"\0" * padding


def _element(dataset: Dataset, keyword: str, vr: str, length: int) -> bytes:
    """The head of an element, in the encoding of the data set (PS3.5 7.1)."""
    tag, syntax = Tag(keyword), dataset.file_meta.TransferSyntaxUID
    order = "<" if syntax.is_little_endian else ">"
    if syntax.is_implicit_VR:
        return struct.pack(f"{order}HHI", tag.group, tag.element, length)
    known = vr if vr in LONG_VR else "OW"
    return struct.pack(f"{order}HH2sHI", tag.group, tag.element, known.encode(), 0, length)

"""A DICOM object with nothing but what `imaging.dicom` reads: pixels, how to show them, the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

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
LUT_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")
LUT_KEPT = frozenset(map(tag_for_keyword, ("LUTDescriptor", "LUTData", "ModalityLUTType")))
LUT_ITEMS = 8  # of a sequence; the first one counts
VIEW_POSITION: dict[View, str] = {"PA": "PA", "AP": "AP", "lateral": "LL"}


@dataclass(frozen=True, slots=True)
class CleanObject:
    """The cleaned bytes, and what was read on the way; see `CleanImage`."""

    data: bytes
    height: int
    width: int
    view: View
    patient: tuple[str, str, str]


def clean_dicom(data: bytes, name: str, check: Callable[[int, int], None]) -> CleanObject:
    """Clean a DICOM object.

    Parameters
    ----------
    data : bytes
        The object as it came.
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
        parsed = parse(BytesIO(data), name)
        check(int(parsed.dataset.get("Columns") or 0), int(parsed.dataset.get("Rows") or 0))
        return _cleaned(parsed)
    except (ImageError, MemoryError):
        raise
    except Damaged as damaged:
        raise ImageError(f"is damaged: its {damaged}", subject=name, remedy="export it again") from None
    except Exception as error:  # the boundary to pydicom, which raises many kinds and quotes values
        raise ImageError(
            "is a DICOM file that cannot be read", subject=name, remedy="export it again"
        ) from error


def _cleaned(parsed: DicomFile) -> CleanObject:
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
    if parsed.pixels is not None and parsed.pixels.compressed:
        _decompress(parsed)
    elif parsed.pixels is not None:
        dataset.add_new(parsed.pixels.keyword, parsed.pixels.vr, parsed.read(*parsed.pixels.fragments[0]))
        if parsed.pixels.keyword == "PixelData":
            _trim(dataset)
    dataset.preamble = b"\0" * 128
    if not dataset.file_meta.TransferSyntaxUID.is_implicit_VR:
        for tag in list(dataset.keys()):
            if dataset.get_item(tag).VR is None:  # read as implicit VR, against what the file says of itself
                dataset[tag]  # looks the VR up, so that it can be written
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    rows, columns = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    return CleanObject(buffer.getvalue(), rows, columns, view, patient)


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


def _decompress(parsed: DicomFile) -> None:
    """Replace a compressed frame by its samples, in explicit VR little endian."""
    dataset, frame = parsed.dataset, samples(parsed)
    stored = frame.samples
    if stored.ndim == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated = 8 * stored.itemsize
    if frame.bits < int(dataset.get("BitsStored") or 0):
        dataset.BitsStored, dataset.HighBit = frame.bits, frame.bits - 1
    data = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    dataset.add_new("PixelData", "OB" if stored.itemsize == 1 else "OW", data + b"\0" * (len(data) % 2))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _trim(dataset: Dataset) -> None:
    """Cut off what stands behind the frame."""
    length = get_expected_length(dataset)
    dataset.PixelData = dataset.PixelData[: length + length % 2]

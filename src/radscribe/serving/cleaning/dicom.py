"""A DICOM object with nothing but what `imaging.dicom` reads: pixels, how they are to be shown, the view."""

from __future__ import annotations

from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from radscribe.errors import ImageError
from radscribe.imaging.dicom import check_inflated_size
from radscribe.imaging.dicom_view import view_of
from radscribe.imaging.limits import one_line
from radscribe.imaging.radiograph import View

# Image Pixel, Modality LUT, VOI LUT and Palette modules (PS3.3 C.7.6.3, C.11.1, C.11.2, C.7.9).
KEPT = (
    "SOPClassUID",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
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
    "VOILUTFunction",
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
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
)
# They say the view; free text among them, so that only what was understood is written back.
VIEW = ("ViewPosition", "ViewCodeSequence", "PatientOrientation", "SeriesDescription")
# Of an item of a kept sequence; `specific_tags` filters the top level alone.
LUT_SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")
LUT_KEPT = frozenset(map(tag_for_keyword, ("LUTDescriptor", "LUTData", "ModalityLUTType")))
VIEW_POSITION: dict[View, str] = {"PA": "PA", "AP": "AP", "lateral": "LL"}


def clean_dicom(data: bytes, name: str) -> tuple[bytes, int, int, View]:
    """The object's bytes without identifiers, its height, width and view.

    Raises
    ------
    ImageError : it cannot be read.
    """
    try:
        check_inflated_size(BytesIO(data), name)
        return _cleaned(dcmread(BytesIO(data), force=True, specific_tags=[*KEPT, *VIEW]))
    except ImageError:
        raise
    except Exception as error:  # the boundary to pydicom, which raises many kinds
        raise ImageError(
            f"is a DICOM file that cannot be read ({one_line(error)})", subject=name, remedy="export it again"
        ) from error


def _cleaned(dataset: Dataset) -> tuple[bytes, int, int, View]:
    view = view_of(dataset)
    for keyword in VIEW:
        if keyword in dataset:
            delattr(dataset, keyword)
    if "SpecificCharacterSet" in dataset:
        del dataset.SpecificCharacterSet
    if view in VIEW_POSITION:
        dataset.ViewPosition = VIEW_POSITION[view]
    elif view == "frontal":
        dataset.PatientOrientation = ["L", "F"]
    for keyword in LUT_SEQUENCES:
        for item in dataset.get(keyword) or []:
            for tag in set(item.keys()) - LUT_KEPT:
                del item[tag]
    syntax = dataset.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)
    dataset.file_meta = FileMetaDataset()
    deflated = syntax == DeflatedExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if deflated else syntax
    dataset.preamble = b"\0" * 128
    if not dataset.file_meta.TransferSyntaxUID.is_implicit_VR:
        for tag in list(dataset.keys()):
            if dataset.get_item(tag).VR is None:  # read as implicit VR, against what the file says of itself
                dataset[tag]  # looks the VR up, so that it can be written
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue(), int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0), view

"""Valid files to mutate: pictures made in memory, DICOM objects made here or packaged with pydicom."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.data.data_manager import DATA_ROOT
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

LARGEST_PACKAGED = 200_000  # bytes; larger ones only cost time


@dataclass(frozen=True, slots=True)
class Seed:
    """A valid file: `kind` is PNG, JPEG, DICOM or other."""

    name: str
    kind: str
    data: bytes


def all_seeds() -> list[Seed]:
    """Every seed, in an order that does not change between runs."""
    return [*_pictures(), *_made_dicom(), *_packaged_dicom()]


def _ramp(height: int = 80, width: int = 96) -> np.ndarray[tuple[int, int], np.dtype[np.uint16]]:
    """12 bits with both slopes and noise, so that every compressor has work to do."""
    noise = np.random.default_rng(0).integers(0, 64, (height, width))
    ramp = np.add.outer(np.arange(height) * 20, np.arange(width) * 20) + noise
    return ramp.astype(np.uint16)


def _pictures() -> list[Seed]:
    ramp = _ramp()
    grey = Image.fromarray((ramp >> 4).astype(np.uint8))
    deep = Image.fromarray(ramp * np.uint16(16))
    colour = Image.merge("RGB", (grey, grey.rotate(180), grey))
    alpha = colour.copy()
    alpha.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112] = 6
    made: list[tuple[str, str, Image.Image, dict[str, object]]] = [
        ("png-8", "PNG", grey, {}),
        ("png-16", "PNG", deep, {}),
        ("png-rgba", "PNG", alpha, {}),
        ("png-palette", "PNG", colour.quantize(16), {}),
        ("png-exif", "PNG", grey, {"exif": exif}),
        ("jpeg-grey", "JPEG", grey, {}),
        ("jpeg-colour", "JPEG", colour, {"exif": exif}),
        ("jpeg-progressive", "JPEG", colour, {"progressive": True}),
        ("jpeg-cmyk", "JPEG", colour.convert("CMYK"), {}),
        ("bmp", "BMP", colour, {}),
        ("tiff-lzw", "TIFF", grey, {"compression": "tiff_lzw"}),
        ("tiff-16", "TIFF", deep, {}),
        ("tiff-jpeg", "TIFF", colour, {"compression": "jpeg"}),
        ("webp", "WEBP", colour, {}),
        ("webp-lossless", "WEBP", grey, {"lossless": True}),
    ]
    seeds = []
    for name, kind, image, options in made:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        seeds.append(Seed(name, kind if kind in ("PNG", "JPEG") else "other", buffer.getvalue()))
    return seeds


def _made_dicom() -> list[Seed]:
    syntaxes = {
        "implicit": ImplicitVRLittleEndian,
        "explicit": ExplicitVRLittleEndian,
        "big-endian": ExplicitVRBigEndian,
        "deflated": DeflatedExplicitVRLittleEndian,
        "rle": RLELossless,
        "jpeg-ls": JPEGLSLossless,
        "jpeg-baseline": UID("1.2.840.10008.1.2.4.50"),
    }
    return [Seed(f"dicom-{name}", "DICOM", _dicom(syntax)) for name, syntax in syntaxes.items()]


def _dicom(syntax: UID) -> bytes:
    from pydicom.encaps import encapsulate

    ramp = _ramp()
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = ComputedRadiographyImageStorage
    uid = generate_uid(entropy_srcs=["fuzz"])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = uid
    dataset.StudyInstanceUID = uid
    dataset.ViewPosition = "PA"
    dataset.Rows, dataset.Columns = ramp.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME1"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "-1024"
    dataset.WindowCenter, dataset.WindowWidth = ["900", "100"], ["3600", "400"]
    dataset.PixelPaddingValue = 0
    dataset.PixelData = ramp.tobytes()
    buffer = io.BytesIO()
    if syntax == UID("1.2.840.10008.1.2.4.50"):
        jpeg = io.BytesIO()
        Image.fromarray((ramp >> 4).astype(np.uint8)).save(jpeg, "JPEG")
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.PixelData = encapsulate([jpeg.getvalue()])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        dataset.PixelData = ramp.byteswap().tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        dataset["PixelData"].VR = "OW"
        dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _packaged_dicom() -> list[Seed]:
    seeds = []
    # `get_testdata_files` would download those that are not packaged.
    for path in sorted((Path(DATA_ROOT) / "test_files").glob("*.dcm")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            holds_pixels = "PixelData" in dcmread(path, force=True)
        if holds_pixels and path.stat().st_size <= LARGEST_PACKAGED:
            seeds.append(Seed(path.name, "DICOM", path.read_bytes()))
    return seeds

"""Small files to read, made in the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from openjpeg.utils import encode_array
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    generate_uid,
)

Stored = npt.NDArray[Any]
WriteDicom = Callable[..., Path]
UNCOMPRESSED = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


@pytest.fixture
def ramp() -> Stored:
    """Every 12-bit value from 0 to 4095, 64 x 64."""
    return np.arange(4096, dtype=np.uint16).reshape(64, 64)


@pytest.fixture
def write_dicom(tmp_path: Path) -> WriteDicom:
    """`write_dicom(stored, syntax=..., name=..., Keyword=value...)` → path; None leaves an element out."""

    def write(
        stored: Stored, syntax: UID = ExplicitVRLittleEndian, name: str = "image.dcm", **elements: Any
    ) -> Path:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.SOPClassUID = ComputedRadiographyImageStorage
        dataset.SOPInstanceUID = generate_uid()
        dataset.StudyInstanceUID = "1.2.3"
        dataset.Rows, dataset.Columns = stored.shape[:2]
        dataset.SamplesPerPixel = 1 if stored.ndim == 2 else stored.shape[2]
        dataset.PhotometricInterpretation = "MONOCHROME2" if stored.ndim == 2 else "RGB"
        if stored.ndim == 3:
            dataset.PlanarConfiguration = 0
        bits = stored.itemsize * 8
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.PixelRepresentation = int(stored.dtype.kind == "i")
        big = syntax == ExplicitVRBigEndian
        dataset.PixelData = stored.astype(stored.dtype.newbyteorder(">" if big else "<")).tobytes()
        dataset["PixelData"].VR = "OW" if bits > 8 else "OB"
        for keyword, value in elements.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        if "PixelData" in dataset:
            dataset.HighBit = dataset.BitsStored - 1
        compressed = syntax not in UNCOMPRESSED
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if compressed else syntax
        if syntax == JPEG2000Lossless:
            stream = encode_array(stored, dataset.BitsStored, photometric_interpretation=2)
            dataset.PixelData = encapsulate([stream])
            dataset.file_meta.TransferSyntaxUID = syntax
        elif compressed:
            dataset.compress(syntax, generate_instance_uid=False)
        path = tmp_path / name
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write

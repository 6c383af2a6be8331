"""JPEG Extended of 12 bits (PS3.5 8.2.1), which pydicom leaves to a GPL decoder: GDCM, asked directly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def decode_jpeg_extended(path: Path, rows: int, columns: int) -> npt.NDArray[Any]:
    """Stored values `[rows, columns]` of a single-frame file; raises ValueError when GDCM cannot."""
    import gdcm

    for quiet in (gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff, gdcm.Trace.DebugOff):
        quiet()
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise ValueError("GDCM cannot read this JPEG Extended stream")
    image = reader.GetImage()
    kind = np.int16 if image.GetPixelFormat().GetPixelRepresentation() else np.uint16
    # GDCM's wrapper hands the bytes over as a str.
    values = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), dtype=kind)
    return values.reshape(rows, columns)

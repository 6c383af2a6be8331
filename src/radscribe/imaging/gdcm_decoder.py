"""JPEG Lossless and JPEG Extended of 12 bits (PS3.5 8.2.1): pydicom leaves the latter to a GPL decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.imaging.decoder_process import decode_in_child


def decode_with_gdcm(
    stream: bytes, syntax: str, rows: int, columns: int, samples: int, bits: int
) -> npt.NDArray[Any]:
    """Unsigned samples `[rows, columns]` or `[rows, columns, samples]`; else ValueError."""
    kind = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    count = rows * columns * samples
    decoded = decode_in_child(stream, rows * columns, "gdcm", syntax, rows, columns, samples, bits)
    if len(decoded) != count * kind.itemsize:
        raise ValueError("the compressed stream is damaged")
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    return np.frombuffer(decoded, dtype=kind, count=count).reshape(shape)

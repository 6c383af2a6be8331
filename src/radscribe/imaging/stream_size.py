"""The size that a compressed stream claims: a decoder allocates by it, whatever the DICOM header says."""

from __future__ import annotations

import io

from PIL import Image

SOF55 = 0xF7  # start of a JPEG-LS frame (ISO/IEC 14495-1 C.2.2)


def stream_size(stream: bytes) -> tuple[int, int]:
    """Width and height of a JPEG, JPEG-LS or JPEG 2000 stream; raises ValueError or what Pillow raises."""
    return _jpeg_ls_size(stream) or _pillow_size(stream)


def _pillow_size(stream: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(stream), formats=("JPEG", "JPEG2000")) as image:
        return image.size


def _jpeg_ls_size(stream: bytes) -> tuple[int, int] | None:
    """None where the stream's first frame is not one of JPEG-LS."""
    at = 2  # behind the start of image
    while stream[:2] == b"\xff\xd8" and stream[at : at + 1] == b"\xff" and at + 9 <= len(stream):
        if stream[at + 1] == SOF55:
            height, width = stream[at + 5 : at + 7], stream[at + 7 : at + 9]
            return int.from_bytes(width), int.from_bytes(height)
        at += 2 + int.from_bytes(stream[at + 2 : at + 4])
    return None

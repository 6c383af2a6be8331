"""PNG and JPEG without text, EXIF, colour profiles, thumbnails and whatever stands behind their end.

The compressed pixels are copied, not coded again. Of EXIF the orientation stays: it decides how the picture
is read.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

from PIL import Image

from radscribe.errors import ImageError
from radscribe.imaging.limits import check_size, one_line

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that decide the pixels; those of an animation stay, so that it is refused as one.
PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
PNG_WITH_ORIENTATION = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})  # EXIF, also as text, and XMP
ORIENTATION = 0x0112
JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length (ISO/IEC 10918-1 B.1.1.3)
JPEG_START_OF_SCAN, JPEG_END = 0xDA, 0xD9
JPEG_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
Picture = tuple[bytes, str, int, int]  # bytes, suffix, height, width


def clean_png(data: bytes, name: str) -> Picture:
    """A PNG file (ISO/IEC 15948) with the chunks that decide its pixels; raises `ImageError`."""
    kept: list[bytes] = [PNG_SIGNATURE]
    found: set[bytes] = set()
    for kind, chunk in _chunks(data, name):
        found.add(kind)
        if kind in PNG_KEPT:
            kept.append(chunk)
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise _damaged(name, "no image header")
    width, height = struct.unpack(">II", data[16:24])
    check_size(width, height, name)  # here, as Pillow decodes the pixels to come to EXIF behind them
    if found & PNG_WITH_ORIENTATION and (orientation := _orientation(data, name)) > 1:
        kept.insert(2, _png_chunk(b"eXIf", _exif(orientation)))
        if orientation >= 5:
            height, width = width, height
    return b"".join(kept), ".png", height, width


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    at, kind, left = 8, b"", _most_parts(data)
    while kind != b"IEND":
        left -= 1
        if left < 0:
            raise _damaged(name, "it has too many chunks")
        head = data[at : at + 8]
        end = at + 12 + int.from_bytes(head[:4])
        kind = head[4:]
        if len(head) < 8 or end > len(data):
            raise _damaged(name, "it ends within a chunk")
        yield kind, data[at:end]
        at = end


def _most_parts(data: bytes) -> int:
    """Chunks or segments that a sound file has at most: libpng puts 8 kB into a chunk."""
    return 10_000 + len(data) // 4096


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def clean_jpeg(data: bytes, name: str) -> Picture:
    """The first picture of a JPEG file without application segments and comments; raises `ImageError`."""
    segments = list(_segments(data, name))  # before Pillow reads them, as it takes any number
    try:
        with Image.open(BytesIO(data), formats=["JPEG", "MPO"]) as image:
            width, height = image.size
            orientation = int(image.getexif().get(ORIENTATION, 1))
    except Image.DecompressionBombError as error:
        raise ImageError(
            "claims more pixels than any radiograph has", subject=name, remedy="export it smaller"
        ) from error
    except Exception as error:  # the boundary to Pillow, which raises many kinds on damaged files
        raise _damaged(name, one_line(error)) from error
    kept = [b"\xff\xd8"]
    if 2 <= orientation <= 8:
        exif = b"Exif\0\0" + _exif(orientation)
        kept.append(b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif)
        if orientation >= 5:
            height, width = width, height
    return b"".join(kept + segments), ".jpg", height, width


def _segments(data: bytes, name: str) -> Iterator[bytes]:
    """Segments that decide the pixels, each with the coded data behind it, to the end of the image."""
    at, left = 2, _most_parts(data)
    while at + 4 <= len(data) and left >= 0:
        left -= 1
        if data[at] != 0xFF or data[at + 1] == 0xFF:  # rubbish or a fill byte: on to the next marker
            match = JPEG_NEXT_MARKER.search(data, at)
            end = len(data) if match is None else match.start()
            left -= end - at  # Pillow skips them one by one
            at = end
            continue
        marker = data[at + 1]
        if marker == JPEG_END:
            break
        if marker in JPEG_STANDALONE:
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == JPEG_START_OF_SCAN:
            match = JPEG_NEXT_MARKER.search(data, end)
            end = len(data) if match is None else match.start()
        # APP0 says JFIF, APP14 how colours are coded; other application data and comments are dropped.
        is_jfif = marker == 0xE0 and data[at + 4 : at + 9] == b"JFIF\0"
        is_adobe = marker == 0xEE and data[at + 4 : at + 9] == b"Adobe"
        if is_jfif or is_adobe or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            yield data[at:end]
        at = end
    if left < 0:
        raise _damaged(name, "it has too many segments")
    yield b"\xff\xd9"


def _orientation(data: bytes, name: str) -> int:
    try:
        with Image.open(BytesIO(data), formats=["PNG"]) as image:
            value = int(image.getexif().get(ORIENTATION, 1))
    except Exception as error:  # as above
        raise _damaged(name, one_line(error)) from error
    return value if 1 <= value <= 8 else 1


def _exif(orientation: int) -> bytes:
    """A TIFF directory with one entry: the orientation (Exif 3.0, 4.6.5)."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)


def _damaged(name: str, reason: str) -> ImageError:
    return ImageError(f"is damaged or cut short ({reason})", subject=name, remedy="copy or export it again")

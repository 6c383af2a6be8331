"""Ways to damage a file, each drawn from a seeded generator so that a failure can be made again."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

EXTREMES = (0, 1, 2, 7, 8, 12, 16, 32, 63, 64, 127, 128, 255, 256, 4096, 32767, 32768, 65280, 65535)
# Elements of group 0028 (and 7FE0,0010) whose values steer the decoding.
ELEMENTS = (
    0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100, 0x00280101,
    0x00280102, 0x00280103, 0x00280120, 0x00281050, 0x00281051, 0x00281052, 0x00281053, 0x00281101,
    0x00281201, 0x00083001, 0x00020010, 0x7FE00010,
)  # fmt: skip
# Markers of JPEG (SOF0 to SOF3), JPEG-LS (SOF55), JPEG 2000 (SIZ, COD, QCD, SOT), scans and tables.
MARKERS = tuple(
    bytes((0xFF, low))
    for low in (0xC0, 0xC1, 0xC2, 0xC3, 0xF7, 0x51, 0x52, 0x5C, 0x90, 0xDA, 0xDB, 0xC4, 0xDD, 0xEE, 0xE1)
)
Mutation = Callable[[bytearray, random.Random, bytes], bytearray]


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """One to four mutations of `data`; `other` is a second file to splice from."""
    mutated = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        mutated = rng.choice(MUTATIONS)(mutated, rng, other)
    if mutated[:8] == b"\x89PNG\r\n\x1a\n" and rng.random() < 0.7:
        return _with_valid_checksums(mutated)
    return bytes(mutated)


def _flip_bits(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    for _n in range(rng.choice((1, 2, 8, 64))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _flip_bits_of_head(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    """The first kilobyte past the DICOM preamble is where the rules are."""
    end = min(len(data), 1200)
    for _n in range(rng.choice((1, 2, 4))):
        if end:
            data[rng.randrange(128 if end > 200 and data[128:132] == b"DICM" else 0, end)] ^= (
                1 << rng.randrange(8)
            )
    return data


def _replace_run(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    start, length = rng.randrange(len(data) + 1), rng.choice((1, 4, 16, 256))
    filling = rng.choice((b"\x00", b"\xff", b"\x80", None))
    data[start : start + length] = rng.randbytes(length) if filling is None else filling * length
    return data


def _truncate(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def _insert(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 16, 512)))
    return data


def _delete(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 2, 16, 512))]
    return data


def _repeat(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    start, length = rng.randrange(len(data) + 1), rng.choice((8, 64, 1024))
    data[start:start] = data[start : start + length] * rng.choice((1, 2, 20))
    return data


def _splice(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _overwrite_number(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    at = rng.randrange(min(len(data), 1200) + 1)
    value = rng.choice(EXTREMES)
    data[at : at + 2] = struct.pack(rng.choice(("<H", ">H")), value)
    return data


def _overwrite_length(data: bytearray, rng: random.Random, _: bytes) -> bytearray:
    at = rng.randrange(min(len(data), 1200) + 1)
    value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 100_000, 0x10000))
    data[at : at + 4] = struct.pack(rng.choice(("<I", ">I")), value)
    return data


def _overwrite_png_header(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    if data[12:16] != b"IHDR" or len(data) < 29:
        return _overwrite_number(data, rng, other)
    if rng.random() < 0.5:
        at = rng.choice((16, 20))
        data[at : at + 4] = struct.pack(
            ">I", rng.choice((0, 1, 63, 64, 5000, 8192, 100_000, 2**31 - 1, 2**32 - 1))
        )
    else:
        data[rng.randrange(24, 29)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    return data


def _overwrite_element(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    """The value of one DICOM element, in the byte order of its file."""
    tag = rng.choice(ELEMENTS)
    order = rng.choice("<<<>")
    at = data.find(struct.pack(order + "HH", tag >> 16, tag & 0xFFFF), 132)
    if at < 0:
        return _overwrite_marker(data, rng, other)
    where = at + rng.choice((4, 6, 8, 8, 8, 8))
    if rng.random() < 0.7:
        data[where : where + 2] = struct.pack(order + "H", rng.choice(EXTREMES))
    else:
        data[where : where + 4] = rng.choice(
            (b"1e99", b"nan ", b"-0  ", b"\\\\\\\\", b"inf ", rng.randbytes(4))
        )
    return data


def _overwrite_marker(data: bytearray, rng: random.Random, other: bytes) -> bytearray:
    """A number in the segment behind a marker of a JPEG, JPEG-LS or JPEG 2000 stream."""
    found = [at for marker in MARKERS if (at := data.find(marker)) >= 0]
    if not found:
        return _overwrite_length(data, rng, other)
    at = rng.choice(found) + rng.randrange(2, 44)
    if rng.random() < 0.5:
        data[at : at + 2] = struct.pack(">H", rng.choice(EXTREMES))
    else:
        data[at : at + 1] = bytes((rng.choice((0, 1, 2, 3, 4, 8, 16, 17, 127, 128, 255)),))
    return data


def _with_valid_checksums(data: bytearray) -> bytes:
    """Chunks of a PNG with their CRC made right again, so that the mutation gets past the check."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(data)


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits,
    _flip_bits_of_head,
    _replace_run,
    _truncate,
    _insert,
    _delete,
    _repeat,
    _splice,
    _overwrite_number,
    _overwrite_length,
    _overwrite_png_header,
    _overwrite_element,
    _overwrite_element,
    _overwrite_marker,
)

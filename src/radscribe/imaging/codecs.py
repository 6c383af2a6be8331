"""Compressed frames of DICOM to samples: the decoder for each transfer syntax, and its limits.

Pillow, OpenJPEG and CharLS decode JPEG, JPEG 2000 and JPEG-LS; GDCM decodes the other kinds of JPEG. GDCM
ends the whole process on some damaged streams and hangs on others; CharLS spends seconds on some streams of
a few thousand pixels. Those two run in child processes with a limit on time and memory, and so does libjxl,
which decodes JPEG XL if imagecodecs is installed. A child serves many streams, because starting one takes
longer than decoding a film.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    JPEG2000MC,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEG2000MCLossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from radscribe.imaging.resize import reduction

Array = npt.NDArray[Any]

WAVELET = frozenset(
    [JPEG2000, JPEG2000Lossless, JPEG2000MC, JPEG2000MCLossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL]
)
JPEG_LS = frozenset([JPEGLSLossless, JPEGLSNearLossless])
JPEG = frozenset([JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1])
# Supplement 232 of 2024: lossless, recompressed JPEG, lossy. The decoder is optional because it is large.
JPEG_XL = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112))
SUPPORTED = WAVELET | JPEG_LS | JPEG | {RLELossless}


CHILD = Path(__file__).with_name("decoder_child.py")
SECONDS = 4.0  # and one more for each
PIXELS_A_SECOND = 5_000_000  # a third of what the slower decoder reaches on one core
MEMORY = 2 << 30  # bytes, and for each pixel
BYTES_A_PIXEL = 32
IDLE_CHILDREN = 4


class Damaged(Exception):
    """A compressed stream that cannot be decoded; the text is for users and complete behind "its"."""


class Frame(NamedTuple):
    """Decoded samples.

    Attributes
    ----------
    samples : ndarray
        Unsigned integers `[H, W]` or `[H, W, samples]`. Signed samples are bit patterns of `bits` bits.
    bits : int
        Precision of a sample, by the stream.
    colour : str or None
        "RGB" if the decoder converted YBR samples, None if they are as the header says.
    reduction : int
        Pixels of the full frame along each side of the block that a sample stands for.
    shift : float
        Distance from the centre of that block to the point that the sample stands for, as a share of the
        block. Not zero for JPEG 2000 at reduced resolution.
    """

    samples: Array
    bits: int
    colour: str | None = None
    reduction: int = 1
    shift: float = 0.0


class StreamHeader(NamedTuple):
    """Properties that a compressed stream states in its header."""

    width: int
    height: int
    bits: int
    components: int
    syntax: UID | None


def reads_jpeg_xl() -> bool:
    """Return whether the optional decoder of JPEG XL is installed."""
    return importlib.util.find_spec("imagecodecs") is not None


def decode_frame(
    stream: bytes,
    syntax: UID,
    rows: int,
    columns: int,
    samples: int,
    bits: int,
    *,
    rgb: bool = False,
    needed: int | None = None,
) -> Frame:
    """Decode one frame.

    Parameters
    ----------
    stream : bytes
        The compressed frame.
    syntax : UID
        Its transfer syntax.
    rows, columns, samples, bits : int
        Size, samples per pixel and bits stored, by the DICOM header.
    rgb : bool
        Whether the header says that samples are RGB: JPEG streams without markers do not say it.
    needed : int, optional
        Pixels needed along each side: JPEG and JPEG 2000 of one component may be decoded at a reduced
        resolution (default: full resolution).

    Raises
    ------
    Damaged
        If the stream is damaged, of another size than the header says, or takes too long.
    """
    if syntax == RLELossless:
        return _rle(stream, rows, columns, samples, bits)
    if syntax in JPEG_XL:
        kind = np.dtype(np.uint8 if bits <= 8 else "<u2")
        decoded = decode_in_child(stream, rows * columns, "jpegxl", rows, columns, samples, kind.itemsize)
        return Frame(_shaped(decoded, kind, rows, columns, samples), bits, None if samples == 1 else "RGB")
    header = stream_header(stream)
    if header is None:
        raise Damaged("compressed pixels are damaged")
    if (header.height, header.width) != (rows, columns):
        # A decoder allocates memory by the claims of the stream, not of the header.
        raise Damaged(
            f"header says {columns}x{rows} pixels, its compressed pixels say {header.width}x{header.height}"
        )
    if header.components != samples:
        raise Damaged(
            f"header says {samples} samples per pixel and its compressed pixels {header.components}"
        )
    actual = header.syntax or syntax  # the stream knows better than the header which process it is
    level = 1 if needed is None else reduction(min(rows, columns), needed)
    if actual in WAVELET:
        return _jpeg2000(stream, header, level)
    if actual in JPEG_LS:
        decoded = decode_in_child(stream, rows * columns, "charls")
        return Frame(_charls(decoded, stream, header), header.bits)
    if actual in (JPEGBaseline8Bit, JPEGExtended12Bit) and header.bits == 8:
        return _jpeg(stream, header, level, rgb)
    decoded = decode_in_child(
        stream, rows * columns, "gdcm", str(actual), rows, columns, samples, header.bits
    )
    kind = np.dtype(np.uint8 if header.bits <= 8 else "<u2")
    return Frame(_shaped(decoded, kind, rows, columns, samples), header.bits)


def _shaped(decoded: bytes | bytearray, kind: np.dtype[Any], rows: int, columns: int, samples: int) -> Array:
    count = rows * columns * samples
    if len(decoded) < count * kind.itemsize:
        raise Damaged("compressed pixels are damaged")
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    return np.frombuffer(decoded, dtype=kind, count=count).reshape(shape)


def _charls(decoded: bytearray, stream: bytes, header: StreamHeader) -> Array:
    kind = np.dtype(np.uint8 if header.bits <= 8 else "<u2")
    if header.components == 1:
        return _shaped(decoded, kind, header.height, header.width, 1)
    scan = stream.find(
        b"\xff\xda"
    )  # ISO/IEC 14495-1 C.2.3: the interleave mode, second last of the scan header
    interleave = stream[scan + 5 + 2 * stream[scan + 4] + 1] if 0 <= scan < len(stream) - 16 else 0
    if interleave != 0:
        return _shaped(decoded, kind, header.height, header.width, header.components)
    planes = _shaped(decoded, kind, header.components * header.height, header.width, 1)
    return np.moveaxis(planes.reshape(header.components, header.height, header.width), 0, -1)


def _jpeg(stream: bytes, header: StreamHeader, level: int, rgb: bool) -> Frame:
    """Baseline and extended JPEG of 8 bits: at reduced resolution from fewer coefficients of each block."""
    try:
        with Image.open(io.BytesIO(stream), formats=("JPEG",)) as image:
            if header.components == 1:
                if level > 1:
                    image.draft("L", (header.width // level, header.height // level))
            elif rgb and not {"adobe_transform", "jfif"} & set(image.info):
                image.draft("YCbCr", image.size)  # libjpeg would take unmarked samples for YBR
            image.load()
            reduction = round(header.width / image.width)
            return Frame(np.asarray(image), 8, None if header.components == 1 else "RGB", reduction)
    except Exception:  # noqa: BLE001  the boundary to Pillow
        raise Damaged("compressed pixels are damaged or cut short") from None


def _jpeg2000(stream: bytes, header: StreamHeader, level: int) -> Frame:
    """JPEG 2000 and HTJ2K: at reduced resolution from the lower levels of the wavelet transform."""
    levels = _wavelet_levels(stream)
    reduce = min(level.bit_length() - 1, levels)
    if reduce and header.components == 1 and header.bits <= 16:
        reduced = _reduced(stream, header, reduce)
        if reduced is not None:
            return reduced
    from openjpeg.utils import decode_pixel_data

    try:
        decoded = bytes(decode_pixel_data(stream, version=2))
    except Exception:  # noqa: BLE001  the boundary to OpenJPEG
        raise Damaged("compressed pixels are damaged or cut short") from None
    size = next((size for size in (1, 2, 4) if header.bits <= 8 * size), 4)
    samples = _shaped(decoded, np.dtype(f"<u{size}"), header.height, header.width, header.components)
    if header.components == 1:
        samples = samples & samples.dtype.type((1 << header.bits) - 1)
    return Frame(samples, header.bits)


def _reduced(stream: bytes, header: StreamHeader, reduce: int) -> Frame | None:
    """The frame without the finest `reduce` levels; None if Pillow, unlike OpenJPEG, cannot read it."""
    try:
        with Image.open(io.BytesIO(stream), formats=("JPEG2000",)) as image:
            image.reduce = reduce  # type: ignore[assignment, method-assign]
            # OpenJPEG rounds a reduced size up and Pillow to the nearest, which then fails.
            image._size = tuple(-(-side >> reduce) << reduce for side in image.size)  # type: ignore[assignment]
            image.load()
            samples = np.asarray(image)
    except Exception:  # noqa: BLE001  the boundary to Pillow
        return None
    if samples.ndim != 2 or samples.dtype != (np.uint8 if header.bits <= 8 else np.uint16):
        return None
    depth = 8 * samples.itemsize
    samples = samples >> samples.dtype.type(depth - header.bits)  # Pillow scales samples to the whole depth
    if _is_signed(stream):  # and moves signed ones by half of their range
        samples = samples ^ samples.dtype.type(1 << (header.bits - 1))
    # A coarse sample is at the place of the first of its block, not at the block's centre.
    return Frame(samples, header.bits, None, 1 << reduce, (1 / (1 << reduce) - 1) / 2)


def _rle(stream: bytes, rows: int, columns: int, samples: int, bits: int) -> Frame:
    """RLE: one segment for each byte of a sample, the most significant first (PS3.5 Annex G)."""
    offsets = np.frombuffer(stream[:64].ljust(64, b"\0"), "<u4").astype(np.int64)
    count, pixels = int(offsets[0]), rows * columns
    size = count // samples
    ends = [*offsets[2 : count + 1], len(stream)]
    if size not in (1, 2, 4) or count % samples or count > 15 or 8 * size < bits or len(stream) < 64:
        raise Damaged("compressed pixels are damaged")
    cells = np.empty((samples, pixels, size), np.uint8)
    for segment, (start, end) in enumerate(zip(offsets[1 : count + 1], ends, strict=True)):
        try:
            # PackBits is the same code; one line, as some encoders let runs go on into the next row.
            plane = Image.frombytes("L", (pixels, 1), stream[start:end], "packbits", "L")
        except Exception:  # noqa: BLE001  the boundary to Pillow
            raise Damaged("compressed pixels are damaged or cut short") from None
        cells[segment // size, :, size - 1 - segment % size] = np.asarray(plane)[0]
    values = cells.view(f"<u{size}").reshape(samples, rows, columns)
    return Frame(values[0] if samples == 1 else np.moveaxis(values, 0, -1), bits)


def stream_header(stream: bytes) -> StreamHeader | None:
    """Read the size, precision and process of a JPEG, JPEG-LS or JPEG 2000 stream; None for anything else."""
    if stream[:2] == b"\xff\xd8":
        return _jpeg_header(stream)
    start = stream[:65536].find(b"\xff\x4f\xff\x51") if stream[4:8] == b"jP  " else 0
    if start < 0 or stream[start : start + 4] != b"\xff\x4f\xff\x51" or len(stream) < start + 43:
        return None
    # SIZ, ISO/IEC 15444-1 A.5.1: the grid from its origin to its end, and the precision of the components
    right, bottom, left, top = (int.from_bytes(stream[start + at : start + at + 4]) for at in (8, 12, 16, 20))
    high_throughput = int.from_bytes(stream[start + 6 : start + 8]) & 0x4000
    components = int.from_bytes(stream[start + 40 : start + 42])
    bits = (stream[start + 42] & 0x7F) + 1
    return StreamHeader(right - left, bottom - top, bits, components, HTJ2K if high_throughput else JPEG2000)


def _jpeg_header(stream: bytes) -> StreamHeader | None:
    processes = {0xC0: JPEGBaseline8Bit, 0xC1: JPEGExtended12Bit, 0xC3: JPEGLosslessSV1, 0xF7: JPEGLSLossless}
    at = 2
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker in processes or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height, width = int.from_bytes(stream[at + 5 : at + 7]), int.from_bytes(stream[at + 7 : at + 9])
            return StreamHeader(
                width, height, stream[at + 4], stream[at + 9], processes.get(marker, JPEGExtended12Bit)
            )
        at += 2 + int.from_bytes(stream[at + 2 : at + 4])
    return None


def _is_signed(stream: bytes) -> bool:
    start = stream[:65536].find(b"\xff\x4f\xff\x51")
    return bool(stream[start + 42] & 0x80)


def _wavelet_levels(stream: bytes) -> int:
    """Decompositions of a JPEG 2000 stream: a byte of COD (ISO/IEC 15444-1 A.6.1)."""
    at = stream[:65536].find(b"\xff\x52")
    return min(32, stream[at + 9]) if 0 <= at < len(stream) - 10 else 0


class Child:
    """A process that decodes streams for this one."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # -P: the folder of the script is not one to import from
            [sys.executable, "-P", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        self.parent = os.getpid()

    def decode(
        self, stream: bytes, pixels: int, codec: str, arguments: tuple[str | int, ...]
    ) -> bytearray | None:
        """Samples, or None if the decoder refuses the stream; raises `Damaged` if the process ended."""
        request = {
            "codec": codec,
            "arguments": arguments,
            "length": len(stream),
            "memory": MEMORY + BYTES_A_PIXEL * pixels,
        }
        expired = threading.Event()

        def end() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(SECONDS + pixels / PIXELS_A_SECOND, end)
        timer.start()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            view = memoryview(stream)
            while view:
                view = view[self._process.stdin.write(view) :]
            head = self._read(9)
            decoded = self._read(int.from_bytes(head[1:], "little"))
        except (OSError, EOFError):
            self.close()
            if expired.is_set():
                raise Damaged("compressed pixels take too long to decode") from None
            raise Damaged("compressed pixels are damaged") from None
        finally:
            timer.cancel()
        return decoded if head[0] else None

    def _read(self, length: int) -> bytearray:
        assert self._process.stdout is not None
        buffer = bytearray(length)
        view = memoryview(buffer)
        while view:
            count = self._process.stdout.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            view = view[count:]
        return buffer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()


_idle: list[Child] = []
_lock = threading.Lock()


def _idle_child() -> Child | None:
    with _lock:
        while _idle:
            child = _idle.pop()
            if child.parent == os.getpid():  # others belong to the process that forked this one
                return child
    return None


def decode_in_child(stream: bytes, pixels: int, codec: str, *arguments: str | int) -> bytearray:
    """Decode a stream of `pixels` pixels in a child process.

    Raises
    ------
    Damaged
        If the decoder refuses the stream, ends its process or takes too long.
    """
    child = _idle_child()
    if child is not None:
        try:
            decoded = child.decode(stream, pixels, codec, arguments)
        except Damaged as damaged:
            if "long" in str(damaged):
                raise
            child = None  # an earlier stream may have left the process about to end
    if child is None:
        child = Child()
        decoded = child.decode(stream, pixels, codec, arguments)
    with _lock:
        keep = len(_idle) < IDLE_CHILDREN
        if keep:
            _idle.append(child)
    if not keep:
        child.close()
    if decoded is None:
        raise Damaged("compressed pixels are damaged")
    return decoded

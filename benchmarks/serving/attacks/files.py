"""Hostile files: small to send, expensive to read."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
)


def dicom_bomb(items: int) -> bytes:
    """A deflated object with a sequence of empty items (PS3.5 7.5): about one byte for a hundred items."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, "1.2.3"
    dataset.Rows = dataset.Columns = 64
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = bytes(range(256)) * 16
    plain, deflated = BytesIO(), BytesIO()
    dcmwrite(plain, dataset, enforce_file_format=True)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dcmwrite(deflated, dataset, enforce_file_format=True)
    body = plain.getvalue()[plain.getvalue().index(b"\x08\x00\x16\x00") :]
    at = body.index(b"\x28\x00\x02\x00")
    sequence = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    body = (
        body[:at] + sequence + b"\xfe\xff\x00\xe0\0\0\0\0" * items + b"\xfe\xff\xdd\xe0\0\0\0\0" + body[at:]
    )
    meta = 132 + 12 + int.from_bytes(deflated.getvalue()[140:144], "little")
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return deflated.getvalue()[:meta] + compressor.compress(body) + compressor.flush()


def tiff_of_frames(frames: int) -> bytes:
    """A TIFF with a chain of directories, each of one pixel."""
    parts = [b"II*\0", struct.pack("<I", 8)]
    at = 8
    entries = ((256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 0), (279, 4, 1))
    size = 2 + 12 * len(entries) + 4
    for n in range(frames):
        following = at + size if n < frames - 1 else 0
        fields = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
        parts.append(struct.pack("<H", len(entries)) + fields + struct.pack("<I", following))
        at += size
    return b"".join(parts)


def large_picture(side: int = 8190) -> bytes:
    """A TIFF of 67 megapixels that deflates to a few hundred kilobytes."""
    levels = np.zeros((side, side), np.uint8)
    levels[:: side // 64] = 200
    buffer = BytesIO()
    Image.fromarray(levels).save(buffer, format="TIFF", compression="tiff_adobe_deflate")
    return buffer.getvalue()


def repeated_fields(count: int) -> tuple[str, bytes]:
    """Content type and body of a form with one field again and again."""
    part = b'--x\r\nContent-Disposition: form-data; name="beam"\r\n\r\n3\r\n'
    return "multipart/form-data; boundary=x", part * count + b"--x--\r\n"

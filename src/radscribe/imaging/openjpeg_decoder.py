"""OpenJPEG as a decoder of pydicom's, for JPEG 2000 (PS3.5 8.2.4).

pydicom has it only through one more package; Pillow's refuses colour of more than 8 bits and JP2 files that
OpenJPEG itself reads.
"""

from __future__ import annotations

from openjpeg.utils import decode_pixel_data
from pydicom.pixels.common import PhotometricInterpretation
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEG2000, JPEG2000Lossless

NAME = "openjpeg"
DECODER_DEPENDENCIES = dict.fromkeys((JPEG2000, JPEG2000Lossless), ("pylibjpeg-openjpeg",))


def is_available(uid: str) -> bool:
    """Part of pydicom's interface."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(stream: bytes, runner: DecodeRunner) -> bytearray:
    """Part of pydicom's interface: the samples, in a container of as many bytes as the precision needs."""
    frame = decode_pixel_data(stream, version=2, **runner.options)
    ybr = (PhotometricInterpretation.YBR_ICT, PhotometricInterpretation.YBR_RCT)
    if runner.photometric_interpretation in ybr:
        runner.set_option("photometric_interpretation", PhotometricInterpretation.RGB)
    precision = runner.get_option("j2k_precision", runner.bits_stored)
    runner.set_option("bits_allocated", next(size for size in (8, 16, 32) if precision <= size))
    return bytearray(frame)

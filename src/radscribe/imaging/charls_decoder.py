"""CharLS in a child process as a decoder of pydicom's, for JPEG-LS (PS3.5 8.2.3)."""

from __future__ import annotations

import _CharLS  # type: ignore[import-not-found, unused-ignore]
from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGLSLossless, JPEGLSNearLossless

from radscribe.imaging.decoder_process import decode_in_child

NAME = "charls"
DECODER_DEPENDENCIES = dict.fromkeys((JPEGLSLossless, JPEGLSNearLossless), ("pyjpegls",))


def is_available(uid: str) -> bool:
    """Part of pydicom's interface."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(stream: bytes, runner: DecodeRunner) -> bytearray:
    """Part of pydicom's interface: the samples, in a container of as many bytes as the precision needs."""
    header = _CharLS.read_header(stream)
    if header["components"] > 1:  # interleave mode 0 is plane by plane
        runner.set_option("planar_configuration", int(header["interleave_mode"] == 0))
    runner.set_option("bits_allocated", 8 if header["bits_per_sample"] <= 8 else 16)
    return bytearray(decode_in_child(stream, runner.rows * runner.columns, "charls"))

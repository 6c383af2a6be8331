"""Decoders that damaged streams crash or stall, in a process of their own with a limit on time and memory.

GDCM ends the whole process on some streams (an exception through C code) and does not come back from others;
CharLS spends seconds on some of a few thousand pixels. `benchmarks/imaging/fuzz.py` finds such files within
minutes, and a service must survive them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHILD = Path(__file__).with_name("decoder_child.py")
SECONDS = 4.0  # and one more for each
PIXELS_A_SECOND = 5_000_000  # a third of what the slower one decodes on one core
MEMORY = 2 << 30  # bytes, and for each pixel
BYTES_A_PIXEL = 32


def decode_in_child(stream: bytes, pixels: int, codec: str, *arguments: str | int) -> bytes:
    """The samples of a stream of `pixels` pixels; raises ValueError where the decoder fails."""
    memory = MEMORY + BYTES_A_PIXEL * pixels
    try:
        child = subprocess.run(
            # -P: the folder of the script is not one to import from
            [sys.executable, "-P", str(CHILD), str(memory), codec, *map(str, arguments)],
            input=stream,
            capture_output=True,
            timeout=SECONDS + pixels / PIXELS_A_SECOND,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError("the compressed stream takes too long to decode") from None
    if child.returncode:
        raise ValueError("the compressed stream is damaged")
    return child.stdout

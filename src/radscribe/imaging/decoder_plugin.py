"""Making a decoder known to pydicom."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID


def register(name: str, module: str, syntaxes: Iterable[UID]) -> str:
    """Add `module`'s `decode_frame` to the decoders of each transfer syntax, once; returns its name."""
    for syntax in syntaxes:
        decoder = get_decoder(syntax)
        if name not in decoder.available_plugins:
            decoder.add_plugin(name, (module, "decode_frame"))
    return name

"""Torch modules: backbones, the encoder, the decoders. One file each; `DECODERS` lists the decoders."""

from __future__ import annotations

from collections.abc import Callable

from radscribe.models.captioner import Captioner
from radscribe.models.decoder import Decoder, StudyFeatures
from radscribe.models.encoder import BACKBONES, Encoder
from radscribe.models.merge_captioner import MergeCaptioner, PaddedMergeCaptioner
from radscribe.models.show_and_tell import ShowAndTell
from radscribe.models.show_attend_tell import ShowAttendTell
from radscribe.models.show_attend_tell_hard import ShowAttendTellHard
from radscribe.models.transformer import Transformer

DECODERS: dict[str, Callable[..., Decoder]] = {
    "show-and-tell": ShowAndTell,
    "show-attend-tell": ShowAttendTell,
    "show-attend-tell-hard": ShowAttendTellHard,
    "transformer": Transformer,
    "merge": MergeCaptioner,
    "merge-padded": PaddedMergeCaptioner,
}

__all__ = ["BACKBONES", "DECODERS", "Captioner", "Decoder", "Encoder", "ShowAndTell", "StudyFeatures"]

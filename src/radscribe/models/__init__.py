"""Torch modules: backbones, the encoder, the decoders. One file each; registries list them."""

from __future__ import annotations

from collections.abc import Callable

from radscribe.models.decoder import Decoder, StudyFeatures
from radscribe.models.encoder import BACKBONES, Encoder
from radscribe.registry import Registry

DECODERS: Registry[Callable[..., Decoder]] = Registry(
    "decoder",
    {
        "show-and-tell": "radscribe.models.show_and_tell:ShowAndTell",
        "show-attend-tell": "radscribe.models.show_attend_tell:ShowAttendTell",
        "show-attend-tell-hard": "radscribe.models.show_attend_tell_hard:ShowAttendTellHard",
        "transformer": "radscribe.models.transformer:Transformer",
        "causal-lm": "radscribe.models.causal_decoder:CausalDecoder",
        "report-bank": "radscribe.models.report_bank:ReportBank",
        "sentence-bank": "radscribe.models.sentence_bank:SentenceBank",
        "merge": "radscribe.models.merge_captioner:MergeCaptioner",
        "merge-padded": "radscribe.models.merge_captioner:PaddedMergeCaptioner",
    },
)

__all__ = ["BACKBONES", "DECODERS", "Decoder", "Encoder", "StudyFeatures"]

"""How the time of decoding grows with the length of captions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from radscribe.bench import decoding
from radscribe.bench.bare import BATCH
from radscribe.bench.images import decoded, repeated
from radscribe.bench.pairs import exponent, in_turn, ratio
from radscribe.bench.result import Result
from radscribe.bench.setting import Setting
from radscribe.inference.constraints import of_a_caption
from radscribe.inference.sessions import DecoderSession, EncoderSession, join_views
from radscribe.text.tokenizer import ReportTokenizer

BEAM = 3


def measure(setting: Setting) -> Iterator[Result]:
    """A batch of studies decoded to captions of each length, from what the encoder said of them."""
    folder, spec = setting.bundle.folder, setting.bundle.spec
    tensors = decoded(repeated(setting.files, BATCH), spec.encoder.image_size)
    features = join_views(EncoderSession(folder, spec)(tensors), [("PA",)] * BATCH)
    decoder, tokenizer = DecoderSession(folder, spec), ReportTokenizer.load(folder / spec.tokenizer)
    constraints = of_a_caption(tokenizer)
    most = setting.scale.lengths[-1]
    share = min(spec.decoder.max_length / most, 1)
    lengths = [max(int(length * share), 1) for length in setting.scale.lengths]

    def decode(length: int) -> None:
        decoding.captions(
            *(decoder, tokenizer, features),
            shortest=length,
            longest=length,
            beam=BEAM,
            constraints=constraints,
        )

    sides = {length: partial(decode, length) for length in lengths}
    seconds = in_turn(sides, setting.scale.rounds)
    short, long = lengths[0], lengths[-1]
    what = f"time of decoding {BATCH} studies, beam {BEAM}, captions of {long} tokens"
    yield Result("length", f"{what} over {short}", ratio(seconds[long], seconds[short]))
    yield Result(
        "length.exponent",
        f"of decoding time over the length, {short} to {long} tokens (1: linear)",
        exponent(seconds),
        "",
    )

"""Captions drawn from a decoder word by word."""

from __future__ import annotations

import torch
from torch import Tensor

from radscribe.models import Decoder, StudyFeatures


def repeated(features: StudyFeatures, times: int) -> StudyFeatures:
    """All studies, and again, `times` in all: rows `[times * N]`."""
    return StudyFeatures(*(None if part is None else torch.cat([part] * times) for part in features))  # type: ignore[arg-type]


@torch.no_grad()
def draw(
    decoder: Decoder, features: StudyFeatures, times: int, bos: int, eos: int, pad: int, max_length: int
) -> Tensor:
    """Captions `[times * N, T]`, `<eos>` included where it came, padded; row `k * N + n` is of study n."""
    state = tuple(torch.cat([part] * times) for part in decoder.init_state(features))
    open_rows = torch.arange(len(state[0]), device=state[0].device)
    captions = torch.full((len(open_rows), max_length + 1), pad, device=open_rows.device)
    token = torch.full_like(open_rows, bos)
    for t in range(max_length + 1):
        log_probabilities, state, *_ = decoder.step(token, state)
        probabilities = log_probabilities.exp()  # [open rows, V]
        probabilities[:, [pad, bos]] = 0  # are no words
        # One random number a row: torch.multinomial draws one a word, which takes longer than the decoder.
        cumulative = probabilities.cumsum(1)
        drawn = torch.rand(len(token), 1, device=token.device) * cumulative[:, -1:]
        token = torch.searchsorted(cumulative, drawn)[:, 0]
        captions[open_rows, t] = token
        going = token != eos
        if not bool(going.any()):
            return captions[:, : t + 1]
        # Captions that ended cost nothing more.
        open_rows, token, state = open_rows[going], token[going], tuple(part[going] for part in state)
    return captions

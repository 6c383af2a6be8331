"""From the encoder's images to studies, and from studies to captions, in torch."""

from __future__ import annotations

import torch
from torch import Tensor

from radscribe.models.decoder import Decoder, StudyFeatures
from radscribe.models.encoder import EncoderOutput


def join_views(output: EncoderOutput, codes: Tensor) -> StudyFeatures:
    """Join consecutive images into studies: means of vectors, cells one image after the other.

    Parameters
    ----------
    output : EncoderOutput
        Output of N * views images.
    codes : Tensor
        `[N, views]`, places in `labels.VIEW_KINDS`.
    """
    n, views = codes.shape
    cells = output.grid.shape[2] * output.grid.shape[3]

    def joined(planes: Tensor) -> Tensor:  # [N * views, K, h, w] → [N, views * h * w, K]
        return planes.flatten(2).permute(0, 2, 1).reshape(n, views * cells, -1)

    return StudyFeatures(
        probabilities=output.probabilities.reshape(n, views, -1).mean(1),
        pooled=output.pooled.reshape(n, views, -1).mean(1),
        grid=joined(output.grid),
        maps=joined(output.maps),
        views=codes.repeat_interleave(cells, dim=1),
    )


@torch.no_grad()
def greedy(decoder: Decoder, features: StudyFeatures, bos: int, eos: int, max_length: int = 80) -> Tensor:
    """Return the most likely next word at every step: tokens `[N, ≤ max_length]`, padded with `eos`.

    For validation during training; serving searches in numpy (`radscribe.inference`).
    """
    n = features.probabilities.shape[0]
    state = decoder.init_state(features)
    token = torch.full((n,), bos, dtype=torch.long, device=features.probabilities.device)
    done = torch.zeros(n, dtype=torch.bool, device=token.device)
    words: list[Tensor] = []
    for _ in range(max_length):
        log_probabilities, state, *_ = decoder.step(token, state)
        token = log_probabilities.argmax(-1).masked_fill(done, eos)
        words.append(token)
        done |= token == eos
        if bool(done.all()):
            break
    return torch.stack(words, dim=1)

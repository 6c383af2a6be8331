"""Encoder and decoder as one captioner, for training from pixels and for export."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radscribe.models.decoder import Decoder, StudyFeatures
from radscribe.models.encoder import Encoder, EncoderOutput


def join_views(output: EncoderOutput, views: int) -> StudyFeatures:
    """Join `views` consecutive images into a study: means of vectors, grids side by side.

    `output` holds N * views images; the result holds N studies, `grid` `[N, views * h * w, C]`.
    """
    images, channels, height, width = output.grid.shape
    n = images // views
    cells = output.grid.reshape(n, views, channels, height * width)
    return StudyFeatures(
        probabilities=output.probabilities.reshape(n, views, -1).mean(1),
        pooled=output.pooled.reshape(n, views, channels).mean(1),
        grid=cells.permute(0, 1, 3, 2).reshape(n, views * height * width, channels),
    )


class Captioner(nn.Module):
    """Images and the words so far → log-probabilities of the next words."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """images `[N, views, 1, S, S]`, tokens `[N, T]` → log-probabilities `[N, T, V]`."""
        views = images.shape[1]
        features = join_views(self.encoder(images.flatten(0, 1)), views)
        log_probabilities: Tensor = self.decoder(features, tokens)
        return log_probabilities


@torch.no_grad()
def greedy(decoder: Decoder, features: StudyFeatures, bos: int, eos: int, max_length: int = 80) -> Tensor:
    """The most likely next word, again and again: tokens `[N, ≤ max_length]`, padded with `eos`.

    For validation during training; serving searches in numpy (`radscribe.inference`).
    """
    n = features.probabilities.shape[0]
    state = decoder.init_state(features)
    token = torch.full((n,), bos, dtype=torch.long, device=features.probabilities.device)
    done = torch.zeros(n, dtype=torch.bool, device=token.device)
    words: list[Tensor] = []
    for _ in range(max_length):
        log_probabilities, state, _ = decoder.step(token, state)
        token = log_probabilities.argmax(-1).masked_fill(done, eos)
        words.append(token)
        done |= token == eos
        if bool(done.all()):
            break
    return torch.stack(words, dim=1)

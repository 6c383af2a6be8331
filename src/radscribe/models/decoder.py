"""What every decoder is: it takes what the encoder saw and gives one word after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn


class StudyFeatures(NamedTuple):
    """The encoder's view of N studies; the views of a study are joined before they come here.

    `grid` is None for decoders trained on precomputed vectors.
    """

    probabilities: Tensor  # [N, F] calibrated, mean over the views
    pooled: Tensor | None = None  # [N, C] mean over the views
    grid: Tensor | None = None  # [N, L, C] cells of all views, one after the other


State = tuple[Tensor, ...]  # each [N, ...]: rows are studies, so that a search may pick and repeat them


class Step(NamedTuple):
    """One word further."""

    log_probabilities: Tensor  # [N, V] of the next token
    state: State
    attention: Tensor | None  # [N, L] over the grid's cells, where the decoder attends


class Decoder(nn.Module, ABC):
    """A language model of captions, conditioned on a study."""

    vocabulary_size: int
    inputs: tuple[str, ...]  # fields of `StudyFeatures` that it reads
    states: tuple[str, ...]  # names of the state's tensors

    @abstractmethod
    def init_state(self, features: StudyFeatures) -> State:
        """The state before the first token, which is `<bos>`."""

    @abstractmethod
    def step(self, token: Tensor, state: State) -> Step:
        """From the previous token `[N]` to log-probabilities of the next `[N, V]`."""

    def forward(self, features: StudyFeatures, tokens: Tensor) -> Tensor:
        """Teacher forcing: tokens `[N, T]` from `<bos>` on → log-probabilities `[N, T, V]` of the next ones.

        A decoder overrides this where it can do better than one step at a time.
        """
        state = self.init_state(features)
        steps: list[Tensor] = []
        for t in range(tokens.shape[1]):
            log_probabilities, state, _ = self.step(tokens[:, t], state)
            steps.append(log_probabilities)
        return torch.stack(steps, dim=1)

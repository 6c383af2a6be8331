"""The interface of objectives: from a decoder and a batch to a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from radscribe.models import Decoder
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.config import DecoderConfig


class Loss(NamedTuple):
    """The scalar loss, and figures for the log."""

    total: Tensor
    figures: dict[str, float]
    first: Tensor | None = None  # `Taught.first`, for the auxiliary prediction of findings


class Objective(ABC):
    """A loss that may depend on the epoch.

    Parameters
    ----------
    reports : sequence of str
        References of the training part.
    """

    def __init__(self, config: DecoderConfig, tokenizer: ReportTokenizer, reports: Sequence[str]) -> None:
        self.config, self.tokenizer = config, tokenizer

    @abstractmethod
    def loss(self, decoder: Decoder, batch: CaptionBatch, epoch: int) -> Loss:
        """The loss of a batch in an epoch, counted from 0."""

    def learning_rate(self, epoch: int) -> float | None:
        """The learning rate that begins with an epoch; None where nothing changes."""
        return None

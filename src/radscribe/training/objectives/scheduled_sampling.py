"""Scheduled sampling (Bengio et al., NeurIPS 2015): more and more the decoder reads its own words."""

from __future__ import annotations

import math

from radscribe.models import Decoder
from radscribe.training import config
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.objectives.cross_entropy import cross_entropy
from radscribe.training.objectives.objective import Loss, Objective


def sample_rate(schedule: config.ScheduledSampling, epoch: int) -> float:
    """How often a word is the decoder's own: the paper's 1 - ε, as far as `highest`.

    >>> sample_rate(config.ScheduledSampling("linear", start=2, length=4, highest=0.4), 4)
    0.2
    """
    i, k = epoch - schedule.start, schedule.length
    if i < 0:
        return 0.0
    if schedule.schedule == "linear":
        return schedule.highest * min(1.0, i / k)
    return schedule.highest * (1 - k / (k + math.exp(min(i / k, 700.0))))


class ScheduledSampling(Objective):
    """Cross-entropy, at the rate of the epoch."""

    def loss(self, decoder: Decoder, batch: CaptionBatch, epoch: int) -> Loss:
        rate = sample_rate(self.config.scheduled_sampling, epoch)
        smoothing = self.config.label_smoothing
        taught = cross_entropy(decoder, batch, self.tokenizer.pad, smoothing, rate)
        return taught._replace(figures={"sample_rate": rate})

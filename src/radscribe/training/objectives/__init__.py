"""What a decoder is trained towards. One file each; `OBJECTIVES` lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from radscribe.errors import UsageError
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import DecoderConfig
from radscribe.training.objectives.cross_entropy import CrossEntropy
from radscribe.training.objectives.objective import Objective
from radscribe.training.objectives.scheduled_sampling import ScheduledSampling
from radscribe.training.objectives.self_critical import SelfCritical

__all__ = ["OBJECTIVES", "Objective", "build_objective"]

OBJECTIVES: dict[str, Callable[[DecoderConfig, ReportTokenizer, Sequence[str]], Objective]] = {
    "cross-entropy": CrossEntropy,
    "scheduled-sampling": ScheduledSampling,
    "self-critical": SelfCritical,
}


def build_objective(config: DecoderConfig, tokenizer: ReportTokenizer, reports: Sequence[str]) -> Objective:
    """The objective of a configuration.

    Parameters
    ----------
    reports : references of the training part, for document frequencies.

    Raises
    ------
    UsageError : there is no such objective.
    """
    if config.objective not in OBJECTIVES:
        raise UsageError(
            f"no objective '{config.objective}'", remedy=f"choose one of {', '.join(OBJECTIVES)}"
        )
    return OBJECTIVES[config.objective](config, tokenizer, reports)

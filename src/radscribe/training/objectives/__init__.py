"""Training objectives of decoders, one file each; `OBJECTIVES` lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from radscribe.registry import Registry
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.config import DecoderConfig
from radscribe.training.objectives.objective import Objective

__all__ = ["OBJECTIVES", "Objective", "build_objective"]

OBJECTIVES: Registry[Callable[[DecoderConfig, ReportTokenizer, Sequence[str]], Objective]] = Registry(
    "objective",
    {
        "cross-entropy": "radscribe.training.objectives.cross_entropy:CrossEntropy",
        "scheduled-sampling": "radscribe.training.objectives.scheduled_sampling:ScheduledSampling",
        "self-critical": "radscribe.training.objectives.self_critical:SelfCritical",
    },
)


def build_objective(config: DecoderConfig, tokenizer: ReportTokenizer, reports: Sequence[str]) -> Objective:
    """Return the objective of a configuration.

    Parameters
    ----------
    reports : sequence of str
        References of the training part, for document frequencies.

    Raises
    ------
    UsageError
        If there is no such objective.
    """
    return OBJECTIVES[config.objective](config, tokenizer, reports)

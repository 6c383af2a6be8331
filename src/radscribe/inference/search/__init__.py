"""Search for captions over a batch of studies at once, in numpy."""

from radscribe.inference.search.beam import (
    Hypothesis,
    Ranker,
    State,
    StepFunction,
    Stepped,
    mean,
    search,
    total,
    wu,
)

__all__ = ["Hypothesis", "Ranker", "State", "StepFunction", "Stepped", "mean", "search", "total", "wu"]

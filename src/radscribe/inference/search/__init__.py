"""Search for captions over a batch of studies at once, in numpy.

A strategy is a small frozen description (`Greedy`, `Beam`, `DiverseBeam`, `Sample`); `search` drives it.
`inference.constraints` decides what must not be said.
"""

from radscribe.inference.search.beam import Beam, DiverseBeam, Greedy
from radscribe.inference.search.loop import score, search
from radscribe.inference.search.sample import Sample
from radscribe.inference.search.sentences import search_sentences
from radscribe.inference.search.strategy import (
    Hypothesis,
    LengthPenalty,
    Mean,
    Ranker,
    State,
    StepFunction,
    Stepped,
    Strategy,
    Total,
)

__all__ = [
    "Beam",
    "DiverseBeam",
    "Greedy",
    "Hypothesis",
    "LengthPenalty",
    "Mean",
    "Ranker",
    "Sample",
    "State",
    "StepFunction",
    "Stepped",
    "Strategy",
    "Total",
    "score",
    "search",
    "search_sentences",
]

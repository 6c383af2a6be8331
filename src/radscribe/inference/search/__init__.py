"""Search for captions over a batch of studies at once, in numpy.

A strategy is a small frozen description (`Greedy`, `Beam`, `DiverseBeam`, `Sample`); `search` drives it. What
must not be said is told by `inference.constraints`.
"""

from radscribe.inference.search.beam import Beam
from radscribe.inference.search.diverse import DiverseBeam
from radscribe.inference.search.greedy import Greedy
from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.loop import search
from radscribe.inference.search.ranking import LengthPenalty, Mean, Ranker, Total
from radscribe.inference.search.sample import Sample
from radscribe.inference.search.step import State, StepFunction, Stepped
from radscribe.inference.search.strategy import Strategy

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
    "search",
]

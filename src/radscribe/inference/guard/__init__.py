"""The guard: checks images before, and text after, a captioner that is not ours.

A `Guard` runs the chest check, asks the external captioner, and checks each sentence of its answer with rules
that need no token probabilities: `sentences` has the rules, `sources` the two ways to ask.
"""

from radscribe.inference.guard.guard import Guard, GuardedCaption
from radscribe.inference.guard.sentences import RULES, Reason, Rule, Sentence
from radscribe.inference.guard.sources import Endpoint, Function, Source, as_source

__all__ = [
    "RULES",
    "Endpoint",
    "Function",
    "Guard",
    "GuardedCaption",
    "Reason",
    "Rule",
    "Sentence",
    "Source",
    "as_source",
]

"""Phrases that claim more than the images of a study show: an earlier study, or a view.

One list for both who reads and who writes: `text.sentences` drops sentences that hold one, and the search
forbids to say one (`inference.constraints.claims`). A `*` at the end stands for any ending of the word.
"""

from __future__ import annotations

import re
from itertools import product


def _each(*words: str) -> tuple[str, ...]:
    """Every phrase of one alternative of each word: `_each("has|have", "been")`."""
    return tuple(" ".join(phrase) for phrase in product(*(word.split("|") for word in words)))


# What names an event that left its traces, and no earlier picture: "prior granulomatous disease".
PAST_EVENTS = (
    *("granulom*", "inflamm*", "infect*", "trauma*", "injur*", "fractur*", "tb", "tubercul*", "histoplasm*"),
    *("surg*", "cabg", "replacement", "repair"),
)
# "Stable" and "unchanged" too: with nothing to compare with, an image shows neither.
PRIOR = (
    *("unchanged", "unaltered", "stable", "stability", "again", "redemonstrat*", "re-demonstrat*"),
    *("compar*", "interval", "intervally"),
    # "Increased markings" is a look; "increased since", "has increased" is a change.
    *_each("increase|increased|increasing|decrease|decreased|decreasing", "in|since|from|compared"),
    *_each("has|have", "increased|decreased|been|developed|cleared"),
    *("increasing", "decreasing", "increase of", "decrease of"),
    *(
        "improv*",
        "worsen*",
        "new",
        "newly",
        "progress*",
        "persist*",
        "resolved",
        "resolving",
        "resolution of",
    ),
    *("since", "still", "remain", "remains", "remained", "no longer", "no change", "not changed"),
    *("residual", "recurren*", "today", "developing", "clearing of", "earlier", "last", "removed", "removal"),
    *("reexpan*", "re-expan*", "as before"),
    *_each("old", "film|films|ct|study|studies|image|images"),
)
# An earlier study, unless a past event follows.
PRIOR_UNLESS_EVENT = ("prior", "priors", "previous", "previously")

LATERAL = (
    *_each("pa|ap|frontal", "and", "lateral"),
    *("on lateral", "on the lateral", "on laterals", "on the laterals", "in the laterals"),
    *_each(
        "lateral", "view|views|film|films|image|images|exam*|radiograph|radiographs|projection|projections"
    ),
    *("retrosternal", "ap diameter", "ap dimension", "anterior wedg*", "anteriorly wedg*"),
    *_each("posterior", "costophrenic|cp|sulc*|gutter|gutters|diaphragm*"),
)
FRONTAL = (
    *_each("pa|ap|frontal", "and", "lateral"),
    *_each("in|on", "the", "pa|ap|frontal"),
    *_each("pa|ap|frontal", "view|views|film|films|image|images|exam*|projection|projections"),
)
# Views that no study here is known to have.
OTHER_VIEWS = ("decubitus", "lordotic")


def as_pattern(phrase: str) -> str:
    """A phrase as a regular expression, for use between word boundaries."""
    return re.escape(phrase.removesuffix("*")).replace(r"\ ", " ") + (r"\w*" if phrase.endswith("*") else "")

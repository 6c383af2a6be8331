"""Phrases that claim more than the images of a study show: an earlier study, or a view.

Training and search share the list: `text.sentences` drops sentences with such a phrase, and
`inference.constraints.claims` keeps the search from writing one. A `*` at the end matches any ending.
"""

from __future__ import annotations

import re
from itertools import product


def _each(*words: str) -> tuple[str, ...]:
    """Return all combinations of alternatives: `_each("has|have", "been")`."""
    return tuple(" ".join(phrase) for phrase in product(*(word.split("|") for word in words)))


# Events that leave traces in this image. They need no earlier one: "prior granulomatous disease".
PAST_EVENTS = (
    *("granulom*", "inflamm*", "infect*", "trauma*", "injur*", "fractur*", "tb", "tubercul*", "histoplasm*"),
    *("surg*", "cabg", "replacement", "repair"),
)
# "Stable" and "unchanged" are included: one image shows neither.
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
    *_each("no", "significant|appreciable|substantial|definite", "change|changes"),
    *("residual", "recurren*", "today", "developing", "clearing of", "earlier", "last", "removed", "removal"),
    *("reexpan*", "re-expan*", "as before"),
    # "Smaller effusion" compares with an earlier image, "smaller on the left" does not.
    *_each(
        "smaller|larger|bigger|denser|fewer|decreased|less|more|cleared",
        "effusion*|pneumothora*|edema|consolidation*|infiltrat*|atelectas*|nodules|masses|pneumonia",
    ),
    *_each("smaller|larger|bigger|denser", "left|right|bilateral|pleural|apical|nodule|mass|opacit*"),
    *_each("is|are", "smaller|larger|bigger|less|better"),
    *_each("better", "aerat*|expand*"),
    *(
        "enlarging",
        "growing",
        "regress*",
        "reaccumulat*",
        "re-accumulat*",
        "continued",
        "ongoing",
        "now with",
    ),
    *_each("not", "as|so", "large|small|dense|extensive|prominent"),
    *_each("old", "film|films|ct|study|studies|image|images"),
)
# These name an earlier study unless a past event follows.
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
# Views that no study here has.
OTHER_VIEWS = ("decubitus", "lordotic")


def as_pattern(phrase: str) -> str:
    """Return a phrase as a regular expression, for use between word boundaries."""
    return re.escape(phrase.removesuffix("*")).replace(r"\ ", " ") + (r"\w*" if phrase.endswith("*") else "")

"""The options of a caption, with the defaults that Python, the command line and HTTP share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from radscribe.errors import UsageError

if TYPE_CHECKING:
    from radscribe.inference.search import Strategy

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """How to caption.

    Parameters
    ----------
    beam : int
        Width of the beam search; 1 is greedy search. Ignored if `strategy` is given.
    n_best : int
        Number of captions to return per study: the best one, and the others as `Caption.alternatives`. At
        most `beam`, or the width of `strategy`.
    force : bool
        Caption images that the chest check refuses. The caption carries a warning.
    evidence : bool
        Fill `Caption.evidence` with maps of findings and words, and keep the pixels of each image.
    strategy : Strategy, optional
        Search strategy from `radscribe.inference.search` (default: a beam search of width `beam`).
    min_confidence : float, optional
        Refuse a study if the confidence of its caption is lower, from 0 to 1 (default: refuse none).
    exact : bool
        Decode JPEG and JPEG 2000 at full resolution (default: true). Otherwise they are decoded at the
        lowest resolution that suffices, which is much faster and changes finding probabilities.
    context : bool
        Read the indication and the earlier study, where the bundle reads them (default: true).

    Raises
    ------
    UsageError
        If `beam` is below 1, `n_best` is not between 1 and the width of the search, or `min_confidence` is
        not between 0 and 1.
    """

    beam: int = 3
    n_best: int = 1
    force: bool = False
    evidence: bool = False
    strategy: Strategy | None = None
    min_confidence: float | None = None
    exact: bool = True
    context: bool = True

    def __post_init__(self) -> None:
        if self.strategy is None and self.beam < 1:
            raise UsageError(f"a beam of {self.beam}", remedy="use a beam of 1 or more")
        width = self.beam if self.strategy is None else self.strategy.width
        if not 1 <= self.n_best <= width:
            raise UsageError(
                f"n-best is {self.n_best}, and the search gives {width}",
                remedy="choose 1 <= n-best <= beam (or number of samples)",
            )
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise UsageError(
                f"the minimum confidence is {self.min_confidence}", remedy="choose a value from 0 to 1"
            )

    @property
    def search(self) -> Strategy:
        """The search strategy."""
        from radscribe.inference.search import Beam  # loads numpy, which `--help` does without

        return self.strategy or Beam(self.beam)


DEFAULTS = CaptionOptions()


def suggest_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Make the `TypeError` for an unknown keyword name the keyword that was probably meant."""
    known = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]

    @wraps(function)
    def checked(*arguments: P.args, **keywords: P.kwargs) -> R:
        for keyword in keywords:
            if keyword not in known:
                near = get_close_matches(keyword, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"the keywords are {', '.join(known)}"
                raise TypeError(f"{function.__name__}() has no keyword {keyword!r}; {hint}")
        return function(*arguments, **keywords)

    return checked

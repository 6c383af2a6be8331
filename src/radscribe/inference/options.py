"""What a caller may ask of a caption."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from radscribe.errors import UsageError
from radscribe.inference.search import Beam, Strategy


class Asked(TypedDict, total=False):
    """The fields of `Options`, as a caller may name them."""

    beam: int
    n_best: int
    force: bool
    evidence: bool
    strategy: Strategy | None
    min_confidence: float | None


@dataclass(frozen=True, slots=True)
class Options:
    """How to caption; the parameters of `Captioner.caption`, checked.

    Parameters
    ----------
    beam : width of the beam search that `strategy` None stands for; 1 is greedy.
    n_best : captions to return, at most `beam`, or what `strategy` gives.
    force : caption what the chest check refuses, under a warning.
    evidence : fill `Caption.evidence`, and keep each image's pixels in it.
    strategy : how to search, of `radscribe.inference.search`.
    min_confidence : a study whose caption is less likely right is refused.

    Raises
    ------
    UsageError : a beam below 1, more captions than the strategy gives, or a confidence outside 0 to 1.
    """

    beam: int = 3
    n_best: int = 1
    force: bool = False
    evidence: bool = False
    strategy: Strategy | None = None
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        width = self.search.width
        if not 1 <= self.n_best <= width:
            raise UsageError(
                f"{self.n_best} captions of a search for {width}",
                remedy="take 1 <= n-best <= beam (or samples)",
            )
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise UsageError(f"a confidence of at least {self.min_confidence}", remedy="take one from 0 to 1")

    @property
    def search(self) -> Strategy:
        """The strategy to search by."""
        return self.strategy or Beam(self.beam)

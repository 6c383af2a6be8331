"""What a caller may ask of a caption."""

from __future__ import annotations

from dataclasses import dataclass

from radscribe.errors import UsageError
from radscribe.inference.search import Beam, Strategy


@dataclass(frozen=True, slots=True)
class Options:
    """How to caption; the parameters of `Captioner.caption`, checked.

    Raises
    ------
    UsageError : a beam below 1, or more captions than the strategy gives.
    """

    beam: int = 3  # width of the beam search that `strategy` None stands for
    n_best: int = 1
    force: bool = False
    strategy: Strategy | None = None

    def __post_init__(self) -> None:
        width = self.search.width
        if not 1 <= self.n_best <= width:
            raise UsageError(
                f"{self.n_best} captions of a search for {width}",
                remedy="take 1 <= n-best <= beam (or samples)",
            )

    @property
    def search(self) -> Strategy:
        """The strategy to search by."""
        return self.strategy or Beam(self.beam)

"""What a caller may ask of a caption."""

from __future__ import annotations

from dataclasses import dataclass

from radscribe.errors import UsageError


@dataclass(frozen=True, slots=True)
class Options:
    """How to caption; the parameters of `Captioner.caption`, checked.

    Raises
    ------
    UsageError : a beam below 1, or more captions than the beam holds.
    """

    beam: int = 3
    n_best: int = 1
    force: bool = False
    evidence: bool = False

    def __post_init__(self) -> None:
        if self.beam < 1 or not 1 <= self.n_best <= self.beam:
            raise UsageError(
                f"a beam of {self.beam} with {self.n_best} captions", remedy="take 1 <= n-best <= beam"
            )

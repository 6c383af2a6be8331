"""What every strategy is: a small frozen description, and a chooser that picks the next tokens of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from radscribe.inference.search.hypothesis import Hypothesis
from radscribe.inference.search.step import Doubles, Integers


class Choice(NamedTuple):
    """One step of R rows: which of them end here, and which tokens the others, or their copies, say next."""

    ended: Integers  # [E] rows whose `<eos>` makes a caption; of one study the best first
    parents: Integers  # [R'] the row that each new row goes on from, in the order of the studies
    tokens: Integers  # [R'] what each new row says


class Chooser(Protocol):
    """Picks the next tokens of the studies of one batch; what it must remember of them it keeps."""

    def choose(self, scores: Doubles, eos: int) -> Choice:
        """`scores` `[R, V]`: log-probabilities of the next token, minus infinity where it is forbidden;
        the chooser's own to change. At first there is one row a study; then the rows of the last choice."""


class Strategy(Protocol):
    """How to search."""

    @property
    def width(self) -> int:
        """Captions of a study at most."""

    def begin(self, studies: int, longest: int) -> Chooser:
        """Start on a batch; a caption has at most `longest` tokens, the end included."""

    def select(self, finished: Sequence[Hypothesis]) -> list[Hypothesis]:
        """What a study gets of the captions that were finished, the best first."""

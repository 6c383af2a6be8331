"""The protocol of a constraint, and the constraints that look only at tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating[Any]]


class Constraint(Protocol):
    """Sets scores of forbidden next tokens to minus infinity, in place."""

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        """Forbid next tokens.

        Parameters
        ----------
        scores : numpy.ndarray
            Scores of the next token `[R, V]`, changed in place.
        tokens : numpy.ndarray
            Tokens so far `[R, t]`, without `<bos>`.
        studies : numpy.ndarray
            Study of each row `[R]`: its index among the studies that are searched together.
        """


class Forbid:
    """Forbids tokens in every caption: padding, unknown words, de-identification marks."""

    def __init__(self, token_ids: Iterable[int]) -> None:
        self._ids = np.array(sorted(set(token_ids)), dtype=np.int64)

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        scores[:, self._ids] = -np.inf


class NotEmpty:
    """Forbids the empty caption."""

    def __init__(self, eos: int) -> None:
        self._eos = eos

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        if tokens.shape[1] == 0:
            scores[:, self._eos] = -np.inf


class SectionOrder:
    """Allows each section token once, at the start or after a sentence, and requires text after it.

    Parameters
    ----------
    sections : iterable of int
        The section tokens.
    ends : iterable of int
        Tokens that end a sentence.
    eos : int
        Token that ends a caption.
    """

    def __init__(self, sections: Iterable[int], ends: Iterable[int], eos: int) -> None:
        self._sections = np.array(sorted(sections), dtype=np.int64)
        self._eos = eos
        closing = set(ends)
        # By token: a look-up is much faster than a search in a list. The last place is any other token.
        ids = range(2 + max((*self._sections, *closing, eos)))
        self._is_section = np.isin(ids, self._sections)
        self._is_end = np.array([i in closing for i in ids])

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        if not tokens.shape[1]:
            return
        last = np.minimum(tokens[:, -1], len(self._is_end) - 1)
        ended = self._is_end[last].nonzero()[0]
        if len(ended):  # else no section may begin: for most tokens, that is all
            begun = (tokens[ended, :, None] == self._sections).any(axis=1)  # [E, S]
            free = scores[ended[:, None], self._sections]
        scores[:, self._sections] = -np.inf
        if len(ended):
            scores[ended[:, None], self._sections] = np.where(begun, -np.inf, free)
        scores[self._is_section[last], self._eos] = -np.inf


class NoRepeatedNgram:
    """Forbids repeating `length` tokens (Paulus et al., ICLR 2018).

    The paper forbids three, the default here is five: 14% of Indiana's reports repeat a trigram ("there is
    a"), and forbidding it breaks sentences; only 0.5% repeat five tokens.
    """

    def __init__(self, length: int = 5) -> None:
        self._before = length - 1

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        starts = tokens.shape[1] - self._before
        if starts <= 0:
            return
        # Where in each row its last tokens stood before: what followed them is forbidden now. The last two
        # are compared first, as that leaves hardly any place to look at.
        seen = np.ones((len(tokens), starts), dtype=bool)
        for place in range(max(0, self._before - 2), self._before):
            seen &= tokens[:, place : place + starts] == tokens[:, starts + place, None]
        row, start = seen.nonzero()
        for place in range(self._before - 3, -1, -1):
            if not len(row):
                return
            same = tokens[row, start + place] == tokens[row, starts + place]
            row, start = row[same], start[same]
        scores[row, tokens[row, start + self._before]] = -np.inf

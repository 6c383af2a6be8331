"""Forbids claims about an earlier study, or about views, where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from radscribe.inference.constraints.phrases import Phrases
from radscribe.inference.constraints.rules import Scores, Tokens
from radscribe.labels import VIEW_KINDS, view_code
from radscribe.text import claims
from radscribe.text.tokenizer import ReportTokenizer

ALWAYS, NO_LATERAL, NO_FRONTAL, NO_PRIOR = 1, 2, 4, 8


class Claims:
    """Forbidden claims in one vocabulary; `of` gives the constraint for the views of some studies.

    The phrases are those of `text.claims`, which also keep sentences out of training. The end of a word is
    known one token too late, so a piece that completes a phrase is forbidden even if its word could go on
    ("again", "st").
    """

    def __init__(self, tokenizer: ReportTokenizer) -> None:
        self._tokenizer = tokenizer

    @cached_property
    def _tables(self) -> tuple[Tokens, npt.NDArray[np.uint8], int]:
        phrases = Phrases(
            {
                ALWAYS: claims.OTHER_VIEWS,
                NO_LATERAL: claims.LATERAL,
                NO_FRONTAL: claims.FRONTAL,
                NO_PRIOR: claims.PRIOR,
            },
            unless={NO_PRIOR: claims.PRIOR_UNLESS_EVENT},
            exceptions=claims.PAST_EVENTS,
        )
        return phrases.over(self._tokenizer)

    def of(self, views: Sequence[Iterable[str]], priors: Sequence[bool] | None = None) -> ClaimsOfStudies:
        """Make the constraint for studies.

        Parameters
        ----------
        views : sequence of iterable of str
            The views of each study. An unknown view counts as neither kind.
        priors : sequence of bool, optional
            Whether the captioner read an earlier study, for each study (default: for none).
        """
        given = priors if priors is not None else [False] * len(views)
        kinds = [_missing(*study) for study in zip(views, given, strict=True)]
        return ClaimsOfStudies(*self._tables, np.array(kinds, dtype=np.uint8))


def _missing(views: Iterable[str], prior: bool) -> int:
    seen = {VIEW_KINDS[view_code(view)] for view in views}
    missing = NO_LATERAL * ("lateral" not in seen) | NO_FRONTAL * ("frontal" not in seen)
    return ALWAYS | missing | NO_PRIOR * (not prior)


class ClaimsOfStudies:
    """Forbids the phrases of each study's kinds `[N]`."""

    def __init__(
        self, table: Tokens, forbidden: npt.NDArray[np.uint8], memory: int, kinds: npt.NDArray[np.uint8]
    ) -> None:
        self._table, self._memory = table, memory
        different, self._place = np.unique(kinds, return_inverse=True)
        # [kinds that differ, S, V]: usually all studies of a batch have the same views
        self._forbidden = np.stack([forbidden & kind != 0 for kind in different])

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        # The state depends on the last few tokens alone, so that nothing must be kept beside the rows.
        state = np.zeros(len(scores), np.int64)
        for token in tokens[:, max(0, tokens.shape[1] - self._memory) :].T:
            state = self._table[state, token]
        np.copyto(scores, -np.inf, where=self._forbidden[self._place[studies], state])

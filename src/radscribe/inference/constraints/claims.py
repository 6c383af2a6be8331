"""Forbids claims about an earlier study, or about views, that do not exist.

An automaton finds the tokens that would complete a forbidden phrase (Aho and Corasick, Efficient String
Matching, CACM 1975). Phrases are spelled in characters, so the pieces of the tokenizer do not matter; the
tables for the search are indexed by whole tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from radscribe.inference.constraints.rules import Scores, Tokens
from radscribe.labels import VIEW_KINDS, view_code
from radscribe.text import claims
from radscribe.text.tokenizer import CONTINUES, SPECIALS, WORDS, ReportTokenizer

Integers = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.uint8]  # bit sets
ALWAYS, NO_LATERAL, NO_FRONTAL, NO_PRIOR = 1, 2, 4, 8


def spell(text: str) -> str:
    """Spell a text for the automaton: a space before each word and sign."""
    return "".join(f" {word}" for word in re.findall(WORDS, text.lower()))


def spell_token(token: str) -> str:
    """Spell the text that a token adds."""
    return token[len(CONTINUES) :].lower() if token.startswith(CONTINUES) else spell(token)


class Phrases:
    """Phrases of several kinds, each kind one bit. A `*` at the end of a phrase matches any ending.

    Parameters
    ----------
    forbidden : dict of int to Iterable[str]
        Kind → forbidden phrases.
    unless : dict of int to Iterable[str]
        Kind → words that are forbidden unless one of `exceptions` follows.
    """

    def __init__(
        self,
        forbidden: Mapping[int, Iterable[str]],
        unless: Mapping[int, Iterable[str]],
        exceptions: Sequence[str],
    ) -> None:
        self._children: list[dict[str, int]] = [{}]  # of each node, the beginning of some phrases
        words: dict[int, int] = {}  # node at a phrase's end → kinds forbidden when the word ends here
        stems: dict[int, int] = {}  # … with any ending
        pending: dict[int, int] = {}  # node that must go on as an exception does → kinds
        for kind, phrases in forbidden.items():
            for phrase in phrases:
                ends = stems if phrase.endswith("*") else words
                node = self._add(spell(phrase.removesuffix("*")))[-1]
                ends[node] = ends.get(node, 0) | kind
        triggers: set[int] = set()
        for kind, phrases in unless.items():
            for phrase in phrases:
                before = self._add(spell(phrase))
                triggers.add(before[-1])
                for exception in exceptions:
                    path = self._add(spell(f"{phrase} {exception.removesuffix('*')}"))
                    for node in path[len(before) - 1 : -1]:
                        pending[node] = pending.get(node, 0) | kind
        self._compile(words, stems, pending, triggers)

    def _add(self, text: str) -> list[int]:
        """The nodes along a text."""
        path: list[int] = []
        node = 0
        for character in text:
            if character not in self._children[node]:
                self._children.append({})
                self._children[node][character] = len(self._children) - 1
            node = self._children[node][character]
            path.append(node)
        return path

    def _compile(
        self, words: dict[int, int], stems: dict[int, int], pending: dict[int, int], triggers: set[int]
    ) -> None:
        """Tables `[nodes, characters]`: the next node of each character, and the kinds that forbid it.

        Column 0 is any character that no phrase has; the last one is none at all, which changes nothing.
        """
        nodes = len(self._children)
        used = sorted({character for children in self._children for character in children})
        self._column = {character: place for place, character in enumerate(used, start=1)}
        width = len(used) + 2
        self._next = np.zeros((nodes, width), np.int32)
        self._end = np.zeros(nodes, np.uint8)  # kinds that are forbidden when the word ends at a node
        self._stop = np.zeros(nodes, np.uint8)  # … when the caption does
        stem = np.zeros(nodes, np.uint8)
        for kinds, table in ((words, self._end), (stems, stem), (pending, self._stop)):
            for node, bits in kinds.items():
                table[node] |= bits
        fallback = np.zeros(nodes, np.int32)
        order = [0]  # breadth first: a node's fallback, which is shorter, is complete before it
        for node in order:
            shorter = fallback[node]
            if node:
                self._next[node] = self._next[shorter]
                self._end[node] |= self._end[shorter]
                stem[node] |= stem[shorter]
            for character, child in self._children[node].items():
                column = self._column[character]
                fallback[child] = self._next[node, column] if node else 0
                self._next[node, column] = child
                order.append(child)
        self._next[:, -1] = np.arange(nodes)
        self._bad = stem[self._next]
        self._bad[:, -1] = 0
        self._bad[:, self._column[" "]] |= self._end
        for node in pending.keys() - triggers:  # after a trigger itself a longer word may come: "priority"
            astray = np.ones(width, dtype=bool)
            astray[[*(self._column[character] for character in self._children[node]), -1]] = False
            self._bad[node, astray] |= pending[node]

    def over(self, tokenizer: ReportTokenizer) -> tuple[Integers, Kinds, int]:
        """The automaton stepped by tokens.

        Returns
        -------
        tuple[Integers, Kinds, int]
            `[S, V]` the state after each token, `[S, V]` the kinds that a token makes forbidden, and how
            many tokens the state depends on at most. State 0 is the beginning of a text.
        """
        tokens = tokenizer.tokens()
        spelled = ["" if token in SPECIALS else spell_token(token) for token in tokens]
        # Longer tokens first, so that those that have an i-th character lie together.
        order = sorted(range(len(tokens)), key=lambda i: -len(spelled[i]))
        back = np.argsort(order)
        columns = [  # of the i-th character of each token that has one
            np.array([self._column.get(spelled[i][place], 0) for i in order if place < len(spelled[i])])
            for place in range(len(spelled[order[0]]))
        ]
        width, next_, bad_ = self._next.shape[1], self._next.ravel(), self._bad.ravel()
        states = np.full(len(self._next), -1, np.int64)  # of each node that is reached between tokens
        states[0] = 0
        new, reached = np.zeros(1, np.int32), 1
        nodes: list[npt.NDArray[np.int32]] = []
        following: list[npt.NDArray[np.int32]] = []
        forbidden: list[Kinds] = []
        while len(new):
            node = np.repeat(new[:, None], len(tokens), axis=1)  # [new, V]
            bad = np.zeros(node.shape, np.uint8)
            for column in columns:
                edge = node[:, : len(column)] * width + column
                bad[:, : len(column)] |= bad_.take(edge)
                node[:, : len(column)] = next_.take(edge)
            node, bad = node[:, back], bad[:, back]
            bad |= self._end[node]
            bad[:, tokenizer.eos] = self._stop[new]
            nodes.append(new)
            following.append(node)
            forbidden.append(bad)
            new = np.unique(node[states[node] < 0])
            states[new] = np.arange(reached, reached + len(new))
            reached += len(new)
        table, kinds = states[np.concatenate(following)], np.concatenate(forbidden)
        at = np.concatenate(nodes)
        _close_dead_ends(table, kinds, self._stop[at], speakable=np.array([bool(text) for text in spelled]))
        pieces = any(token.startswith(CONTINUES) for token in tokens)
        return table, kinds, self._memory(at.tolist(), pieces)

    def _memory(self, nodes: Sequence[int], pieces: bool) -> int:
        """Largest number of tokens in a node's text; whole words have one per space."""
        text = {0: ""}
        for node, children in enumerate(self._children):  # a child has a higher number than its parent
            text.update({child: text[node] + character for character, child in children.items()})
        return max(len(text[node]) if pieces else text[node].count(" ") for node in nodes)


def _close_dead_ends(table: Integers, kinds: Kinds, pending: Kinds, speakable: npt.NDArray[np.bool_]) -> None:
    """Forbid tokens that lead to a state in which everything else is forbidden, in place."""
    while True:
        dead = np.bitwise_and.reduce(kinds[:, speakable], axis=1) & pending
        worse = kinds | dead[table]
        worse[:, ~speakable] = kinds[:, ~speakable]
        if np.array_equal(worse, kinds):
            return
        kinds[...] = worse


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
        # The state depends only on the last few tokens, so nothing must be kept beside the rows.
        state = np.zeros(len(scores), np.int64)
        for token in tokens[:, max(0, tokens.shape[1] - self._memory) :].T:
            state = self._table[state, token]
        np.copyto(scores, -np.inf, where=self._forbidden[self._place[studies], state])

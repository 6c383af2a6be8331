"""What a caption says of findings: it never contradicts itself, and is silent on what the model cannot see.

The labeller reads each sentence while it is written, so a word that would complete a wrong statement is
never chosen, and the search finds another way to go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np

from radscribe.inference.constraints.rules import Scores, Tokens
from radscribe.text.findings import find
from radscribe.text.ontology import Statement, contradict, contradictions, statements
from radscribe.text.tokenizer import ReportTokenizer

SENTENCE_ENDS = frozenset({".", "?", "!"})
# Words that complete no statement, and that no sentence ends with.
FUNCTION_WORDS = frozenset(
    "a an the of or and nor no not without with in on at to for from by as is are was were be been there this "
    "that these those it its which any some evidence suggestive consistent within appear appears may might "
    "could likely possibly probable mildly mild moderate large small focal acute active left right bilateral "
    "bibasilar pleural cardiac pulmonary mediastinal overt definite significant".split()
)
DEPTH = 8.0  # nats below the best allowed token of a row: less likely tokens are not looked at
NODES = 20_000  # prefixes that are remembered


class _Effect(NamedTuple):
    """What a token would make of a sentence."""

    allowed: bool
    denies: frozenset[str]


@dataclass(slots=True)
class _Prefix:
    """A caption so far: what its complete sentences say, and the tokens of the sentence after them."""

    tokens: tuple[int, ...]
    said: tuple[Statement, ...]
    sentence: tuple[int, ...]
    effects: dict[int, _Effect] = field(default_factory=dict)


class Statements:
    """What captions of one vocabulary may say of findings; `of` makes the constraint for some studies.

    Parameters
    ----------
    tokenizer : ReportTokenizer
        The vocabulary.
    unassessed : collection of str
        Findings that a caption must not speak of at all.
    """

    def __init__(self, tokenizer: ReportTokenizer, unassessed: Collection[str] = ()) -> None:
        self._tokenizer, self._unassessed = tokenizer, frozenset(unassessed)
        words = tokenizer.tokens()
        self._ends = {place for place, word in enumerate(words) if word in SENTENCE_ENDS}
        self._function = {place for place, word in enumerate(words) if word in FUNCTION_WORDS}
        self._eos = tokenizer.eos
        self._prefix = lru_cache(NODES)(self._read)

    def of(self, likely: Sequence[Iterable[str]]) -> StatementsOfStudies:
        """Return the constraint of N studies.

        Parameters
        ----------
        likely : sequence of iterable of str
            For each study, findings that are likely there: the caption must not deny them.
        """
        return StatementsOfStudies(self, [frozenset(findings) for findings in likely])

    def effect(self, prefix: _Prefix, token: int) -> _Effect:
        """What `token` would make of the sentence that `prefix` ends with."""
        if token not in prefix.effects:
            prefix.effects[token] = self._judge(prefix, token)
        return prefix.effects[token]

    def prefix(self, tokens: Tokens) -> _Prefix:
        """The caption so far, of a row's tokens."""
        return self._prefix(tuple(tokens.tolist()))

    def _read(self, tokens: tuple[int, ...]) -> _Prefix:
        start = 1 + max((place for place, token in enumerate(tokens) if token in self._ends), default=-1)
        return _Prefix(tokens, tuple(statements(self._tokenizer.decode(tokens[:start]))), tokens[start:])

    def _judge(self, prefix: _Prefix, token: int) -> _Effect:
        ends = token == self._eos or token in self._ends
        if not ends and token in self._function:
            return _Effect(True, frozenset())
        if ends and prefix.sentence and prefix.sentence[-1] in self._function:
            return _Effect(False, frozenset())  # "There is no."
        sentence = prefix.sentence if token == self._eos else (*prefix.sentence, token)
        text = self._tokenizer.decode(sentence)
        here = statements(text)
        spoken = {mention.finding for mention in find(text)} if self._unassessed else set()
        spoken.update(*(one.asserts | one.denies for one in here))
        allowed = not (spoken & self._unassessed) and not any(
            contradict(first, second)
            for first, second in (*combinations(here, 2), *((old, new) for old in prefix.said for new in here))
        )
        if allowed and token == self._eos:
            allowed = not contradictions(self._tokenizer.decode(prefix.tokens))
        return _Effect(allowed, frozenset().union(*(one.denies for one in here if not one.restricted)))


class StatementsOfStudies:
    """Leaves each row the likely tokens that say nothing wrong."""

    def __init__(self, statements: Statements, likely: Sequence[frozenset[str]]) -> None:
        self._statements, self._likely = statements, likely

    def apply(self, scores: Scores, tokens: Tokens, studies: Tokens) -> None:
        best = scores.max(axis=1)
        for row in range(len(scores)):
            if best[row] == -np.inf:
                continue
            allowed = self._allowed(scores[row], tokens[row], self._likely[studies[row]])
            kept = scores[row, allowed]
            scores[row] = -np.inf
            scores[row, allowed] = kept

    def _allowed(self, scores: Scores, tokens: Tokens, likely: frozenset[str]) -> list[int]:
        prefix = self._statements.prefix(tokens)
        allowed: list[int] = []
        depth, least = DEPTH, -np.inf
        while not allowed:  # look further down while everything so far is forbidden
            floor = scores.max() - depth
            among = np.flatnonzero((scores >= floor) & (scores > -np.inf))
            for token in among[np.argsort(-scores[among], kind="stable")].tolist():
                if scores[token] < least:
                    break
                effect = self._statements.effect(prefix, token)
                if effect.allowed and not effect.denies & likely:
                    if not allowed:
                        least = scores[token] - DEPTH
                    allowed.append(token)
            if len(among) == np.count_nonzero(scores > -np.inf):
                break
            depth *= 2
        return allowed

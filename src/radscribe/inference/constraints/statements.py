"""Statements about findings: no contradiction, and none about findings that the model cannot judge."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from itertools import combinations, product
from typing import NamedTuple

from radscribe.labels import Change
from radscribe.text.changes import courses
from radscribe.text.findings import find
from radscribe.text.known_sentences import KnownSentences
from radscribe.text.ontology import Statement, contradict, statements
from radscribe.text.tokenizer import ReportTokenizer

DENIAL = 6.0  # nats: a decoder denies findings one by one less often than all at once
SENTENCE_ENDS = frozenset({".", "?", "!"})
REMEMBERED = 1 << 14  # sentences and captions: many studies share them


class _Said(NamedTuple):
    """The statements of a text."""

    text: str  # in lower case
    statements: list[Statement]
    wrong: bool  # whatever the images show
    denies: frozenset[str]  # findings that must not be likely
    changed: frozenset[tuple[Change, str]]  # what is said to have appeared or resolved


class Compared(NamedTuple):
    """The findings that the encoder sees in a study, and in the earlier one if there is one.

    A caption must not call a finding new that was there before, nor resolved if it is still there.
    """

    now: Collection[str] = ()
    then: Collection[str] = ()

    def contradicts(self, changed: Collection[tuple[Change, str]]) -> bool:
        """Whether one of the changes is untrue."""
        return any(
            finding in (self.then if change == "appeared" else self.now) for change, finding in changed
        )


NOT_COMPARED = Compared()


class Statements:
    """Judges sentences of one vocabulary by what they say of findings.

    Parameters
    ----------
    tokenizer : ReportTokenizer
        The vocabulary.
    unassessed : collection of str
        Findings that a caption must not speak of at all.
    known : KnownSentences, optional
        The only sentences that a caption may have.
    """

    def __init__(
        self,
        tokenizer: ReportTokenizer,
        unassessed: Collection[str] = (),
        known: KnownSentences | None = None,
    ) -> None:
        self._tokenizer, self._unassessed = tokenizer, frozenset(unassessed)
        self._is_known = lru_cache(REMEMBERED)(known.holds) if known else lambda text: True
        self._text = lru_cache(REMEMBERED)(tokenizer.decode)
        self._said = lru_cache(REMEMBERED)(self._read)
        self._follows = lru_cache(REMEMBERED)(self._weigh)
        self.ends = frozenset(i for i, word in enumerate(tokenizer.tokens()) if word in SENTENCE_ENDS)

    def judge(
        self,
        said: tuple[int, ...],
        sentence: tuple[int, ...],
        likely: Collection[str] = (),
        compared: Compared = NOT_COMPARED,
    ) -> float | None:
        """Judge whether a sentence may follow what was said, and how readily.

        A sentence must not repeat what its own section said; an impression may repeat a finding.

        Parameters
        ----------
        said : tuple of int
            Tokens of the complete sentences so far.
        sentence : tuple of int
            Tokens of the sentence.
        likely : collection of str
            Findings that are likely there: a sentence must not deny them.
        compared : Compared
            The findings that changes must agree with.

        Returns
        -------
        float or None
            None if it must not be said, else how much less likely than other sentences it may be, in nats:
            0, or `DENIAL` if it only denies findings.
        """
        new, allowance = self._follows(said, sentence)
        true = new.denies.isdisjoint(likely) and not compared.contradicts(new.changed)
        return allowance if true else None

    def _weigh(self, said: tuple[int, ...], sentence: tuple[int, ...]) -> tuple[_Said, float | None]:
        """What a sentence says, and what `judge` returns if the images do not contradict it."""
        text = self._text(sentence)
        new = self._said(text)
        if new.wrong or not self._is_known(text):
            return new, None
        before = self._said(self._text(said))
        if any(contradict(*pair) for pair in product(before.statements, new.statements)):
            return new, None
        section = self._said(self._text(self._section(said, sentence)))
        repeats = all(any(_repeats(one, old) for old in section.statements) for one in new.statements)
        if new.text in section.text or (new.statements and repeats):
            return new, None
        only_denies = new.statements and not any(one.asserts for one in new.statements)
        return new, DENIAL if only_denies else 0.0

    def _section(self, said: tuple[int, ...], sentence: tuple[int, ...]) -> tuple[int, ...]:
        """The tokens of the complete sentences in the section that a sentence belongs to."""
        opening = self._tokenizer.section_ids
        if sentence and sentence[0] in opening:
            return ()
        last = max((place for place, token in enumerate(said) if token in opening), default=-1)
        return said[last + 1 :]

    def allows(
        self, tokens: tuple[int, ...], likely: Collection[str] = (), compared: Compared = NOT_COMPARED
    ) -> bool:
        """Whether a whole caption may be given."""
        return self.allows_text(self._text(tokens), likely, compared)

    def allows_text(self, text: str, likely: Collection[str] = (), compared: Compared = NOT_COMPARED) -> bool:
        """Whether a whole caption may be given."""
        said = self._said(text)
        true = said.denies.isdisjoint(likely) and not compared.contradicts(said.changed)
        return self._is_known(text) and not said.wrong and true

    def _read(self, text: str) -> _Said:
        here = statements(text)
        wrong = self._speaks_of_unassessed(text, here) or any(
            contradict(*pair) for pair in combinations(here, 2)
        )
        # "No large effusion" reads as a denial; "no left effusion" leaves the other side open.
        denies = frozenset[str]().union(*(one.denies for one in here if one.side is None and not one.zones))
        changed = frozenset(
            (one.change, one.finding) for one in courses(text) if one.change in ("appeared", "resolved")
        )
        return _Said(text.lower(), here, wrong, denies, changed)

    def _speaks_of_unassessed(self, text: str, here: list[Statement]) -> bool:
        if not self._unassessed:
            return False
        spoken = {mention.finding for mention in find(text)}
        return bool(self._unassessed & spoken.union(*(one.asserts | one.denies for one in here)))


def _repeats(new: Statement, old: Statement) -> bool:
    """Whether a statement says nothing that an earlier one did not say."""
    return new.asserts <= old.asserts and new.denies <= old.denies

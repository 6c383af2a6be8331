"""Statements about findings: no contradiction, and none about findings that the model cannot judge."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations, product

from radscribe.text.findings import find
from radscribe.text.ontology import Statement, contradict, contradictions, statements
from radscribe.text.tokenizer import ReportTokenizer

DENIAL = 6.0  # nats: a decoder denies findings one by one less often than all at once
SENTENCE_ENDS = frozenset({".", "?", "!"})


class Statements:
    """Judges sentences of one vocabulary by what they say of findings.

    Parameters
    ----------
    tokenizer : ReportTokenizer
        The vocabulary.
    unassessed : collection of str
        Findings that a caption must not speak of at all.
    """

    def __init__(self, tokenizer: ReportTokenizer, unassessed: Collection[str] = ()) -> None:
        self._tokenizer, self._unassessed = tokenizer, frozenset(unassessed)
        self.ends = frozenset(i for i, word in enumerate(tokenizer.tokens()) if word in SENTENCE_ENDS)

    def judge(
        self, said: tuple[int, ...], sentence: tuple[int, ...], likely: Collection[str] = ()
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

        Returns
        -------
        float or None
            None if it must not be said, else how much less likely than other sentences it may be, in nats:
            0, or `DENIAL` if it only denies findings.
        """
        before, text = self._tokenizer.decode(said), self._tokenizer.decode(sentence)
        here, earlier = statements(text), statements(before)
        mine = self._section(said, sentence)
        section = before if len(mine) == len(said) else self._tokenizer.decode(mine)
        known = earlier if section is before else statements(section)
        wrong = (
            self._speaks_of_unassessed(text, here)
            or any(statement.denies & set(likely) for statement in here if not statement.restricted)
            or any(contradict(*pair) for pair in (*combinations(here, 2), *product(earlier, here)))
        )
        repeated = text.lower() in section.lower() or (
            here and all(any(_repeats(new, old) for old in known) for new in here)
        )
        if wrong or repeated:
            return None
        return DENIAL if here and not any(statement.asserts for statement in here) else 0.0

    def _section(self, said: tuple[int, ...], sentence: tuple[int, ...]) -> tuple[int, ...]:
        """The tokens of the complete sentences in the section that a sentence belongs to."""
        opening = self._tokenizer.section_ids
        if sentence and sentence[0] in opening:
            return ()
        last = max((place for place, token in enumerate(said) if token in opening), default=-1)
        return said[last + 1 :]

    def allows_text(self, text: str, likely: Collection[str] = ()) -> bool:
        """Whether a whole caption may be given."""
        here = statements(text)
        return not (
            self._speaks_of_unassessed(text, here)
            or any(statement.denies & set(likely) for statement in here if not statement.restricted)
            or contradictions(text)
        )

    def _speaks_of_unassessed(self, text: str, here: list[Statement]) -> bool:
        if not self._unassessed:
            return False
        spoken = {mention.finding for mention in find(text)}
        return bool(self._unassessed & spoken.union(*(one.asserts | one.denies for one in here)))


def _repeats(new: Statement, old: Statement) -> bool:
    """Whether a statement says nothing that an earlier one did not say."""
    return new.asserts <= old.asserts and new.denies <= old.denies

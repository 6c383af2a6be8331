"""Statements about findings: no contradiction, and none about findings that the model cannot judge."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from itertools import combinations, pairwise, product
from types import MappingProxyType
from typing import NamedTuple

from radscribe.labels import Change
from radscribe.text.changes import courses
from radscribe.text.findings import find
from radscribe.text.known_sentences import KnownSentences
from radscribe.text.location import Side, exchange_sides
from radscribe.text.ontology import Statement, contradict, statements
from radscribe.text.tokenizer import ReportTokenizer

DENIAL = 6.0  # nats: a decoder denies findings one by one less often than all at once
CHANGE = 12.0  # nats: a caption tells every change that the decoder itself has read from the two studies
SENTENCE_ENDS = frozenset({".", "?", "!"})
REMEMBERED = 1 << 14  # sentences and captions: many studies share them


NO_COURSE: Mapping[str, Change | None] = MappingProxyType({})


class Compared(NamedTuple):
    """The findings that the encoder sees in a study, and in the earlier one if there is one.

    A caption must not call a finding new that was there before, nor resolved if it is still there. It may if
    the finding is on the other side: `weaker_now` and `weaker_then` have the side on which its map is weaker.
    If the decoder itself has compared the two studies, its `course` of a finding decides instead.
    """

    now: Collection[str] = ()
    then: Collection[str] = ()
    weaker_now: Collection[tuple[str, Side]] = ()
    weaker_then: Collection[tuple[str, Side]] = ()
    course: Mapping[str, Change | None] = NO_COURSE

    def contradicts(self, changed: Collection[tuple[Change, str, Side | None]]) -> bool:
        """Whether one of the changes is untrue."""
        for change, finding, side in changed:
            if finding in self.course:
                if change != self.course[finding]:
                    return True
                continue
            if change not in ("appeared", "resolved"):
                continue
            seen, weaker = (
                (self.then, self.weaker_then) if change == "appeared" else (self.now, self.weaker_now)
            )
            if finding in seen and (finding, side) not in weaker:
                return True
        return False

    def untold(self, changed: Collection[tuple[Change, str, Side | None]]) -> set[str]:
        """The findings with a change that is not among those told."""
        told = {finding for _, finding, _ in changed}
        return {finding for finding, change in self.course.items() if change} - told


NOT_COMPARED = Compared()


class Shown(NamedTuple):
    """What one study's images show.

    Parameters
    ----------
    likely : collection of str
        Findings that are likely there: a caption must not deny them.
    weaker : collection of (str, Side)
        Findings with the side on which their map is weaker; see `Statements.on_shown_sides`.
    compared : Compared
        The findings that changes must agree with.
    """

    likely: Collection[str] = ()
    weaker: Collection[tuple[str, Side]] = ()
    compared: Compared = NOT_COMPARED


NOTHING_SHOWN = Shown()


class _Said(NamedTuple):
    """The statements of a text."""

    text: str  # in lower case
    statements: list[Statement]
    wrong: bool  # whatever the images show
    denies: frozenset[str]  # findings that must not be likely
    placed: frozenset[tuple[str, Side]]  # findings that are asserted on one side only
    changed: frozenset[tuple[Change, str, Side | None]]  # what is said to have become of findings

    def agrees_with(self, shown: Shown) -> bool:
        """Whether the images show nothing else."""
        return self.denies.isdisjoint(shown.likely) and not shown.compared.contradicts(self.changed)


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
        shown: Shown = NOTHING_SHOWN,
    ) -> float | None:
        """Judge whether a sentence may follow what was said, and how readily.

        A sentence must not repeat what its own section said; an impression may repeat a finding.

        Parameters
        ----------
        said : tuple of int
            Tokens of the complete sentences so far.
        sentence : tuple of int
            Tokens of the sentence.
        shown : Shown
            What the images show: a sentence must agree with it.

        Returns
        -------
        float or None
            None if it must not be said, else how much less likely than other sentences it may be, in nats:
            0, `DENIAL` if it only denies findings, or `CHANGE` if it tells a change that is not told yet.
        """
        new, allowance = self._follows(said, sentence)
        if allowance is None or not new.agrees_with(shown):
            return None
        before = self._said(self._text(said))
        tells = shown.compared.untold(before.changed) - shown.compared.untold(new.changed)
        return max(allowance, CHANGE if tells else 0.0)

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

    def allows(self, tokens: tuple[int, ...], shown: Shown = NOTHING_SHOWN) -> bool:
        """Whether a caption may begin like this."""
        return self.allows_text(self._text(tokens), shown)

    def allows_whole(self, tokens: tuple[int, ...], shown: Shown = NOTHING_SHOWN) -> bool:
        """Whether a caption may be given as it is: it also tells every change of the decoder's course."""
        told = self._said(self._text(tokens)).changed
        return self.allows(tokens, shown) and not shown.compared.untold(told)

    def allows_text(self, text: str, shown: Shown = NOTHING_SHOWN) -> bool:
        """Whether a whole caption may be given."""
        if not self._is_known(text):
            return False
        said = self._said(text)
        return not said.wrong and said.agrees_with(shown)

    def on_shown_sides(self, tokens: tuple[int, ...], shown: Shown) -> tuple[int, ...]:
        """Correct the sides of a caption: decoders repeat frequent sentences whatever side the images show.

        Left and right are exchanged in a sentence that places a finding where its map is weaker.

        Returns
        -------
        tuple of int
            The tokens of the corrected caption, or the same tokens if nothing is to be corrected.
        """
        if self._said(self._text(tokens)).placed.isdisjoint(shown.weaker):
            return tokens
        corrected: list[int] = []
        for sentence in self._sentences(tokens):
            other = sentence if self._placed(sentence).isdisjoint(shown.weaker) else self._mirrored(sentence)
            corrected += other if self._placed(other).isdisjoint(shown.weaker) else sentence
        return tuple(corrected) if self.allows(tuple(corrected), shown) else tokens

    def _sentences(self, tokens: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The sentences of a caption."""
        last = len(tokens) - 1
        edges = [0, *(place + 1 for place, one in enumerate(tokens) if one in self.ends or place == last)]
        return [tokens[start:stop] for start, stop in pairwise(edges)]

    def _placed(self, sentence: tuple[int, ...]) -> frozenset[tuple[str, Side]]:
        return self._said(self._text(sentence)).placed

    def _mirrored(self, sentence: tuple[int, ...]) -> tuple[int, ...]:
        """The sentence with left and right exchanged; the same one if the vocabulary cannot write it."""
        mirrored = tuple(self._tokenizer.encode(exchange_sides(self._text(sentence))))
        return (
            mirrored if len(mirrored) == len(sentence) and self._tokenizer.unk not in mirrored else sentence
        )

    def _read(self, text: str) -> _Said:
        here = statements(text)
        wrong = self._speaks_of_unassessed(text, here) or any(
            contradict(*pair) for pair in combinations(here, 2)
        )
        # "No large effusion" reads as a denial; "no left effusion" leaves the other side open.
        denies = frozenset[str]().union(*(one.denies for one in here if one.side is None and not one.zones))
        placed = frozenset(
            (finding, one.side) for one in here if one.side in ("left", "right") for finding in one.asserts
        )
        changed = frozenset((one.change, one.finding, one.side) for one in courses(text))
        return _Said(text.lower(), here, wrong, denies, placed, changed)

    def _speaks_of_unassessed(self, text: str, here: list[Statement]) -> bool:
        if not self._unassessed:
            return False
        spoken = {mention.finding for mention in find(text)}
        return bool(self._unassessed & spoken.union(*(one.asserts | one.denies for one in here)))


def _repeats(new: Statement, old: Statement) -> bool:
    """Whether a statement says nothing that an earlier one did not say."""
    return new.asserts <= old.asserts and new.denies <= old.denies

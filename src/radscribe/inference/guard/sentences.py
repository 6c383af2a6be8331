"""Rules for the sentences of a text that need only the text and the encoder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from radscribe.bundle.format import BundleSpec
from radscribe.labels import VIEW_KINDS, view_code
from radscribe.text import claims
from radscribe.text.findings import find
from radscribe.text.location import Side
from radscribe.text.ontology import Statement, contradict, statements
from radscribe.text.sentences import compares_with_prior, is_redacted, sentence_spans

Rule = str
# Rule -> what a sentence that breaks it does. `MARKED` are kept with their reason, the others are dropped.
RULES: dict[Rule, str] = {
    "prior": "speaks of an earlier study, which was not given",
    "view": "speaks of a view that the study does not have",
    "redacted": "has gaps left by de-identification",
    "repeated": "repeats an earlier sentence",
    "contradiction": "contradicts another sentence",
    "absent": "asserts a finding that the encoder says is clearly absent",
    "denied": "denies a finding that the encoder says is likely",
    "side": "gives the side opposite to the one where the encoder sees the finding",
    "unassessed": "speaks of findings that the bundle does not assess",
}
MARKED: frozenset[Rule] = frozenset({"side", "unassessed"})
EVEN = 0.5  # probability from which a finding is likely
ABSENT_BELOW = 0.05  # probability below which a finding may be called clearly absent …
OF_PREVALENCE = 0.5  # … if it is also less than this share of how often validation studies have it
_REDACTED = re.compile(r"_{3,}|\[\*\*")


def _any(phrases: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(claims.as_pattern, phrases))})\b", re.I)


_LATERAL, _FRONTAL, _OTHER = _any(claims.LATERAL), _any(claims.FRONTAL), _any(claims.OTHER_VIEWS)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a sentence is dropped or marked.

    Parameters
    ----------
    rule : str
        A key of `RULES`.
    text : str
        The reason in words.
    finding : str, optional
        The finding that it is about.
    probability : float, optional
        The encoder's probability of that finding.
    """

    rule: Rule
    text: str
    finding: str | None = None
    probability: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the reason as JSON writes it."""
        probability = None if self.probability is None else round(self.probability, 5)
        return {"rule": self.rule, "text": self.text, "finding": self.finding, "probability": probability}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the captioner's text.

    Parameters
    ----------
    text : str
        The sentence as written.
    start, end : int
        Its character positions in the captioner's text.
    dropped : bool
        Whether the guarded text leaves it out.
    reasons : tuple of Reason
        Rules that it breaks; empty if none.
    """

    text: str
    start: int
    end: int
    dropped: bool = False
    reasons: tuple[Reason, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the sentence as JSON writes it."""
        reasons = [reason.to_dict() for reason in self.reasons]
        return {
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "dropped": self.dropped,
            "reasons": reasons,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """Facts about a study's images.

    Parameters
    ----------
    views : tuple of str
        Views of the images.
    probabilities : dict of str to float
        Finding to calibrated probability.
    weaker : collection of (str, str)
        Findings with the side on which their map is clearly weaker; see `shown.weaker_sides`.
    """

    views: tuple[str, ...]
    probabilities: Mapping[str, float] = field(default_factory=dict)
    weaker: Collection[tuple[str, Side]] = ()


class SentenceChecker:
    """Checks texts with the rules, for one bundle.

    Parameters
    ----------
    spec : BundleSpec
        Tells which findings are assessed, how frequent each is, and from which probability it counts as
        present.
    marked : collection of str
        Rules whose sentences are kept with the reason. The sentences of other rules are dropped.
    absent_below : float
        Probability below which a finding may count as clearly absent.
    """

    def __init__(
        self, spec: BundleSpec, marked: Collection[Rule] = MARKED, absent_below: float = ABSENT_BELOW
    ) -> None:
        self._spec, self._marked, self._absent_below = spec, frozenset(marked), absent_below
        self._unassessed = frozenset(spec.not_assessed)
        self._known = frozenset(spec.encoder.findings)

    def __call__(self, text: str, seen: Seen) -> list[Sentence]:
        """Check a text sentence by sentence.

        Returns
        -------
        list of Sentence
            In the order of the text. Pieces without a letter are left out.
        """
        spans = sentence_spans(text)
        said = [text[start:end] for start, end in spans]
        reasons = [self._alone(sentence, seen) for sentence in said]
        self._repetitions(said, reasons)
        self._contradictions(said, reasons, seen)
        return [
            Sentence(sentence, start, end, self._drops(why), tuple(why))
            for sentence, (start, end), why in zip(said, spans, reasons, strict=True)
        ]

    def _drops(self, reasons: Iterable[Reason]) -> bool:
        return any(reason.rule not in self._marked for reason in reasons)

    def _alone(self, sentence: str, seen: Seen) -> list[Reason]:
        """Reasons against a sentence on its own."""
        reasons: list[Reason] = []
        if compares_with_prior(sentence):
            reasons.append(Reason("prior", RULES["prior"]))
        if self._names_missing_view(sentence, seen):
            reasons.append(Reason("view", RULES["view"]))
        if is_redacted(sentence) or _REDACTED.search(sentence):
            reasons.append(Reason("redacted", RULES["redacted"]))
        here = statements(sentence)
        reasons += self._against_encoder(here, seen)
        reasons += self._wrong_sides(sentence, seen)
        spoken = {mention.finding for mention in find(sentence)}
        # "The lungs are clear" denies many at once: what is assessed of them is checked.
        unchecked = sorted(spoken & self._unassessed) if not spoken - self._unassessed - {"Normal"} else []
        if unchecked:
            names = ", ".join(name.replace("_", " ") for name in unchecked)
            reasons.append(Reason("unassessed", f"not checked: this bundle does not assess {names}"))
        return reasons

    def _names_missing_view(self, sentence: str, seen: Seen) -> bool:
        kinds = {VIEW_KINDS[view_code(view)] for view in seen.views}
        return bool(
            _OTHER.search(sentence)
            or ("lateral" not in kinds and _LATERAL.search(sentence))
            or ("frontal" not in kinds and _FRONTAL.search(sentence))
        )

    def _against_encoder(self, here: Iterable[Statement], seen: Seen) -> list[Reason]:
        found: dict[tuple[str, str], Reason] = {}
        for statement in here:
            for finding in sorted(statement.asserts):
                p = seen.probabilities.get(finding)
                if p is not None and p < self.clearly_absent(finding):
                    name = finding.replace("_", " ")
                    why = f"the encoder gives {name} {p:.1%}, which is clearly absent"
                    found[finding, "absent"] = Reason("absent", why, finding, p)
            for finding in () if statement.restricted else sorted(statement.denies):
                p = seen.probabilities.get(finding)
                # A denial of one side leaves the other.
                if p is not None and not statement.side and not statement.zones and p >= EVEN:
                    why = f"the encoder gives {finding.replace('_', ' ')} {p:.0%}"
                    found[finding, "denied"] = Reason("denied", why, finding, p)
        return list(found.values())

    def clearly_absent(self, finding: str) -> float:
        """Return the probability below which a finding is clearly absent; 0 if nothing can be said.

        A rare finding has low probabilities even where it is present, so the limit is also tied to how often
        the bundle's validation studies have it.
        """
        measured = self._spec.assessment.get(finding)
        if measured is None:
            return min(self._absent_below, 0.01)
        if not measured.positives:
            return 0.0
        return min(self._absent_below, OF_PREVALENCE * measured.positives / measured.studies)

    def _wrong_sides(self, sentence: str, seen: Seen) -> list[Reason]:
        found: dict[str, Reason] = {}
        for mention in find(sentence):
            if mention.status == "present" and (mention.finding, mention.side) in seen.weaker:
                there = "left" if mention.side == "right" else "right"
                name = mention.finding.replace("_", " ")
                why = f"says {mention.side}, and the encoder sees {name} rather on the {there}"
                found[mention.finding] = Reason(
                    "side", why, mention.finding, seen.probabilities.get(mention.finding)
                )
        return list(found.values())

    def _repetitions(self, said: list[str], reasons: list[list[Reason]]) -> None:
        earlier: set[str] = set()
        for sentence, why in zip(said, reasons, strict=True):
            words = " ".join(re.findall(r"\w+", sentence.lower()))
            if words in earlier:
                why.append(Reason("repeated", RULES["repeated"]))
            earlier.add(words)

    def _contradictions(self, said: list[str], reasons: list[list[Reason]], seen: Seen) -> None:
        """Of two sentences that contradict each other, blame one that no other rule drops."""
        here = [statements(sentence) for sentence in said]
        for first, second in combinations(range(len(said)), 2):
            if self._drops(reasons[first]) or self._drops(reasons[second]):
                continue
            for old in here[first]:
                for new in here[second]:
                    if findings := sorted(contradict(old, new)):
                        blamed = self._less_likely(first, second, old, findings, seen)
                        other = said[second if blamed == first else first]
                        why = f"contradicts: {' '.join(other.split())}"
                        if not any(reason.rule == "contradiction" for reason in reasons[blamed]):
                            p = seen.probabilities.get(findings[0])
                            reasons[blamed].append(Reason("contradiction", why, findings[0], p))

    def _less_likely(self, first: int, second: int, old: Statement, findings: list[str], seen: Seen) -> int:
        """Return the sentence that the encoder speaks against, or the later one if it does not know."""
        p = seen.probabilities.get(findings[0])
        if p is None:
            return second
        asserting = first if findings[0] in old.asserts else second
        denying = second if asserting == first else first
        return denying if p >= self._spec.decoder.operating_point else asserting


def kept_text(text: str, sentences: Iterable[Sentence]) -> str:
    """Return a text without its dropped sentences; line breaks between the others stay."""
    kept = ""
    before = 0
    for sentence in sentences:
        gap = "\n" if "\n" in text[before : sentence.start] else " "
        before = sentence.end
        if not sentence.dropped:
            kept += (gap if kept else "") + " ".join(sentence.text.split())
    return kept


def marked_text(sentences: Iterable[Sentence]) -> str:
    """Return the kept sentences, each followed by its reasons in square brackets."""
    parts: list[str] = []
    for sentence in sentences:
        if not sentence.dropped:
            parts.append(" ".join(sentence.text.split()))
            parts += [f"[{reason.text}]" for reason in sentence.reasons]
    return " ".join(parts)

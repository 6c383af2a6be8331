"""Normalise reports by small named rules, each a function from text to text.

    normalise(report, ["mend_mojibake", "drop_redacted", "drop_comparisons", "lower"])

`Report.normalised` holds the names of the rules, so that a score or a training run can state them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from radscribe.errors import UsageError
from radscribe.text.redaction import drop_redacted, mend_articles
from radscribe.text.report import Report
from radscribe.text.sentences import compares_with_prior, knows_more_than_a_frontal, split_sentences
from radscribe.text.without_prior import say_without_prior

Rule = Callable[[str], str]

# UTF-8 that was read as Windows-1252: "â€™", "Â°", "Ã©".
_MISREAD = re.compile(
    r"(?:[ÂÃ][\x80-\xbfŒœŠšŸŽžƒˆ˜–—‘’‚“”„†‡•…‰‹›€™]|â[€‚][\x80-\xbf\w˜–—‘’‚“”„†‡•…‰‹›€™¦])+"
)
_TAG = re.compile(r"</?(?:br|p|b|i)\s{0,40}/?>", re.I)
# What a lost character (U+FFFD) was, by its neighbours; the first that fits.
_LOST: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=[a-z])\ufffd(?=(?:s|t|re|ve|ll)\b)"), "'"),
    (re.compile(r"(?<=\d)\s{0,40}\ufffd\s{0,40}(?=[CF]\b)"), "°"),
    (re.compile(r"(?<=\d)\s{0,40}\ufffd(?=\s{0,40}[).,;]|\s{1,40}[a-z])"), "°C"),
    (re.compile(r"(?<=\d)\s{0,40}\ufffd\s{0,40}(?=10\d?\s?/)"), "×"),
    (re.compile(r"(?<=/)\ufffd(?=[lL]\b)"), "µ"),
    (re.compile(r"(?<=\d)\ufffd(?=\d\b)"), "."),
    (re.compile(r"(?<=\d)\ufffd(?=\d)|(?<=\w\s)\ufffd(?=\s\w)"), "-"),
    (re.compile(r"\ufffd(\w[^\ufffd\n]{0,40}\w)\ufffd"), r'"\1"'),
    (re.compile(r"\s?\ufffd\s?"), " "),
)
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "\u2009": " ", "\xa0": " "}
    | {"℃": "°C", "\ufeff": "", "\u200b": ""}
)
_NUMBER = r"\d+(?:\.\d+)?(?:\s?(?:-|to|x|×|by)\s?\d+(?:\.\d+)?){0,3}"
_LENGTH = rf"{_NUMBER}\s?-?(?:mm|cm|millimeters?|centimeters?)\b"
_SIZE = rf"{_LENGTH}(?:\s?(?:x|×|by)\s?{_LENGTH}){{0,3}}"
_ABOUT = r"(?:(?:approximately|approx\.|about|up to|at least|roughly)\s{1,40})?"
_MEASURED = re.compile(
    rf",?\s{{0,40}}\b(?:which\s{{1,40}})?(?:measures?|measuring|measured|with)\s{{1,40}}{_ABOUT}{_SIZE}"
    r"(?:\s{1,40}in\s{1,40}(?:\w+\s{1,40})?(?:diameter|size|width|length|thickness|dimension))?",
    re.I,
)
_BARE_SIZE = re.compile(rf"\b{_ABOUT}{_SIZE}\s{{0,40}}(?=\w)", re.I)
_PUNCTUATION = re.compile(r"(?<!\d)[.](?!\d)|(?<=\d)[.](?!\d)|[^\w\s.'/-]|(?<!\w)[-'/]|[-'/](?!\w)")


def mend_mojibake(text: str) -> str:
    """Undo a wrong decoding, use plain quotes and dashes, and guess lost characters from their neighbours.

    Examples
    --------
    >>> print(mend_mojibake("The patient\ufffds fever (38.6\ufffdC), exposed to a \ufffdwet market\ufffd"))
    The patient's fever (38.6°C), exposed to a "wet market"
    """
    text = _TAG.sub(" ", html.unescape(text))
    text = _MISREAD.sub(_decode_again, text).translate(_PLAIN)
    if "\ufffd" in text:
        for pattern, character in _LOST:
            text = pattern.sub(character, text)
    return text


def collapse_spaces(text: str) -> str:
    """Leave one space between words, none before a full stop or comma, and one full stop of several."""
    text = re.sub(r"\s{1,40}([.,;:])", r"\1", " ".join(text.split()))
    text = re.sub(r"\.{2,}", ".", text)
    return re.sub(r"(?<=[a-z])\.(?=[A-Z][a-z])", ". ", text)


def drop_enumeration(text: str) -> str:
    """Remove list numbers and bullets: "1. No effusion. 2. Scar." becomes two sentences."""
    return _join(split_sentences(text))


def drop_measurements(text: str) -> str:
    """Remove sizes, which an image without a ruler does not show: "a 1.4 cm nodule" becomes "a nodule"."""
    return collapse_spaces(mend_articles(_BARE_SIZE.sub("", _MEASURED.sub("", text))))


def drop_comparisons(text: str) -> str:
    """Drop sentences that compare with an earlier study."""
    return _join(sentence for sentence in split_sentences(text) if not compares_with_prior(sentence))


def drop_unseen(text: str) -> str:
    """Drop sentences about another view, another examination, the patient or the reader."""
    return _join(s for s in split_sentences(text) if not knows_more_than_a_frontal(s))


def drop_unseen_with_prior(text: str) -> str:
    """As `drop_unseen`, but keep what is said of an earlier radiograph, which the model sees too."""
    return _join(s for s in split_sentences(text) if not knows_more_than_a_frontal(s, prior=True))


def lower(text: str) -> str:
    """Convert to lower case."""
    return text.lower()


def drop_punctuation(text: str) -> str:
    """Remove punctuation except within a number or a word: "1.5", "T8-T9", "patient's"."""
    return " ".join(_PUNCTUATION.sub(" ", text).split())


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        mend_mojibake,
        collapse_spaces,
        drop_enumeration,
        drop_redacted,
        drop_measurements,
        say_without_prior,
        drop_comparisons,
        drop_unseen,
        drop_unseen_with_prior,
        lower,
        drop_punctuation,
    )
}
# For training targets without a prior study or another view.
TARGET_RULES: tuple[str, ...] = (
    "mend_mojibake",
    "collapse_spaces",
    "drop_enumeration",
    "say_without_prior",
    "drop_comparisons",
    "drop_unseen",
    "drop_redacted",
)
# With a prior study.
COMPARING_RULES: tuple[str, ...] = (
    "mend_mojibake",
    "collapse_spaces",
    "drop_enumeration",
    "drop_unseen_with_prior",
    "drop_redacted",
)
# These drop sentences, which makes no sense in an indication or a comparison.
_OF_THE_READING_ALONE = frozenset(
    {"say_without_prior", "drop_comparisons", "drop_unseen", "drop_unseen_with_prior", "drop_redacted"}
)


def normalise(report: Report, rules: Iterable[str] = TARGET_RULES) -> Report:
    """Apply rules in order and add their names to `normalised`.

    Parameters
    ----------
    report : Report
        The report.
    rules : iterable of str
        Names from `RULES`.

    Raises
    ------
    UsageError
        A name is not in `RULES`.
    """
    for name in rules:
        if name not in RULES:
            raise UsageError(f"no text rule '{name}'", remedy=f"choose from {', '.join(RULES)}")
        rule = RULES[name]
        report = replace(
            report,
            findings=rule(report.findings),
            impression=rule(report.impression),
            normalised=(*report.normalised, name),
        )
        if name not in _OF_THE_READING_ALONE:
            report = replace(report, indication=rule(report.indication), comparison=rule(report.comparison))
    return report


def _join(sentences: Iterable[str]) -> str:
    return " ".join(s if s[-1] in ".!?:" else f"{s}." for s in sentences)


def _decode_again(match: re.Match[str]) -> str:
    try:
        return match[0].encode("cp1252", "strict").decode("utf-8")
    except UnicodeError:
        try:
            return match[0].encode("latin-1").decode("utf-8")
        except UnicodeError:
            return match[0]

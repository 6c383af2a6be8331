"""No text makes a pattern or a function of `text` slow: time grows with the length, not faster."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from functools import _lru_cache_wrapper
from typing import Any

import pytest

from radscribe import text
from radscribe.text import (
    details,
    findings,
    laterality,
    ontology,
    rules,
    sections,
    sentences,
    without_prior,
)
from radscribe.text.lexicon import Phrase

LENGTH = 50_000
LIMIT = 0.05  # seconds for `LENGTH` characters of a pattern
PIECES = [
    ".",
    " ",
    "\n",
    "1",
    "1. ",
    "a",
    "X",
    "XXXX ",
    "on XXXX, ",
    ", ",
    ": ",
    "? ",
    "- ",
    "[ ] ",
    "no ",
    "not ",
    "no significant ",
    "the ",
    "is ",
    "in the right ",
    "left lower lobe ",
    "and ",
    "unchanged ",
    "heart ",
    "since ",
    "1.2 x ",
    "(",
    "\ufffd",
    "FINDINGS: ",
    "ABCD: ",
    "_",
    "A ",
    "-a",
    "a,B",
    "ab / Cd ",
    "r l ",
    "r: none l: small ",
    "can be ",
    "cannot be certain that ",
    "\t",
    "|",
    "\r\n",
    "&amp;",
]


def patterns(value: Any, seen: set[int]) -> Iterator[tuple[re.Pattern[str], str]]:
    """Every pattern within a module's value, and the word that is looked for before it."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, re.Pattern):
        yield value, ""
    elif isinstance(value, Phrase):
        yield value.pattern, value.key
    elif isinstance(value, dict):
        for item in (*value.keys(), *value.values()):
            yield from patterns(item, seen)
    elif isinstance(value, tuple | list | frozenset | set):
        for item in value:
            yield from patterns(item, seen)


def all_patterns() -> list[tuple[re.Pattern[str], str]]:
    seen: set[int] = set()
    found: list[tuple[re.Pattern[str], str]] = []
    for module in pkgutil.iter_modules(text.__path__, "radscribe.text."):
        for value in vars(importlib.import_module(module.name)).values():
            found += patterns(value, seen)
    return found


CACHED = {
    value
    for module in pkgutil.iter_modules(text.__path__, "radscribe.text.")
    for value in vars(importlib.import_module(module.name)).values()
    if isinstance(value, _lru_cache_wrapper)
}


def fill(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


def forget() -> None:
    """Empty the caches of the modules, which would answer for the functions."""
    findings._READ.clear()
    for cached in CACHED:
        cached.cache_clear()


def seconds(run: Callable[[str], object], piece: str, length: int, times: int = 2) -> float:
    """The shortest of some times, as another process may be running."""
    best = float("inf")
    words = fill(piece, length)
    for _ in range(times):
        forget()
        began = time.process_time()
        run(words)
        best = min(best, time.process_time() - began)
    return best


def is_slow(run: Callable[[str], object], piece: str, limit: float) -> bool:
    """Whether it takes longer than the limit, and longer than a linear function would on this machine."""
    first = seconds(run, piece, LENGTH // 10, times=1)
    if first < limit / 60 or first > limit:
        return first > limit  # even a quadratic function keeps the limit, or a linear one does not
    if seconds(run, piece, LENGTH, times=1) <= limit:
        return False
    whole, half = (seconds(run, piece, length, times=4) for length in (LENGTH, LENGTH // 2))
    return whole > max(limit, 3.2 * half)


def test_a_quadratic_pattern_is_caught() -> None:
    quadratic = re.compile(r"\s+x")
    assert is_slow(lambda words: [*quadratic.finditer(words)], " ", LIMIT / 10)


def test_every_pattern_is_linear() -> None:
    found = all_patterns()
    assert len(found) > 150
    slow = []
    for pattern, key in found:
        pieces = [f"{key} "] if key else PIECES
        for piece in pieces:

            def run(words: str, pattern: re.Pattern[str] = pattern) -> None:
                for _ in pattern.finditer(words):
                    pass

            if is_slow(run, piece, LIMIT):
                slow.append((pattern.pattern[:60], piece))
    assert slow == []


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "find": lambda words: findings.read_mentions(words, findings._TABLE, ()),
    "details": details.find_details,
    "contradictions": ontology.contradictions,
    "sections": sections.read_sections,
    "sentences": sentences.split_sentences,
    "sayable": sentences.sayable,
    "without_side": laterality.without_side,
    "without_prior": without_prior.say_without_prior,
    **rules.RULES,
}
TEXTS = [
    *PIECES,
    "effusion ",
    "no effusion ",
    "no effusion. small effusion. ",
    "effusion: no ",
    "effusion: x ",
    "pneumonia? ",
    "right effusion, left effusion ",
    "No effusion\n",
    "the effusion is not seen but ",
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_linear(name: str) -> None:
    run = FUNCTIONS[name]
    assert [piece for piece in TEXTS if is_slow(run, piece, 0.3)] == []

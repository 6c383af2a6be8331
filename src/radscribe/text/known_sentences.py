"""The sentences of a training set, as patterns, so that a caption has no sentence that nobody ever wrote.

A decoder that may not say what it would like to say goes on with what is left, and what is left is sometimes
no English: "Mild lung volumes." A pattern is a sentence without its side, zone and degree. Only digests are
kept: a file of them shows no report.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from radscribe.errors import BundleError
from radscribe.files import atomic_write
from radscribe.text.sentences import split_sentences
from radscribe.text.tokenizer import SECTIONS

FILE = "sentences.txt"
_BYTES = 6  # of a digest: among a million sentences a wrong one is taken for a known one once in 10 ** 8
_WORDS = re.compile(r"[^\W_]+|[^\w\s]")
_KINDS = {
    "side": ("left", "right", "bilateral"),
    "zone": ("upper", "lower", "middle", "mid"),
    "degree": (
        "mild",
        "minimal",
        "moderate",
        "severe",
        "slight",
        "marked",
        "small",
        "large",
        "tiny",
        "subtle",
    ),
    "degree-ly": ("mildly", "minimally", "moderately", "severely", "slightly", "markedly"),
    "a": ("an",),
}
_KIND = {word: f"<{kind}>" if kind != "a" else kind for kind, words in _KINDS.items() for word in words}


def pattern(sentence: str) -> str:
    """Return a sentence in lower case, without its last full stop, and with kinds for places and degrees.

    Examples
    --------
    >>> pattern("There is a small left pleural effusion.")
    'there is a <degree> <side> pleural effusion'
    """
    words = [_KIND.get(word, word) for word in _WORDS.findall(sentence.lower())]
    while words and words[-1] == ".":
        words.pop()
    return " ".join(words)


def patterns(text: str) -> list[str]:
    """Return the pattern of each sentence of a report or a caption; section tokens are left out."""
    return [pattern(sentence) for sentence in _sentences(text)]


def _sentences(text: str) -> list[str]:
    for token in SECTIONS:
        text = text.replace(token, "")
    return split_sentences(text)


class KnownSentences:
    """A set of sentence patterns.

    Parameters
    ----------
    digests : iterable of str
        Digests of the patterns, in hexadecimal.
    """

    def __init__(self, digests: Iterable[str]) -> None:
        self._digests = frozenset(digests)

    @classmethod
    def of(cls, texts: Iterable[str]) -> KnownSentences:
        """Collect the sentences of some texts.

        Parameters
        ----------
        texts : iterable of str
            Reports or captions.
        """
        return cls(_digest(one) for one in {one for text in texts for one in patterns(text)})

    @classmethod
    def load(cls, path: Path) -> KnownSentences:
        """Read a file that `save` wrote.

        Raises
        ------
        BundleError
            If a line is not a digest.
        """
        digests = path.read_text(encoding="ascii", errors="replace").split()
        if re.fullmatch(rf"(?:[0-9a-f]{{{2 * _BYTES}}} )*", " ".join([*digests, ""])) is None:
            raise BundleError("is not a list of sentence digests", subject=path, remedy="export it again")
        return cls(digests)

    def save(self, path: Path) -> None:
        """Write one digest per line, in order."""
        with atomic_write(path) as file:
            file.writelines(f"{digest}\n".encode() for digest in sorted(self._digests))

    def holds(self, text: str) -> bool:
        """Whether every sentence of a text is known."""
        return all(_digest_of(one) in self._digests for one in _sentences(text))

    def __or__(self, other: KnownSentences) -> KnownSentences:
        return KnownSentences(self._digests | other._digests)

    def __len__(self) -> int:
        return len(self._digests)


def _digest(one: str) -> str:
    return blake2b(one.encode(), digest_size=_BYTES).hexdigest()


@lru_cache(maxsize=4096)  # captions share their sentences
def _digest_of(sentence: str) -> str:
    return _digest(pattern(sentence))

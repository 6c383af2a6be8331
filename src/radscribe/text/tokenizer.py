"""`ReportTokenizer`: words or word pieces to token ids and back, with the `tokenizers` library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from radscribe.errors import BundleError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.models import Model
    from tokenizers.trainers import Trainer

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIALS = (PAD, BOS, EOS, UNK)  # ids 0 to 3, in this order
SECTIONS = {"<findings>": "findings", "<impression>": "impression"}  # tokens that open a section
CONTINUES = "##"  # starts a piece that continues the word before it
# A decimal number, a word, the end of a contraction, or one sign.
WORDS = r"\d+(?:\.\d+)+|\w+|'\w+|[^\w\s]"

_SPACE_BEFORE = re.compile(r"\s{1,40}([.,;:!?%)\]]|'(?:s|t|re|ve|ll)\b)")
_SPACE_AFTER = re.compile(r"([(\[])\s{1,40}")
_TIGHT = re.compile(r"(?<=\w)\s{0,40}([-/'])\s{0,40}(?=\w)")
_SENTENCE_START = re.compile(r"(^|[.!?]\s{1,40})([a-z])")
_CAPITALS = re.compile(
    r"\b(?:[tlc]\d{1,2}|svc|ivc|picc|copd|chf|cabg|icd|aicd|ct|ap|pa|tb|tips|ng|og|cp|lv|rv|la|ra|vp)\b"
)


def _word_level(vocabulary_size: int, min_frequency: int, specials: list[str]) -> tuple[Model, Trainer]:
    """Make each frequent word a token; others are `<unk>`."""
    from tokenizers import models, trainers

    trainer = trainers.WordLevelTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        special_tokens=specials,
        show_progress=False,
    )
    return models.WordLevel(unk_token=UNK), trainer


def _bpe(vocabulary_size: int, min_frequency: int, specials: list[str]) -> tuple[Model, Trainer]:
    """Byte-pair encoding (Sennrich et al., ACL 2016): splits rare words; only unseen signs are `<unk>`."""
    from tokenizers import models, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        special_tokens=specials,
        continuing_subword_prefix=CONTINUES,
        show_progress=False,
    )
    return models.BPE(unk_token=UNK, continuing_subword_prefix=CONTINUES), trainer


KINDS: dict[str, Callable[[int, int, list[str]], tuple[Model, Trainer]]] = {"word": _word_level, "bpe": _bpe}


# A sign that is not a part of a word, and the word after it: "right-sided", "(PA".
_APART = re.compile(r"(?<=[^\w\s'.])(?=\w)")
UNREADABLE = "\ufffd"  # a token that is a part of a character


def spaced_for_pieces(text: str) -> str:
    """Return a text as byte-level tokenizers get it: words apart, so that a piece only continues a word."""
    return _APART.sub(" ", " ".join(text.split()))


def _bytes_of_signs() -> dict[str, int]:
    """The sign by which byte-level BPE writes each byte (Radford et al., GPT-2, 2019)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {
        **{chr(byte): byte for byte in printable},
        **{chr(256 + place): byte for place, byte in enumerate(others)},
    }


_BYTES = _bytes_of_signs()


def as_piece(token: str) -> str:
    """Return a token of a byte-level BPE in our form: `CONTINUES` before a piece that continues a word."""
    if any(sign not in _BYTES for sign in token):  # a special token
        return token
    text = bytes(_BYTES[sign] for sign in token).decode("utf-8", "replace")
    if text[:1].isspace() or not (text[:1].isalnum() or text[:1] == "_"):
        return " ".join(text.split())
    return CONTINUES + text


@lru_cache(maxsize=4096)  # a search asks for the same beginnings of captions again and again
def _written(words: str) -> str:
    """Words with capitals and spacing restored."""
    text = _TIGHT.sub(r"\1", _SPACE_AFTER.sub(r"\1", _SPACE_BEFORE.sub(r"\1", words)))
    text = _CAPITALS.sub(lambda match: match[0].upper(), text)
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


class ReportTokenizer:
    """A vocabulary of lower-cased reports, or of a pretrained model. Decoding restores case and spacing."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.byte_level = type(tokenizer.pre_tokenizer).__name__ == "ByteLevel"
        self.pad, self.bos, self.eos, self.unk = range(len(SPECIALS))
        ids = {tokenizer.token_to_id(token): name for token, name in SECTIONS.items()}
        self.section_ids = {i: name for i, name in ids.items() if i is not None}  # id to section

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocabulary_size: int = 4000,
        min_frequency: int = 3,
        kind: str = "word",
        sections: bool = False,
    ) -> ReportTokenizer:
        """Build a vocabulary.

        Parameters
        ----------
        texts : iterable of str
            Reports of only the training part.
        vocabulary_size : int
            Largest number of tokens, including the four special ones.
        min_frequency : int
            Smallest number of occurrences of a word (`word`) or of a merged pair (`bpe`).
        kind : str
            `word` or `bpe`.
        sections : bool
            Add the tokens of `SECTIONS`, which stand in front of a section's text.

        Raises
        ------
        UsageError
            There is no such kind.
        """
        from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

        if kind not in KINDS:
            raise UsageError(f"no tokenizer '{kind}'", remedy=f"choose one of {', '.join(KINDS)}")
        specials = [*SPECIALS, *(SECTIONS if sections else ())]
        model, trainer = KINDS[kind](vocabulary_size, min_frequency, specials)
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), "removed", invert=True)
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def of_words(cls, words: Sequence[str]) -> ReportTokenizer:
        """Make a tokenizer for an existing vocabulary of words; the special tokens come first.

        Raises
        ------
        UsageError
            A word occurs twice, is empty, or holds a space.
        """
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        vocabulary = {word: place for place, word in enumerate((*SPECIALS, *words))}
        wrong = [word for word in words if word.split() != [word] or word in SPECIALS]
        if wrong or len(vocabulary) != len(SPECIALS) + len(words):
            raise UsageError(
                f"no vocabulary: {len(words)} words, {len(vocabulary) - len(SPECIALS)} of them different"
                + (f", among them {wrong[0]!r}" if wrong else ""),
                remedy="give each word once",
            )
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        tokenizer.add_special_tokens(list(SPECIALS))
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> ReportTokenizer:
        """Read `tokenizer.json` of either kind.

        Raises
        ------
        BundleError
            The file is not a tokenizer of radscribe.
        """
        from tokenizers import Tokenizer

        try:
            loaded = cls(Tokenizer.from_file(str(path)))
        except Exception as error:
            raise BundleError(
                f"is not a tokenizer: {error}", subject=path, remedy="export it again"
            ) from error
        if loaded.tokens()[: len(SPECIALS)] != list(SPECIALS):
            raise BundleError(f"does not start with {SPECIALS}", subject=path, remedy="export it again")
        return loaded

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        self._tokenizer.save(str(path))

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def tokens(self) -> list[str]:
        """Return all tokens, by id."""
        return list(self._by_id)

    @cached_property
    def _by_id(self) -> list[str]:
        by_id = sorted(self._tokenizer.get_vocab().items(), key=lambda item: item[1])
        return [self._shown(token) for token, _ in by_id]

    def token(self, token_id: int) -> str:
        """Return the token of an id."""
        return self._by_id[token_id]

    def _shown(self, token: str) -> str:
        return as_piece(token) if self.byte_level and token not in (*SPECIALS, *SECTIONS) else token

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Return the ids of a text without special tokens, cut to `max_length`."""
        given = spaced_for_pieces(text) if self.byte_level else text
        ids: list[int] = self._tokenizer.encode(given, add_special_tokens=False).ids
        return ids[:max_length]

    def decode_sections(self, ids: Sequence[int]) -> dict[str, str]:
        """Return the text of each section that the ids open, by its name; empty if they open none.

        Each text is a part of what `decode` returns for the same ids.
        """
        return {name: text for name, part in self._parts(ids) if name and (text := self._text(part))}

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, with capitals and spacing restored and without special tokens."""
        return " ".join(text for _, part in self._parts(ids) if (text := self._text(part)))

    def _parts(self, ids: Sequence[int]) -> list[tuple[str, list[int]]]:
        """The ids behind each section token, by the section's name; those before the first by ''."""
        parts: list[tuple[str, list[int]]] = [("", [])]
        for i in ids:
            if i in self.section_ids:
                parts.append((self.section_ids[i], []))
            elif i >= len(SPECIALS):
                parts[-1][1].append(i)
        return parts

    def _text(self, ids: Sequence[int]) -> str:
        return _written(" ".join([self._by_id[i] for i in ids]).replace(f" {CONTINUES}", ""))

"""`ReportTokenizer`: words of a report to ids and back, on the `tokenizers` library."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from radscribe.errors import BundleError

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIALS = (PAD, BOS, EOS, UNK)  # ids 0 to 3, in this order
_SPACE_BEFORE = re.compile(r"\s+([.,;:!?%)\]])")
_SPACE_AFTER = re.compile(r"([(\[])\s+")
_TIGHT = re.compile(r"(?<=\w)\s*([-/'])\s*(?=\w)")
_SENTENCE_START = re.compile(r"(^|[.!?]\s+)([a-z])")


class ReportTokenizer:
    """A word-level vocabulary of lower-cased reports; a caption is cased and spaced again on the way out."""

    def __init__(self, tokenizer: object) -> None:
        from tokenizers import Tokenizer

        assert isinstance(tokenizer, Tokenizer)
        self._tokenizer = tokenizer
        self.pad, self.bos, self.eos, self.unk = range(len(SPECIALS))

    @classmethod
    def train(
        cls, texts: Iterable[str], vocabulary_size: int = 4000, min_frequency: int = 3
    ) -> ReportTokenizer:
        """A vocabulary of the words that stand in `texts` at least `min_frequency` times."""
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.WordLevel(unk_token=UNK))
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer = trainers.WordLevelTrainer(
            vocab_size=vocabulary_size,
            min_frequency=min_frequency,
            special_tokens=list(SPECIALS),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> ReportTokenizer:
        """Read `tokenizer.json`.

        Raises
        ------
        BundleError : it is not a tokenizer of radscribe.
        """
        from tokenizers import Tokenizer

        try:
            loaded = cls(Tokenizer.from_file(str(path)))
        except Exception as error:
            raise BundleError(f"is no tokenizer: {error}", subject=path, remedy="export it again") from error
        if loaded.tokens()[: len(SPECIALS)] != list(SPECIALS):
            raise BundleError(f"does not start with {SPECIALS}", subject=path, remedy="export it again")
        return loaded

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        self._tokenizer.save(str(path))

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def tokens(self) -> list[str]:
        """Every token, by id."""
        by_id = sorted(self._tokenizer.get_vocab().items(), key=lambda item: item[1])
        return [token for token, _ in by_id]

    def token(self, token_id: int) -> str:
        """The token of an id."""
        return str(self._tokenizer.id_to_token(token_id))

    def encode(self, text: str, max_length: int | None = None) -> list[int]:
        """Ids of a text, without specials; cut to `max_length`."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids[:max_length]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids: no space before a full stop, a capital after it; specials are left out."""
        words = " ".join(self.token(i) for i in ids if i >= len(SPECIALS))
        text = _TIGHT.sub(r"\1", _SPACE_AFTER.sub(r"\1", _SPACE_BEFORE.sub(r"\1", words)))
        return _SENTENCE_START.sub(lambda m: m.group(1) + m.group(2).upper(), text)

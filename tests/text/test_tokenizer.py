"""Tokenizers there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from radscribe.errors import BundleError, UsageError
from radscribe.text.tokenizer import KINDS, SPECIALS, ReportTokenizer

TEXTS = [
    "The heart is mildly enlarged. PICC tip in the SVC.",
    "A 1.5 cm nodule at T8-T9, 50% of the patient's right lung?",
    "Atelectasis/scar (left base); it isn't COPD.",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_cased_and_spaced(kind: str, text: str, tmp_path: Path) -> None:
    ReportTokenizer.train(TEXTS, 500, 1, kind).save(tmp_path / "tokenizer.json")
    tokenizer = ReportTokenizer.load(tmp_path / "tokenizer.json")
    ids = tokenizer.encode(text)
    assert tokenizer.unk not in ids
    assert tokenizer.decode([tokenizer.bos, *ids, tokenizer.eos, tokenizer.pad]) == text


@pytest.mark.parametrize("kind", KINDS)
def test_specials_are_the_first_ids(kind: str) -> None:
    tokenizer = ReportTokenizer.train(TEXTS, 500, 1, kind)
    assert tuple(tokenizer.tokens()[:4]) == SPECIALS
    assert (tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk) == (0, 1, 2, 3)
    assert len(tokenizer) == len(tokenizer.tokens())


def test_a_rare_word_is_unknown_to_words_and_in_pieces_for_bpe() -> None:
    texts = ["heart size normal", "heart size normal", "cardiomegaly"]
    words = ReportTokenizer.train(texts, 500, 2, "word")
    assert words.encode("cardiomegaly") == [words.unk]
    pieces = ReportTokenizer.train(texts, 500, 2, "bpe")
    ids = pieces.encode("normal cardiomegaly")
    assert pieces.unk not in ids
    assert len(ids) > 2
    assert pieces.decode(ids) == "Normal cardiomegaly"


def test_bpe_keeps_to_its_size() -> None:
    assert len(ReportTokenizer.train(TEXTS, 80, 1, "bpe")) == 80


def test_max_length_cuts() -> None:
    assert len(ReportTokenizer.train(TEXTS, 500, 1).encode(TEXTS[0], 3)) == 3


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(UsageError, match="no tokenizer 'char'; choose one of word, bpe"):
        ReportTokenizer.train(TEXTS, kind="char")


def test_a_file_that_is_no_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(BundleError, match="is not a tokenizer"):
        ReportTokenizer.load(path)

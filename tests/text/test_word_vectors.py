"""GloVe's text format, and what is not in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from radscribe.errors import DataError
from radscribe.text.word_vectors import read_word_vectors

GLOVE = "the 0.5 -1.25 2e-1\nheart 1 2 3\n. . 4 5 6\n\u0085 7 8 9\nheart 0 0 0\n"


def made(folder: Path, text: str | bytes) -> Path:
    path = folder / "vectors.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("header", ["", "5 3\n"], ids=["GloVe", "word2vec"])
def test_words_that_are_asked_for_are_found(header: str, tmp_path: Path) -> None:
    path = made(tmp_path, header + GLOVE)
    vectors, width = read_word_vectors(path, ["the", "heart", "lung", ". .", "\u0085"])
    assert width == 3
    assert {word: vector.tolist() for word, vector in vectors.items()} == {
        "the": pytest.approx([0.5, -1.25, 0.2]),
        "heart": [1, 2, 3],  # the first of two
        ". .": [4, 5, 6],
        "\u0085": [7, 8, 9],
    }


def test_a_line_may_end_in_a_space_or_a_carriage_return(tmp_path: Path) -> None:
    vectors, width = read_word_vectors(made(tmp_path, "the 1 2 \r\nheart 3 4\r\n"), ["the", "heart"])
    assert width == 2
    assert vectors["the"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GLOVE + "lung 1 2\n", "line 6 has 2 numbers, not 3"),
        (GLOVE + "lung 1 2 3 4\n", "line 6 has 4 numbers, not 3"),
        (GLOVE + "\n", "line 6 has 0 numbers, not 3"),
        ("the 1 2\nlung 1 two\n", "line 2 is not a vector"),
        ("the 1 2\nlung 1 nan\n", "line 2 has a number that is not finite"),
        ("the\n", "line 1 has 0 numbers"),
        ("", "holds no word vectors"),
        ("5 3\n", "holds no word vectors"),
        (b"\x80\x03 1 2\n", "cannot be read"),
    ],
)
def test_what_is_no_vector_is_told_with_its_line(text: str | bytes, told: str, tmp_path: Path) -> None:
    path = made(tmp_path, text)
    with pytest.raises(DataError, match=told) as caught:
        read_word_vectors(path, ["the", "lung"])
    assert str(caught.value).startswith(str(path))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_word_vectors(tmp_path / "none.txt", ["the"])

"""Pretrained word vectors in GloVe's text format: one word and its numbers per line, separated by spaces.

Pennington et al., GloVe, EMNLP 2014. A first line with the number of vectors and their width, as word2vec
writes it, is skipped.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radscribe.errors import DataError

REMEDY = "give vectors in GloVe's text format: one word and its numbers per line"


def read_word_vectors(path: Path, words: Collection[str]) -> tuple[dict[str, npt.NDArray[np.float32]], int]:
    """Read the vectors of some words, and the width of the file's vectors.

    The file is read line by line, so memory use depends on the words and not on the file. Of two lines for
    one word the first counts.

    Parameters
    ----------
    path : Path
        File of vectors.
    words : collection of str
        Words to look for.

    Raises
    ------
    DataError
        The file cannot be read or holds no vectors, or a line has another width or no numbers.
    """
    wanted, found, width = set(words), dict[str, npt.NDArray[np.float32]](), 0
    try:
        # Only "\n" ends a line: GloVe's words hold other characters that Python takes for line ends.
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                fields = line.rstrip().split(" ")
                if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
                    continue
                width = width or len(fields) - 1
                # A few of GloVe's words hold spaces.
                word, values = " ".join(fields[: len(fields) - width]), fields[len(fields) - width :]
                if len(fields) <= width or width < 2 or (len(fields) > width + 1 and _is_number(fields[1])):
                    raise _wrong(path, number, f"has {len(fields) - 1} numbers, not {max(width, 2)}")
                if word in wanted and word not in found:
                    found[word] = _vector(path, number, values)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", subject=path, remedy=REMEDY) from error
    if not width:
        raise DataError("holds no word vectors", subject=path, remedy=REMEDY)
    return found, width


def _vector(path: Path, number: int, values: list[str]) -> npt.NDArray[np.float32]:
    try:
        vector = np.array(values, dtype=np.float32)
    except ValueError as error:
        raise _wrong(path, number, f"is not a vector ({error})") from None
    if not np.isfinite(vector).all():
        raise _wrong(path, number, "has a number that is not finite")
    return vector


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _wrong(path: Path, number: int, what: str) -> DataError:
    return DataError(f"line {number} {what}", subject=path, remedy=REMEDY)

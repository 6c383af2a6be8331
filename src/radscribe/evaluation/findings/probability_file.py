"""Probabilities of findings from anyone's CSV file: `id`, and a column for each of the findings it knows."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radscribe.errors import DataError
from radscribe.evaluation.metrics.base import Floats
from radscribe.labels import CHESTXRAY14

ID = "id"


def read(path: Path, ids: Sequence[str]) -> Floats:
    """Probabilities `[N, 14]` in the order of `ids`; NaN for a study or a finding that is not there.

    Raises
    ------
    DataError : no such file, no `id`, no column of a finding, or a value that is no probability.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = [name for name in CHESTXRAY14 if name in (reader.fieldnames or ())]
            if ID not in (reader.fieldnames or ()) or not columns:
                raise DataError(
                    "has no column 'id' with columns named as findings",
                    subject=path,
                    remedy=f"name them {CHESTXRAY14[0]}, {CHESTXRAY14[1]}, …",
                )
            rows = {
                row[ID]: [
                    _probability(path, reader.line_num, row[name]) if name in columns else math.nan
                    for name in CHESTXRAY14
                ]
                for row in reader
            }
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"cannot be read ({error})", subject=path, remedy="save it as CSV in UTF-8"
        ) from error
    unknown = [math.nan] * len(CHESTXRAY14)
    found: Floats = np.array([rows.get(name, unknown) for name in ids], dtype=np.float64)
    if np.isnan(found).all():
        raise DataError("has probabilities of no study of this part", subject=path, remedy="check the ids")
    return found


def _probability(path: Path, line: int, text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        value = -1.0
    if not math.isnan(value) and not 0 <= value <= 1:
        raise DataError(
            f"line {line}: '{text}' is no probability", subject=path, remedy="give numbers from 0 to 1"
        )
    return value

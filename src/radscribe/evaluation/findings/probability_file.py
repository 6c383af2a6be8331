"""Probabilities of findings from anyone's table: an id, and a column per finding."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radscribe.data.tables import records
from radscribe.errors import DataError
from radscribe.evaluation.metrics.base import Floats
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import LABELS

ID = "id"


def read(
    path: Path, ids: Sequence[str], id_column: str = ID, also: Collection[str] = ()
) -> tuple[tuple[str, ...], Floats]:
    """Read probabilities from CSV, JSON Lines, JSON or Parquet.

    Parameters
    ----------
    path : Path
        The table. Spaces and underscores in the names of findings are the same; case does not matter.
    ids : sequence of str
        N studies, in the order of the result.
    id_column : str
        Column of the study's id (default: "id").
    also : collection of str
        Names of findings besides those that radscribe knows, such as those of the dataset's labels.

    Returns
    -------
    findings : tuple of str
        F names.
    probabilities : ndarray
        `[N, F]`; NaN for a missing value or study.

    Raises
    ------
    DataError
        The file cannot be read, has no such columns or no study of this part, gives an id twice, or holds a
        value that is not a probability.
    """
    known = {_key(name): name for name in (*CHESTXRAY14, *LABELS, *also)}
    columns: dict[str, str] = {}
    found: dict[str, list[float]] = {}
    for place, row in records(path):
        if not found:
            columns = {known[_key(name)]: name for name in row if name and _key(str(name)) in known}
            if id_column not in row or not columns:
                raise DataError(
                    f"has no column '{id_column}' together with columns named as findings",
                    subject=path,
                    remedy=f"name them {CHESTXRAY14[0]}, {CHESTXRAY14[1]}, … or give --id-column",
                )
        name = str(row.get(id_column) or "").strip()
        if name in found:
            raise DataError(f"{place}: id '{name}' is there twice", subject=path, remedy="keep one row")
        found[name] = [_probability(path, place, row.get(column)) for column in columns.values()]
    values: Floats = np.array(
        [found.get(name, [math.nan] * len(columns)) for name in ids], dtype=np.float64
    ).reshape(len(ids), len(columns))
    if not values.size or np.isnan(values).all():
        raise DataError("has no probabilities of studies of this part", subject=path, remedy="check the ids")
    return tuple(columns), values


def _key(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _probability(path: Path, place: str, cell: Any) -> float:
    if cell is None or cell == "":
        return math.nan
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = -1.0
    if not math.isnan(value) and not 0 <= value <= 1:
        raise DataError(
            f"{place}: '{cell}' is not a probability", subject=path, remedy="give numbers from 0 to 1"
        )
    return value

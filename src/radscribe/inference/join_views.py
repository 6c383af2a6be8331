"""What the encoder says of images → features of studies, as `models.captioner.join_views` in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from radscribe.imaging.radiograph import View
from radscribe.labels import view_code

Array = npt.NDArray[Any]


def join_views(outputs: dict[str, Array], views: Sequence[Sequence[View]]) -> dict[str, Array]:
    """Join consecutive images into N studies: means of vectors, cells one image after the other.

    Parameters
    ----------
    outputs : by name, of all images: vectors `[M, K]`, and planes `[M, K, h, w]`.
    views : of each study's images.

    Returns
    -------
    vectors `[N, K]`; planes as cells `[N, L, K]`, padded with zeros to the study of most; and where there are
    planes, `views` `[N, L]`, each cell's place in `labels.VIEW_KINDS`, 0 where it is padding.
    """
    edges = np.cumsum([len(kinds) for kinds in views])[:-1]
    features: dict[str, Array] = {}
    for name, values in outputs.items():
        studies = np.split(values, edges)
        if values.ndim == 2:
            features[name] = np.stack([study.mean(0) for study in studies])
            continue
        channels, per_view = values.shape[1], values.shape[2] * values.shape[3]
        features[name] = _padded(
            [study.reshape(-1, channels, per_view).swapaxes(1, 2).reshape(-1, channels) for study in studies]
        )
        codes = [np.array([view_code(view) for view in kinds], dtype=np.int64) for kinds in views]
        features["views"] = _padded([np.repeat(code, per_view) for code in codes])
    return features


def _padded(rows: Sequence[Array]) -> Array:
    """Arrays `[l, …]` as one `[N, L, …]`, zeros at the end of the shorter ones."""
    padded = np.zeros((len(rows), max(len(row) for row in rows), *rows[0].shape[1:]), rows[0].dtype)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded

"""Precomputed features of images by name, so that a captioner can be trained without pixels.

`features.npz` holds `name` `[N]` (image paths as in the manifest) and one array per kind of feature:
`probabilities` `[N, F]`, `pooled` `[N, C]`, and the cells `maps` `[N, L, F]` and `grid` `[N, L, C]`, each of
them optional. `training.feature_cache` keeps the same arrays on disk, computed from pixels.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from radscribe.data.study import Study
from radscribe.errors import DataError
from radscribe.labels import view_code

FILE = "features.npz"
NAME = "name"
VECTOR_OF = {
    "maps": "probabilities",
    "grid": "pooled",
}  # values for cells that an image does not have

Floats = npt.NDArray[np.float32]


class FeatureTable:
    """Features of images, joined into those of studies.

    Parameters
    ----------
    names : sequence of str, or mapping of str to int
        The images in the order of the rows, or the row of each image.
    arrays : mapping
        Arrays `[N, K]` or `[N, L, K]` by kind of feature; memory-mapped ones stay on disk.
    """

    def __init__(
        self, names: Sequence[str] | Mapping[str, int], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        self.arrays = dict(arrays)
        self._row = dict(names) if isinstance(names, Mapping) else {n: i for i, n in enumerate(names)}
        rows = 1 + max(self._row.values(), default=-1) if isinstance(names, Mapping) else len(names)
        if any(len(values) < rows for values in self.arrays.values()):
            raise DataError("the numbers of features and names differ")

    @classmethod
    def load(cls, path: Path) -> FeatureTable:
        """Read `features.npz`. Nothing in it is unpickled.

        Raises
        ------
        DataError
            The file is missing, damaged, or not of this layout.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                names = [str(name) for name in file[NAME]]
                return cls(names, {kind: file[kind] for kind in file.files if kind != NAME})
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(
                f"does not hold features ({error})",
                subject=path,
                remedy="write name and probabilities with numpy.savez",
            ) from error

    def save(self, path: Path | IO[bytes]) -> None:
        """Write `features.npz`."""
        rows = list(self._row.values())
        arrays: dict[str, Any] = {kind: values[rows] for kind, values in self.arrays.items()}
        arrays[NAME] = np.array(list(self._row))
        np.savez_compressed(path, **arrays)

    def width(self, kind: str) -> int:
        """Return the length K of one vector or cell, or 0 if there is no such feature."""
        kind = kind if kind in self.arrays else VECTOR_OF.get(kind, kind)
        return int(self.arrays[kind].shape[-1]) if kind in self.arrays else 0

    @property
    def places(self) -> int:
        """Number of cells of one image; 0 if there are only vectors."""
        return next((x.shape[1] for kind, x in self.arrays.items() if kind in VECTOR_OF), 0)

    def study(self, study: Study, kind: str) -> Floats:
        """Return one vector `[K]` for a study: the mean over its images.

        Raises
        ------
        DataError
            The table has no such feature, or none for one of the study's images.
        """
        vector: Floats = self._rows(study, kind).mean(0, dtype=np.float32)
        return vector

    def cells(self, study: Study, kind: str) -> Floats:
        """Return the cells `[L, K]` of a study, one image after the other.

        If only the vector of an image is known, it is one cell: of `pooled`, or the logits of
        `probabilities`.

        Raises
        ------
        DataError
            As in `study`.
        """
        if kind in self.arrays:
            cells = self._rows(study, kind)
            return cells.reshape(-1, cells.shape[-1])  # [images, L / images, K] → [L, K]
        vectors = self._rows(study, VECTOR_OF.get(kind, kind))
        if kind != "maps":
            return vectors
        p = vectors.clip(1e-4, 1 - 1e-4)
        logits: Floats = np.log(p / (1 - p))
        return logits

    def views(self, study: Study) -> npt.NDArray[np.int64]:
        """Return the view of each cell `[L]`, as its place in `labels.VIEW_KINDS`."""
        arrays = [self.arrays[kind] for kind in VECTOR_OF if kind in self.arrays]
        cells = arrays[0][0].size // arrays[0].shape[-1] if arrays else 1
        return np.repeat([view_code(image.view) for image in study.images], cells)

    def _rows(self, study: Study, kind: str) -> Floats:
        if not study.images:
            raise DataError("has no image, so it has no features", subject=study.id)
        if kind not in self.arrays:
            raise DataError(f"the features have no '{kind}', only {', '.join(self.arrays)}")
        missing = [image.path for image in study.images if image.path not in self._row]
        if missing:
            raise DataError(f"there are no features for {missing[0]}", subject=study.id)
        rows = [self._row[image.path] for image in study.images]
        return np.asarray(self.arrays[kind][rows], dtype=np.float32)

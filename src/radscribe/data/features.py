"""Precomputed features of images, by name: a captioner trains on them without pixels.

`features.npz` holds `name` `[N]` (image paths as in the manifest) and one array `[N, …]` a kind of feature:
`probabilities` `[N, F]` and, where there is one, `pooled` `[N, C]`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from radscribe.data.study import Study
from radscribe.errors import DataError

FILE = "features.npz"
NAME = "name"


class FeatureTable:
    """Feature vectors of images; a study's are the mean over its images."""

    def __init__(self, names: list[str], arrays: dict[str, npt.NDArray[Any]]) -> None:
        self.arrays = {kind: np.asarray(values, dtype=np.float32) for kind, values in arrays.items()}
        self._row = {name: index for index, name in enumerate(names)}
        if any(len(values) != len(names) for values in self.arrays.values()):
            raise DataError("features and names are not of one number")

    @classmethod
    def load(cls, path: Path) -> FeatureTable:
        """Read `features.npz`; nothing in it is unpickled.

        Raises
        ------
        DataError : the file is missing, damaged, or not of this layout.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                names = [str(name) for name in file[NAME]]
                return cls(names, {kind: file[kind] for kind in file.files if kind != NAME})
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(
                f"holds no features ({error})",
                subject=path,
                remedy="write name and probabilities with numpy.savez",
            ) from error

    def save(self, path: Path | IO[bytes]) -> None:
        """Write `features.npz`."""
        arrays: dict[str, Any] = {NAME: np.array(list(self._row)), **self.arrays}
        np.savez_compressed(path, **arrays)

    def study(self, study: Study, kind: str) -> npt.NDArray[np.float32]:
        """One vector for a study.

        Raises
        ------
        DataError : the table has no such feature, or none for one of the study's images.
        """
        if not study.images:
            raise DataError("has no image, and so no features", subject=study.id)
        if kind not in self.arrays:
            raise DataError(f"the features have no '{kind}', only {', '.join(self.arrays)}")
        missing = [image.path for image in study.images if image.path not in self._row]
        if missing:
            raise DataError(f"there are no features for {missing[0]}", subject=study.id)
        rows = [self._row[image.path] for image in study.images]
        vector: npt.NDArray[np.float32] = self.arrays[kind][rows].mean(0)
        return vector

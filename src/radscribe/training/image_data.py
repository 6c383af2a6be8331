"""Radiographs of a manifest with their labels, as tensors."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from radscribe.data.manifest import Manifest
from radscribe.data.study import Split
from radscribe.errors import DataError
from radscribe.imaging.radiograph import FRONTAL, View
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize

UNKNOWN = float("nan")


def read_soft_labels(path: Path, findings: Sequence[str]) -> dict[str, list[float]]:
    """A teacher's probabilities: CSV with `image` (file name) and one `prob_<finding>` column each.

    Raises
    ------
    DataError : the file cannot be read or a column is missing.
    """
    try:
        with path.open(newline="") as file:
            return {
                row["image"]: [float(row[f"prob_{finding}"]) for finding in findings]
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"is no table of probabilities ({error})",
            subject=path,
            remedy="give columns image and prob_<finding>",
        ) from error


class ImageData(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """One part's images: pixels `[1, S, S]` (uint8), labels `[F]` and targets `[F]`; unknown labels are NaN.

    Targets are the labels, or a mixture with a teacher's probabilities (Hinton et al., 2015). Decoded
    images are kept, a byte a pixel: `size` 320 costs 100 kB an image.
    """

    def __init__(
        self,
        manifest: Manifest,
        split: Split,
        findings: Sequence[str],
        size: int,
        teacher: dict[str, list[float]] | None = None,
        teacher_weight: float = 0.0,
        views: frozenset[View] = FRONTAL,
    ) -> None:
        self._size = size
        paths: list[Path] = []
        labels: list[list[float]] = []
        targets: list[list[float]] = []
        self.patients: list[str] = []
        self.names: list[str] = []
        for study in manifest.split(split):
            known = [study.labels.get(finding) for finding in findings]
            label = [UNKNOWN if value is None else value for value in known]
            for image in study.images:
                if image.view not in views:
                    continue
                soft = (teacher or {}).get(Path(image.path).name, label)
                target = [
                    (1 - teacher_weight) * y + teacher_weight * t for y, t in zip(label, soft, strict=True)
                ]
                paths.append(manifest.root / image.path)
                labels.append(label)
                targets.append(target)
                self.patients.append(study.patient_id or study.id)
                self.names.append(image.path)
        self.labels, self.targets = torch.tensor(labels), torch.tensor(targets)
        with ThreadPoolExecutor(4) as pool:  # Pillow decodes outside the interpreter's lock
            self._pixels = list(pool.map(self._read, paths))

    def _read(self, path: Path) -> Tensor:
        pixels = resize(read(path).pixels, self._size, self._size)
        return torch.from_numpy((pixels * 255 + 0.5).astype(np.uint8))[None]

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self._pixels[index], self.labels[index], self.targets[index]

"""Radiographs of a manifest with their labels, as tensors."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from radscribe.data import webdataset
from radscribe.data.manifest import Manifest
from radscribe.data.study import ZONES, Box, ImageRef, Split, Study
from radscribe.errors import DataError, ImageError
from radscribe.imaging.exposure import normalise
from radscribe.imaging.radiograph import FRONTAL, Radiograph, View
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.labels import view_code
from radscribe.runtime.onnx_session import available_cores
from radscribe.text.details import label_details
from radscribe.text.findings import Status, label

UNKNOWN = float("nan")


def read_soft_labels(path: Path, findings: Sequence[str]) -> dict[str, list[float]]:
    """A teacher's probabilities: CSV with `image` (file name) and one `prob_<finding>` column each.

    Raises
    ------
    DataError
        The file cannot be read or a column is missing.
    """
    try:
        with path.open(newline="") as file:
            return {
                row["image"]: [float(row[f"prob_{finding}"]) for finding in findings]
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"is not a table of probabilities ({error})",
            subject=path,
            remedy="give columns image and prob_<finding>",
        ) from error


LabelSource = Literal["manifest", "report", "agree"]


def labels_of(study: Study, findings: Sequence[str], source: LabelSource = "manifest") -> list[float]:
    """Return a study's labels in the order of `findings`: 1, 0, or NaN if not known.

    Parameters
    ----------
    source : {"manifest", "report", "agree"}
        "report" reads what the report asserts; a finding that it does not mention is absent. "agree" is
        known only where manifest and report agree, or one of them knows nothing. A study without a report
        has the manifest's labels in any case.
    """
    given = [study.labels.get(finding) for finding in findings]
    manifest = [UNKNOWN if value is None else value for value in given]
    text = study.text("both")
    if source == "manifest" or not text:
        return manifest
    statuses = {**label_details(text), **label(text)}
    values: dict[Status | None, float] = {"present": 1.0, "absent": 0.0, None: 0.0, "uncertain": UNKNOWN}
    report = [values[statuses.get(finding)] for finding in findings]
    if source == "report":
        return report
    agreed: list[float] = []
    for finding, own, said in zip(findings, manifest, report, strict=True):
        if finding not in study.labels:
            agreed.append(said)
        else:
            agreed.append(own if own == said else UNKNOWN)
    return agreed


def box_cover(boxes: Sequence[Box], findings: Sequence[str], cells: int) -> Tensor:
    """Return the share of each cell that a finding's boxes cover, `[F, cells, cells]`."""
    cover = torch.zeros(len(findings), cells, cells)
    edges = torch.arange(cells + 1) / cells
    for box in boxes:
        if box.finding in findings:
            across = (edges[1:].clamp(max=box.x + box.width) - edges[:-1].clamp(min=box.x)).clamp(min=0)
            down = (edges[1:].clamp(max=box.y + box.height) - edges[:-1].clamp(min=box.y)).clamp(min=0)
            plane = cover[findings.index(box.finding)]
            torch.maximum(plane, torch.outer(down, across) * cells**2, out=plane)
    return cover


def read_image(path: Path) -> Radiograph:
    """Read an image of a manifest: a file, or a member of a tar file.

    Raises
    ------
    ImageError
        It cannot be read.
    """
    try:
        return read(webdataset.source(path))
    except ImageError as error:
        if error.subject == str(path):
            raise
        raise ImageError(error.problem, subject=path, remedy=error.remedy) from error


class Example(NamedTuple):
    """One image, or a batch of N with one dimension more in front."""

    pixels: Tensor  # [1, S, S] uint8
    labels: Tensor  # [F] 0, 1, NaN where unknown
    targets: Tensor  # [F] the labels, or a mixture with a teacher's probabilities (Hinton et al., 2015)
    view: Tensor  # [] place in `labels.VIEW_KINDS`
    cover: Tensor  # [F, h, w] share of each cell inside a box of the finding
    boxed: Tensor  # [F] whether the finding has a box
    zones: Tensor  # [6] scores of the lung zones, NaN where unknown


class ImageData(Dataset[Example]):
    """One part's images, decoded and squeezed to a square of `size` pixels.

    Parameters
    ----------
    teacher : dict of str to list[float], optional
        Probabilities by image name, which count `teacher_weight` against the labels.
    views : frozenset[View]
        The views to take.
    label_source, cells : LabelSource
        See `labels_of` and `box_cover`.
    cache_mb : float
        Memory for decoded images, one byte per pixel (100 kB per image at 320); a loader's `workers` decode
        the others when they are needed.

    Raises
    ------
    DataError
        The part holds no image of these views, or some of those to keep cannot be read.
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
        cache_mb: float = 0.0,
        label_source: LabelSource = "manifest",
        cells: int = 1,
    ) -> None:
        self._size, self._findings, self._cells = size, tuple(findings), cells
        self._images: list[ImageRef] = []
        self._paths: list[Path] = []
        labels: list[list[float]] = []
        targets: list[list[float]] = []
        codes: list[int] = []
        self.patients: list[str] = []
        self.names: list[str] = []
        for study in manifest.split(split, with_images=True):
            own = labels_of(study, findings, label_source)
            for image in study.images:
                if image.view not in views:
                    continue
                soft = (teacher or {}).get(Path(image.path).name, own)
                target = [
                    (1 - teacher_weight) * y + teacher_weight * t for y, t in zip(own, soft, strict=True)
                ]
                self._images.append(image)
                self._paths.append(manifest.root / image.path)
                labels.append(own)
                targets.append(target)
                codes.append(view_code(image.view))
                self.patients.append(study.patient_id or study.id)
                self.names.append(image.path)
        if not self._paths:
            raise DataError(
                f"no image of its {split} part is of a view {', '.join(sorted(views))}",
                subject=manifest.path,
                remedy="prepare it with the views of its images",
            )
        self.labels, self.targets = torch.tensor(labels), torch.tensor(targets)  # [N, F] each
        self.views = torch.tensor(codes)  # [N]
        self._kept = self._keep(min(len(self), int(cache_mb * 1e6) // size**2))  # [K, 1, S, S] uint8

    @property
    def kept_mb(self) -> float:
        """Memory that decoded images take."""
        return self._kept.numel() / 1e6

    def __str__(self) -> str:
        loose = len(self) - len(self._kept)
        if not loose:
            return f"{len(self):,} images, kept in memory ({self.kept_mb:,.0f} MB)"
        return f"{len(self):,} images, {loose:,} of them decoded when needed by {self.workers} workers"

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Example:
        pixels = self._kept[index] if index < len(self._kept) else self._read(self._paths[index])
        image = self._images[index]
        return Example(
            pixels,
            self.labels[index],
            self.targets[index],
            self.views[index],
            box_cover(image.boxes, self._findings, self._cells),
            torch.tensor([any(box.finding == finding for box in image.boxes) for finding in self._findings]),
            torch.tensor([image.zones.get(zone, UNKNOWN) for zone in ZONES]),
        )

    @property
    def blocks(self) -> list[int] | None:
        """Number of the tar file that each image is in; None if images are single files."""
        tars = [webdataset.tar_of(name) for name in self.names]
        if None in tars:
            return None
        numbers = {tar: number for number, tar in enumerate(dict.fromkeys(tars))}
        return [numbers[tar] for tar in tars]

    @property
    def workers(self) -> int:
        """Processes that decode for a loader of these images; 0 where all of them are kept."""
        return 0 if len(self._kept) == len(self) else available_cores()

    def _keep(self, count: int) -> Tensor:
        kept = torch.empty(count, 1, self._size, self._size, dtype=torch.uint8)

        def keep(index: int) -> ImageError | None:
            try:
                kept[index] = self._read(self._paths[index])
            except ImageError as error:
                return error
            return None

        with ThreadPoolExecutor(4) as pool:  # Pillow decodes outside the interpreter's lock
            errors = [error for error in pool.map(keep, range(count)) if error]
        if errors:
            raise DataError(f"{errors[0]} (of {count:,} images, {len(errors):,} cannot be read)")
        return kept

    def _read(self, path: Path) -> Tensor:
        pixels = normalise(resize(read_image(path).pixels, self._size, self._size))
        return torch.from_numpy((pixels * 255 + 0.5).astype(np.uint8))[None]


@contextmanager
def plain_errors() -> Iterator[None]:
    """To read a loader in: its workers hand errors on as a traceback, whose last line has the cause."""
    try:
        yield
    except ImageError as error:
        *traceback, line = error.problem.strip().splitlines()
        if not traceback:
            raise
        raise ImageError(line.partition(": ")[2]) from None

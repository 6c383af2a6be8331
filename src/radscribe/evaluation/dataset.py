"""A prepared dataset as an evaluation uses it: references, labels, other parts, features, leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radscribe.data import features as feature_file
from radscribe.data import image_hash
from radscribe.data.features import FeatureTable
from radscribe.data.leaks import check_leaks
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.errors import DataError
from radscribe.evaluation import references
from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import FINDINGS, Labelled
from radscribe.evaluation.metrics.base import Floats
from radscribe.evaluation.references import Part, References
from radscribe.text.report import Target

PARTS: tuple[Split, ...] = ("train", "val", "test")
FROM_LABELS = "the dataset's labels"
FROM_REPORTS = "the findings that the labeller reads in the reference (uncertain ones left out)"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One part of a manifest to score, and what its baselines may use.

    Parameters
    ----------
    manifest : Manifest
        The whole dataset.
    part : {"train", "val", "test", "all"}
        The part that is scored.
    references : References, optional
        Studies of the part that have a reference text; None if there are none.
    labelled : list of Study
        Studies of the part that have labels.
    train, val : References, optional
        Reports of the other parts. Without both there are no baselines.
    table : FeatureTable, optional
        `features.npz` beside the manifest.
    overlaps : list of str
        Sentences that say which scored studies are also in another part.
    notes : list of str
        Remarks for the reader on how the data was used.
    """

    manifest: Manifest
    part: Part
    references: References | None
    labelled: list[Study]
    train: References | None
    val: References | None
    table: FeatureTable | None
    overlaps: list[str]
    notes: list[str]

    @property
    def texts(self) -> References:
        """The references; raises `DataError` if no study of the part has a text."""
        if self.references is None:
            raise DataError(
                f"no {self.part} study has a reference text",
                subject=self.manifest.path,
                remedy="choose another --target, or score labels with --bundle or --probabilities",
            )
        return self.references


def read(folder: Path, part: Part, target: Target) -> Dataset:
    """Read a folder made by `radscribe prepare`.

    Parameters
    ----------
    folder : Path
        Folder with `manifest.jsonl`.
    part : {"train", "val", "test", "all"}
        The part to score.
    target : {"findings", "impression", "both"}
        The section of the report to score against.

    Raises
    ------
    DataError
        There is no manifest or no such part, or no study of the part has a text or labels.
    """
    manifest = Manifest(folder)
    labelled = [study for study in references.studies_of(manifest, part) if study.labels]
    try:
        scored = references.read(manifest, part, target)
    except DataError:
        if not labelled:
            raise
        scored = None
    notes: list[str] = []
    others: dict[Split, References | None] = {"train": None, "val": None}
    if scored is not None and part != "all":
        for other in others:
            try:
                others[other] = references.read(manifest, other, target)
            except DataError:
                others[other] = None
        if part == "val":
            notes.append("the constants were chosen on the part that is scored")
        if None in others.values():
            notes.append("no baselines: they need reports in a train and a val part")
    path = manifest.path.parent / feature_file.FILE
    table = FeatureTable.load(path) if path.is_file() else None
    leaks = overlaps(manifest, part) if part != "all" else []
    return Dataset(manifest, part, scored, labelled, others["train"], others["val"], table, leaks, notes)


def overlaps(manifest: Manifest, part: Split) -> list[str]:
    """Say in words how many studies of a part are also in another one, and by which property.

    Images are compared by content if `radscribe prepare --check` left their hashes.
    """
    hashed = (manifest.path.parent / image_hash.FILE).is_file()
    report = check_leaks(manifest, images=hashed)
    out: list[str] = []
    for other in PARTS:
        studies: set[str] = set()
        kinds: dict[str, set[str]] = {}
        for leak in report.leaks:
            here = {place.study for place in leak.where if place.part == part}
            if other != part and here and any(place.part == other for place in leak.where):
                studies |= here
                kinds.setdefault(leak.kind, set()).update(here)
        if studies:
            by = ", ".join(f"{len(found)} by {kind}" for kind, found in kinds.items())
            noun = "study" if len(studies) == 1 else "studies"
            out.append(f"{part} overlaps {other} in {len(studies)} {noun} ({by}): scores are worthless.")
    return [text[0].upper() + text[1:] for text in out]


def vectors(table: FeatureTable, studies: Sequence[Study]) -> tuple[Floats | None, str | None]:
    """Return the features of studies, `[N, D]`, or the reason why there are none."""
    kind = "pooled" if "pooled" in table.arrays else next(iter(table.arrays))
    try:
        rows = [table.study(study, kind).ravel() for study in studies]
    except DataError as error:
        return None, str(error)
    return np.stack(rows).astype(np.float64), None


def truth(studies: Sequence[Study], findings: Sequence[str], target: Target) -> tuple[Floats, str]:
    """Return which findings studies have, and where that is known from.

    Parameters
    ----------
    studies : sequence of Study
        N studies.
    findings : sequence of str
        F names.
    target : {"findings", "impression", "both"}
        The section that is read if no study has labels.

    Returns
    -------
    labels : ndarray
        `[N, F]`: 1, 0, or NaN if unknown.
    source : str
        Where the labels come from, in words.
    """
    if any(study.labels for study in studies):
        rows = [[study.labels.get(name) for name in findings] for study in studies]
        return np.array(rows, dtype=np.float64).reshape(len(studies), len(findings)), FROM_LABELS
    codes = Labelled().codes([study.text(target) for study in studies])
    known = np.full((len(studies), len(findings)), np.nan)
    for place, name in enumerate(findings):
        if name in FINDINGS:
            code = codes[:, FINDINGS.index(name)]
            known[:, place] = np.where(code == assertions.UNCERTAIN, np.nan, code == assertions.PRESENT)
    return known, FROM_REPORTS

"""A prepared dataset as an evaluation needs it: references, other parts' reports, features, leaks."""

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
from radscribe.evaluation.findings.probabilities import Probabilities, examine
from radscribe.evaluation.metrics.base import Floats
from radscribe.evaluation.references import References
from radscribe.labels import CHESTXRAY14
from radscribe.text.report import Target

PARTS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Dataset:
    """One part of a manifest to score, and what its baselines may use.

    Parameters
    ----------
    train, val : the other parts; None where the manifest has none, and then there are no baselines.
    table : `features.npz` beside the manifest, where there is one.
    notes : what a reader should know of how the data was used.
    """

    manifest: Manifest
    references: References
    train: References | None
    val: References | None
    table: FeatureTable | None
    overlaps: list[str]
    notes: list[str]


def read(folder: Path, part: Split, target: Target) -> Dataset:
    """Read a folder made by `radscribe prepare`.

    Raises
    ------
    DataError : no manifest, no such part, or no study of it has a text.
    """
    manifest = Manifest(folder)
    scored = references.read(manifest, part, target)
    notes: list[str] = []
    others: dict[Split, References | None] = {}
    needed: tuple[Split, ...] = ("train", "val")
    for other in needed:
        try:
            others[other] = references.read(manifest, other, target)
        except DataError:
            others[other] = None
    if part == "val":
        notes.append("constants were chosen on the part that is scored")
    if None in others.values():
        notes.append("no baselines: they need reports in a train and a val part")
    path = manifest.path.parent / feature_file.FILE
    table = FeatureTable.load(path) if path.is_file() else None
    return Dataset(manifest, scored, others["train"], others["val"], table, overlaps(manifest, part), notes)


def overlaps(manifest: Manifest, part: Split) -> list[str]:
    """In words, how many studies of a part stand in another one, and by what.

    Images are compared by content where `radscribe prepare --check` left their hashes.
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
    """The features of studies, `[N, D]`, and the reason where there are none."""
    kind = "pooled" if "pooled" in table.arrays else next(iter(table.arrays))
    try:
        rows = [table.study(study, kind).ravel() for study in studies]
    except DataError as error:
        return None, str(error)
    return np.stack(rows).astype(np.float64), None


def truth(studies: Sequence[Study], texts: Sequence[str], labelled: Labelled) -> tuple[Floats, str]:
    """The 14 findings of each study, `[N, 14]` with NaN where unknown, and where they come from."""
    if any(study.labels for study in studies):
        rows = [[study.labels.get(name) for name in CHESTXRAY14] for study in studies]
        return np.array(rows, dtype=np.float64), "the dataset's labels"
    codes = labelled.codes(texts)[:, [FINDINGS.index(name) for name in CHESTXRAY14]]
    known = np.where(codes == assertions.UNCERTAIN, np.nan, (codes == assertions.PRESENT).astype(np.float64))
    return known, "the findings that the labeller reads in the reference (doubt left out)"


def probabilities_of(
    predicted: Sequence[Sequence[float]] | Floats, dataset: Dataset, source: str, labelled: Labelled
) -> Probabilities:
    """Probabilities `[N, 14]` of the scored studies beside the truth; NaN is left out."""
    values = np.asarray(predicted, dtype=np.float64)
    true, origin = truth(dataset.references.studies, dataset.references.texts, labelled)
    return examine(CHESTXRAY14, values, np.where(np.isnan(values), np.nan, true), source, origin)

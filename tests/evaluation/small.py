"""A small dataset for tests of the evaluation: studies of three parts, with reports that say findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from radscribe.data import manifest
from radscribe.data.features import FeatureTable
from radscribe.data.manifest import Header
from radscribe.data.study import ImageRef, Split, Study
from radscribe.text.report import Report

REPORTS = (
    "The heart is enlarged. Small left pleural effusion. No pneumothorax.",
    "The lungs are clear. No pleural effusion or pneumothorax.",
    "Heart size is normal. The lungs are clear.",
    "Right lower lobe atelectasis. No pneumothorax.",
    "The heart is normal in size. The mediastinum is unremarkable. The lungs are clear.",
    "There is a right pneumothorax. The heart is normal.",
)
PARTS: tuple[Split, ...] = ("train", "val", "test")


def reports(n: int, shift: int = 0) -> list[str]:
    return [REPORTS[(i + shift) % len(REPORTS)] for i in range(n)]


def write(folder: Path, each: int = 12, features: bool = True, patients: Sequence[str] = ()) -> list[str]:
    """A manifest of `each` studies in every part; returns the ids of the test part."""
    folder.mkdir(parents=True, exist_ok=True)
    studies = [
        Study(
            id=f"{part}{i:02}",
            images=(ImageRef(f"{part}{i:02}.png"),),
            patient_id=patients[i] if patients else None,
            report=Report(findings=text, impression="Impression."),
            split=part,
        )
        for shift, part in enumerate(PARTS)
        for i, text in enumerate(reports(each, shift))
    ]
    manifest.write(folder, Header(1, "a test's"), studies)
    if features:
        rows = np.random.default_rng(0).random((len(studies), 14), dtype=np.float32)
        names = [study.images[0].path for study in studies]
        FeatureTable(names, {"probabilities": rows}).save(folder / "features.npz")
    return sorted(study.id for study in studies if study.split == "test")


def write_csv(path: Path, ids: Sequence[str], texts: Sequence[str]) -> Path:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "report", "model"])
        writer.writerows([name, text, "mine"] for name, text in zip(ids, texts, strict=True))
    return path

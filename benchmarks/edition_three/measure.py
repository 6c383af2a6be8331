"""The encoder's figures on data that chose nothing: IU test, NIH test, each collection, boxes, hearts.

    python -m benchmarks.edition_three.measure ../shared/data RUNS/e3 RUNS/e3/encoder [--part test]

Labels of IU are those of the whole report: what it does not mention is absent. Studies count once: logits are
means over a study's images. Intervals are of a bootstrap over patients.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from radscribe.evaluation.calibration import expected_calibration_error
from radscribe.evaluation.findings.ranking import auroc
from radscribe.labels import CHESTXRAY14

FEWEST = {"iu": 15, "nih": 5}  # positives that a finding needs for an AUROC
ROUNDS = 1000
GROUPS = {
    "iu": ("iu",),
    "nih": ("nih_images", "nih_images64"),
    "nih/images": ("nih_images",),
    "nih/images64": ("nih_images64",),
    "nih/images_boxes": ("nih_images_boxes",),
    "covid": ("covid",),
    "jsrt": ("jsrt",),
}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class Part:
    """The studies of some collections in one part, with logits `[N, F]` and labels `[N, F]`."""

    def __init__(self, table: dict, outputs: dict, collections: tuple[str, ...], split: str) -> None:
        where = np.isin(table["collection"].astype(str), collections) & (table["split"].astype(str) == split)
        studies = table["study"].astype(str)
        p = np.clip(outputs["probabilities"], 1e-6, 1 - 1e-6)
        logits = np.log(p / (1 - p))
        names, first, group = np.unique(studies[where], return_index=True, return_inverse=True)
        rows = np.flatnonzero(where)
        count = np.bincount(group)
        self.logits = np.stack(
            [np.bincount(group, logits[rows, f]) / count for f in range(logits.shape[1])], 1
        )
        self.labels = table["labels"][rows[first]]
        self.patients = table["patient"].astype(str)[rows[first]]
        self.names = names


def mean_auroc(part: Part, findings: list[str], fewest: int) -> tuple[float, float, float, dict[str, float]]:
    """Mean AUROC with its interval, and that of each finding with enough positives."""
    kept = [
        f
        for f in range(len(findings))
        if np.nansum(part.labels[:, f]) >= fewest and np.nansum(1 - part.labels[:, f]) >= fewest
    ]

    def mean(rows: np.ndarray) -> dict[str, float]:
        values = {}
        for f in kept:
            y = part.labels[rows, f]
            known = ~np.isnan(y)
            if 0 < y[known].sum() < known.sum():
                values[findings[f]] = float(auroc(part.logits[rows][known, f], y[known]))
        return values

    by_finding = mean(np.arange(len(part.labels)))
    generator = np.random.default_rng(0)
    patients, code = np.unique(part.patients, return_inverse=True)
    members = [np.flatnonzero(code == i) for i in range(len(patients))]
    draws = []
    for _ in range(ROUNDS // 5):
        drawn = generator.integers(len(patients), size=len(patients))
        draws.append(np.mean(list(mean(np.concatenate([members[i] for i in drawn])).values())))
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(np.mean(list(by_finding.values()))), float(low), float(high), by_finding


def calibration_error(part: Part, count: int) -> float:
    """Expected calibration error, a mean over the first `count` findings, ten equal bins."""
    values = []
    for f in range(count):
        y = part.labels[:, f]
        known = ~np.isnan(y)
        if y[known].sum() >= 5:
            values.append(expected_calibration_error(sigmoid(part.logits[known, f]), y[known]))
    return float(np.mean(values))


def finest(cells: np.ndarray, side: int = 128) -> np.ndarray:
    """A map `[h, w]` at `side` x `side`, bicubic."""
    return np.asarray(
        Image.fromarray(cells.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    )


def pointing(table: dict, outputs: dict, findings: list[str], split: str) -> None:
    """Print how often the highest point of a finding's map lies in the radiologist's box."""
    collection, parts = table["collection"].astype(str), table["split"].astype(str)
    boxes = [json.loads(text) for text in table["boxes"]]
    side = 128
    centre = (np.arange(side) + 0.5) / side

    def inside(box: list) -> np.ndarray:
        _, x, y, w, h = box
        return np.outer((centre >= y) & (centre <= y + h), (centre >= x) & (centre <= x + w))

    drawn: dict[str, np.ndarray] = {}  # where training boxes lie
    for i in np.flatnonzero((parts == "train") & (collection == "nih_images_boxes")):
        for box in boxes[i]:
            drawn[box[0]] = drawn.get(box[0], np.zeros((side, side))) + inside(box)
    rows = []
    for i in np.flatnonzero((parts == split) & (collection == "nih_images_boxes")):
        for box in boxes[i]:
            if box[0] in findings and box[0] in drawn:
                where = inside(box)
                fine = finest(outputs["cells"][i][findings.index(box[0])])
                fixed = np.unravel_index(drawn[box[0]].argmax(), (side, side))
                area = where.sum()
                cut = np.sort(fine, axis=None)[::-1][max(int(area) - 1, 0)]
                guess = fine >= cut
                dice = 2 * (guess & where).sum() / (guess.sum() + area)
                hit = where[np.unravel_index(fine.argmax(), (side, side))]
                rows.append((box[0], float(hit), float(where.mean()), float(where[fixed]), float(dice)))
    hits = np.array([row[1:] for row in rows])
    names = np.array([row[0] for row in rows])
    generator = np.random.default_rng(0)
    draws = generator.integers(len(hits), size=(ROUNDS, len(hits)))
    print(f"\npointing game, {len(hits)} boxes of {split} images: share of highest points in the box")
    for name in ["all", *sorted(set(names))]:
        part = hits if name == "all" else hits[names == name]
        print(
            f"  {name:16} map {part[:, 0].mean():.3f}  chance {part[:, 1].mean():.3f}  best fixed place {part[:, 2].mean():.3f}  Dice of equal area {part[:, 3].mean():.3f}  n {len(part)}"
        )
    for k, name in ((1, "chance"), (2, "best fixed place")):
        difference = (hits[:, 0] - hits[:, k])[draws].mean(1)
        low, high = np.percentile(difference, [2.5, 97.5])
        print(f"  map minus {name}: {(hits[:, 0] - hits[:, k]).mean():+.3f} ({low:+.3f} to {high:+.3f})")


def hearts(data: Path, table: dict, outputs: dict, findings: list[str]) -> None:
    """Print how often the highest point of cardiomegaly's map lies in the heart of JSRT films."""
    hits, shares = [], []
    for i in np.flatnonzero(table["collection"].astype(str) == "jsrt"):
        mask = data / "jsrt/masks" / (Path(str(table["path"][i])).stem + ".png")
        if mask.exists():
            heart = np.asarray(Image.open(mask).resize((128, 128), Image.Resampling.NEAREST)) == 1
            fine = finest(outputs["cells"][i][findings.index("Cardiomegaly")])
            hits.append(bool(heart[np.unravel_index(fine.argmax(), fine.shape)]))
            shares.append(heart.mean())
    print(
        f"cardiomegaly's highest point in the heart, {len(hits)} JSRT films: {np.mean(hits):.3f}, by chance {np.mean(shares):.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("prepared", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--part", default="test", help="val or test (default: test)")
    arguments = parser.parse_args()
    table = dict(np.load(arguments.prepared / "table.npz"))
    outputs = dict(np.load(arguments.encoder / "outputs.npz"))
    findings = [str(name) for name in table["findings"]]
    for name, collections in GROUPS.items():
        part = Part(table, outputs, collections, arguments.part)
        fewest = FEWEST[name.split("/")[0]] if name.split("/")[0] in FEWEST else 5
        known = (
            findings
            if name == "iu"
            else [f if f in CHESTXRAY14 or not name.startswith("nih") else "" for f in findings]
        )
        if name.startswith("nih"):
            part.labels[:, len(CHESTXRAY14) :] = np.nan
        mean, low, high, by_finding = mean_auroc(part, known, fewest)
        error = (
            calibration_error(part, len(findings) if name == "iu" else len(CHESTXRAY14))
            if by_finding
            else float("nan")
        )
        print(
            f"{name}: {len(part.names)} studies, mean AUROC of {len(by_finding)} findings {mean:.3f} ({low:.3f} to {high:.3f}), ECE {error:.3f}"
        )
        print("   " + ", ".join(f"{f} {v:.3f}" for f, v in by_finding.items()))
    iu = (table["collection"].astype(str) == "iu") & (table["split"].astype(str) == arguments.part)
    right = outputs["view"][iu].argmax(1) == table["view"][iu]
    print(f"view told right on {right.mean():.4f} of {iu.sum()} IU images")
    pointing(table, outputs, findings, arguments.part)
    hearts(arguments.data, table, outputs, findings)


if __name__ == "__main__":
    main()

"""Print the encoder's figures on data that chose nothing: IU, NIH, each collection, boxes and hearts.

    python -m benchmarks.edition_three.measure ../shared/data RUN RUN/encoder [--part test]

Labels of IU are those of the whole report: a finding that it does not mention is absent. Logits are means
over a study's images. Intervals are bootstraps over patients.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.edition_three.encoder import Array, labels_for_measuring
from radscribe.evaluation.calibration import reliability
from radscribe.evaluation.findings.binary_scores import auroc
from radscribe.labels import CHESTXRAY14
from radscribe.runtime.numeric import sigmoid
from radscribe.training.calibration import fit_platt
from radscribe.training.config import CONFIG, EncoderConfig, load

ROUNDS = 1000
RANKED_ROUNDS = 200
SIDE = 128  # of a map as it is compared with boxes and masks
# Collections, and the positives that a finding needs for an AUROC.
GROUPS = {
    "IU": (("iu",), 15),
    "NIH": (("nih_images", "nih_images64"), 5),
    "NIH images": (("nih_images",), 5),
    "NIH images64": (("nih_images64",), 5),
    "NIH images_boxes (all abnormal)": (("nih_images_boxes",), 5),
    "COVID": (("covid",), 5),
    "JSRT": (("jsrt",), 5),
}
Tables = dict[str, Array]


def studies_of(table: Tables, outputs: Tables, rows: Array) -> tuple[Array, Array, Array]:
    """Return mean logits `[S, F]`, labels `[S, F]` and patients `[S]` of the studies of some images."""
    p = np.clip(outputs["probabilities"][rows], 1e-6, 1 - 1e-6)
    logits = np.log(p / (1 - p))
    _, first, group = np.unique(table["study"][rows], return_index=True, return_inverse=True)
    total = np.zeros((len(first), logits.shape[1]))
    np.add.at(total, group, logits)
    mean = total / np.bincount(group)[:, None]
    return mean, labels_for_measuring(table)[rows][first], table["patient"][rows][first]


def areas(logits: Array, labels: Array, fewest: int) -> dict[int, float]:
    """Return the AUROC of each finding with enough positives and negatives."""
    found = {}
    for f in range(labels.shape[1]):
        known = ~np.isnan(labels[:, f])
        if min(labels[known, f].sum(), (1 - labels[known, f]).sum()) >= fewest:
            found[f] = float(auroc(logits[known, f], labels[known, f]))
    return found


def interval(logits: Array, labels: Array, patients: Array, findings: list[int]) -> tuple[float, float]:
    """Return the 95% bootstrap interval over patients of the mean AUROC of some findings."""
    generator = np.random.default_rng(0)
    members = [np.flatnonzero(patients == patient) for patient in np.unique(patients)]
    draws = []
    for _ in range(RANKED_ROUNDS):
        rows = np.concatenate([members[i] for i in generator.integers(len(members), size=len(members))])
        found = areas(logits[rows], labels[rows], 1)
        draws.append(np.mean([found[f] for f in findings if f in found]))
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def ranking(table: Tables, outputs: Tables, findings: list[str], part: str) -> None:
    """Print AUROC and calibration of each group of collections."""
    collection, split = table["collection"].astype(str), table["split"].astype(str)
    for name, (collections, fewest) in GROUPS.items():
        rows = np.flatnonzero(np.isin(collection, collections) & (split == part))
        logits, labels, patients = studies_of(table, outputs, rows)
        if name.startswith("NIH"):
            labels = labels[:, : len(CHESTXRAY14)]
        found = areas(logits, labels, fewest)
        if not found:
            continue
        low, high = interval(logits, labels, patients, list(found))
        p = np.asarray(sigmoid(logits))
        mean = np.mean(list(found.values()))
        print(
            f"{name}: {len(logits)} studies, mean AUROC of {len(found)} findings {mean:.3f} "
            f"({low:.3f} to {high:.3f}), expected calibration error {calibration_error(p, labels, found):.3f}"
        )
        if part == "test" and name in ("IU", "NIH"):
            explain_calibration(logits, labels, list(found))
        if name == "IU":
            normal = findings.index("Normal")
            reported, seen = np.nanmean(labels[:, normal]), p[:, normal].mean()
            print(f"   normal by report: {reported:.3f}, by the encoder {seen:.3f}")
        print("   " + ", ".join(f"{findings[f]} {value:.3f}" for f, value in found.items()))
    iu = (collection == "iu") & (split == part)
    print(f"view: right on {(outputs['view'][iu] == table['view'][iu]).mean():.4f} of {iu.sum()} IU images")


def calibration_error(probabilities: Array, labels: Array, findings: Iterable[int]) -> float:
    """Return the mean expected calibration error of some findings."""
    return float(np.mean([reliability(probabilities[:, f], labels[:, f]).error for f in findings]))


def explain_calibration(logits: Array, labels: Array, findings: list[int]) -> None:
    """Print the error that probabilities would have if they were right, and if they were fitted here."""
    p, generator = np.asarray(sigmoid(logits[:, : labels.shape[1]])), np.random.default_rng(0)
    drawn = [np.where(np.isnan(labels), np.nan, generator.random(p.shape) < p) for _ in range(50)]
    least = np.mean([calibration_error(p, one, findings) for one in drawn])
    scale, shift = (
        tensor.numpy()
        for tensor in fit_platt(torch.tensor(logits[:, : labels.shape[1]]), torch.tensor(labels))
    )
    fitted = np.asarray(sigmoid(logits[:, : labels.shape[1]] * scale + shift))
    print(
        f"   expected calibration error if labels were drawn from these probabilities: {least:.3f}; "
        f"with Platt scaling fitted on this part: {calibration_error(fitted, labels, findings):.3f}"
    )


def fine(cells: Array) -> Array:
    """Return a map `[h, w]` at `SIDE` x `SIDE`, bicubic."""
    image = Image.fromarray(cells.astype(np.float32))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def highest(cells: Array) -> tuple[int, int]:
    """Return row and column of the highest point of a map, as `fine` has it."""
    row, column = np.unravel_index(fine(cells).argmax(), (SIDE, SIDE))
    return int(row), int(column)


def inside(box: list[float]) -> Array:
    """Return the mask `[SIDE, SIDE]` of a box: name, x, y, width, height, in shares of the image."""
    _, x, y, width, height = box
    centre = (np.arange(SIDE) + 0.5) / SIDE
    mask: Array = np.outer((centre >= y) & (centre <= y + height), (centre >= x) & (centre <= x + width))
    return mask


def pointing(table: Tables, outputs: Tables, findings: list[str], part: str) -> None:
    """Print how often the highest point of a finding's map lies in the radiologist's box."""
    split, boxes = table["split"].astype(str), [json.loads(text) for text in table["boxes"]]
    boxed = table["collection"].astype(str) == "nih_images_boxes"
    drawn: dict[str, Array] = {}  # how many training boxes cover each point
    for i in np.flatnonzero(boxed & (split == "train")):
        for box in boxes[i]:
            drawn[box[0]] = drawn.get(box[0], np.zeros((SIDE, SIDE))) + inside(box)
    names, rows = [], []
    for i in np.flatnonzero(boxed & (split == part)):
        for box in boxes[i]:
            if box[0] not in findings or box[0] not in drawn:
                continue
            mask = inside(box)
            cells = outputs["cells"][i][findings.index(box[0])]
            fixed = np.unravel_index(drawn[box[0]].argmax(), (SIDE, SIDE))
            guess = fine(cells) >= np.sort(fine(cells), axis=None)[-max(int(mask.sum()), 1)]
            dice = 2 * (guess & mask).sum() / (guess.sum() + mask.sum())
            names.append(box[0])
            rows.append((mask[highest(cells)], mask.mean(), mask[fixed], dice))
    hits = np.array(rows, dtype=float)
    draws = np.random.default_rng(0).integers(len(hits), size=(ROUNDS, len(hits)))
    print(f"\npointing game: share of {len(hits)} boxes that hold the highest point of the finding's map")
    for name in ("all", *sorted(set(names))):
        chosen = hits if name == "all" else hits[np.array(names) == name]
        hit, chance, fixed_hit, dice = chosen.mean(0)
        print(
            f"  {name:16} {len(chosen):4}  map {hit:.3f}  chance {chance:.3f}  "
            f"best fixed place {fixed_hit:.3f}  Dice at equal area {dice:.3f}"
        )
    for column, name in ((1, "chance"), (2, "best fixed place")):
        difference = hits[:, 0] - hits[:, column]
        low, high = np.percentile(difference[draws].mean(1), [2.5, 97.5])
        print(f"  map minus {name}: {difference.mean():+.3f} ({low:+.3f} to {high:+.3f})")


def hearts(data: Path, table: Tables, outputs: Tables, findings: list[str]) -> None:
    """Print how often the highest point of cardiomegaly's map lies in the heart of JSRT films."""
    hits, shares = [], []
    for i in np.flatnonzero(table["collection"].astype(str) == "jsrt"):
        mask = data / "jsrt/masks" / (Path(str(table["path"][i])).stem + ".png")
        if mask.exists():
            heart = np.asarray(Image.open(mask).resize((SIDE, SIDE), Image.Resampling.NEAREST)) == 1
            hits.append(heart[highest(outputs["cells"][i][findings.index("Cardiomegaly")])])
            shares.append(heart.mean())
    print(
        f"cardiomegaly: the highest point is in the heart on {np.mean(hits):.3f} of {len(hits)} JSRT films "
        f"(by chance {np.mean(shares):.3f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("prepared", type=Path, help="folder that benchmarks.edition_three.images wrote")
    parser.add_argument("encoder", type=Path, help="run that benchmarks.edition_three.finish wrote")
    parser.add_argument("--part", default="test", choices=("val", "test"))
    options = parser.parse_args()
    table = dict(np.load(options.prepared / "table.npz"))
    outputs = dict(np.load(options.encoder / "outputs.npz"))
    findings = list(load(EncoderConfig, options.encoder / CONFIG).findings)
    ranking(table, outputs, findings, options.part)
    pointing(table, outputs, findings, options.part)
    hearts(options.data, table, outputs, findings)


if __name__ == "__main__":
    main()

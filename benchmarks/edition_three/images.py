"""The images that edition three learns from, with the labels that each collection can vouch for.

    radscribe prepare iu-kaggle ../shared/data/iu --out RUN/iu --drop-missing \
        --exclude ../shared/data/iu/held_out_uids.txt --set images=../shared/data/iu/images/images_normalized
    python -m benchmarks.edition_three.images ../shared/data RUN/iu RUN

Writes `RUN/pixels.npy` (uint8, [N, 288, 288], exposure normalised) and `RUN/table.npz`. A label is 1, 0 or
NaN. Pixels that are there already are kept.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.edition_one.nih import FRACTIONS
from radscribe.data.manifest import Manifest
from radscribe.data.sources.iu_labels import said
from radscribe.data.splits import assign
from radscribe.data.study import Split
from radscribe.errors import RadscribeError
from radscribe.imaging.exposure import normalise
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import find

EXTRA = (
    "Opacity",
    "Support_Devices",
    "Fracture",
    "Granuloma_or_Calcification",
    "Scoliosis_or_Degenerative",
    "Hyperinflation",
    "Scar",
    "Normal",
)
Array = npt.NDArray[Any]
FINDINGS = (*CHESTXRAY14, *EXTRA)
SIDE = 288  # pixels: 9/8 of the largest input
NAN = float("nan")
BOX_NAMES = {"Infiltrate": "Infiltration"}


@dataclass
class Row:
    """One image."""

    path: Path
    patient: str
    study: str
    split: Split
    view: int  # 0 frontal, 1 lateral, -1 unknown
    collection: str
    labels: dict[str, float] = field(default_factory=dict)
    boxes: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    sides: dict[str, tuple[float, float]] = field(default_factory=dict)  # patient's right, left
    zones: tuple[float, ...] | None = None  # right upper, middle, lower, left upper, middle, lower
    report: dict[str, float] = field(default_factory=dict)  # labels from the report only


def sides(text: str) -> dict[str, tuple[float, float]]:
    """Return (right, left) of the findings that a report asserts and places; (1, 1) if on both."""
    found: dict[str, tuple[float, float]] = {}
    for mention in find(text):
        if mention.status == "present" and mention.side is not None:
            right, left = found.get(mention.finding, (0.0, 0.0))
            found[mention.finding] = (
                max(right, float(mention.side != "left")),
                max(left, float(mention.side != "right")),
            )
    return found


def number(label: float | None) -> float:
    return NAN if label is None else label


def r2gen_parts(annotation: Path) -> dict[str, Split]:
    """Return the part of each Indiana University study of R2Gen's split, by its number."""
    parts: dict[str, Split] = {}
    for split, studies in json.loads(annotation.read_text()).items():
        parts |= {study["id"].removeprefix("CXR").partition("_")[0]: split for study in studies}
    return parts


def iu(data: Path, prepared: Path) -> list[Row]:
    """Indiana University: R2Gen's test and validation studies stay what they are; all others train.

    Test studies are labelled from their report only, since the figures compare with whole reports.
    """
    root = data / "iu"
    parts = r2gen_parts(root / "annotation.json")
    rows = []
    for study in Manifest(prepared):
        text = study.text()
        by_report = {finding: number(said(text).get(finding, 0.0)) for finding in FINDINGS}
        agreed = {finding: number(study.labels.get(finding, 0.0)) for finding in FINDINGS}
        split = parts.get(study.id, "train")
        for image, path in zip(study.images, study.files, strict=True):
            lateral = image.view == "lateral"
            row = Row(path.resolve(), f"iu{study.id}", study.id, split, int(lateral), "iu")
            row.labels = by_report if split == "test" else agreed
            row.report = by_report
            row.sides = {} if lateral else sides(text)
            rows.append(row)
    return rows


def nih_labels(present: set[str]) -> dict[str, float]:
    labels = {finding: float(finding in present) for finding in CHESTXRAY14}
    normal = present == {"No Finding"}
    labels["Normal"] = float(normal)
    airspace = {"Atelectasis", "Consolidation", "Infiltration", "Pneumonia"}
    labels["Opacity"] = 0.0 if normal else 1.0 if present & airspace else NAN
    return labels


def nih(data: Path) -> list[Row]:
    """NIH ChestX-ray14: three tables, split by patient over all of them."""
    root = data / "nih"
    rows: dict[str, Row] = {}
    tables = (("labels.csv", "images"), ("labels_boxes.csv", "images_boxes"), ("labels64.csv", "images64"))
    for table, folder in tables:
        with (root / table).open(newline="") as file:
            for row in csv.DictReader(file):
                stem, patient = Path(row["image"]).stem, row["patient_id"]
                if stem in rows:  # the same film, smaller
                    continue
                boxes = [
                    (BOX_NAMES.get(name, name), *box)
                    for name, box in json.loads(row.get("boxes_xywh_rel") or "[]")
                ]
                rows[stem] = Row(
                    root / folder / row["image"],
                    f"nih{int(patient)}",
                    stem,
                    assign(patient, fractions=FRACTIONS),
                    0,
                    f"nih_{folder}",
                    nih_labels(set(row["labels"].split("|"))),
                    boxes,
                )
    return list(rows.values())


def spread(key: str) -> Split:
    return assign(key, fractions={"train": 0.75, "val": 0.10, "test": 0.15})


def others(data: Path) -> list[Row]:
    """JSRT (nodules), OpenIST (normal) and the COVID sets (opacity)."""
    rows = []
    with (data / "jsrt/clinical.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = (data / "jsrt/images" / row["File"]).with_suffix(".jpg")
            if not path.exists():
                continue
            nodule = not row["File"].startswith("JPCNN")
            labels = {"Nodule": float(nodule)}
            if not nodule:
                labels |= dict.fromkeys(CHESTXRAY14, 0.0) | {"Normal": 1.0, "Opacity": 0.0}
            else:
                labels |= {"Normal": 0.0}
            rows.append(Row(path, path.stem, path.stem, spread(path.stem), 0, "jsrt", labels))
    normal = dict.fromkeys(CHESTXRAY14, 0.0) | {"Normal": 1.0, "Opacity": 0.0, "Support_Devices": 0.0}
    for path in sorted((data / "openist/images").iterdir()):
        rows.append(Row(path, path.stem, path.stem, spread(path.stem), 0, "openist", dict(normal)))
    zones: dict[str, tuple[float, ...]] = {}
    brixia_new = []
    with (data / "covid/brixia/labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            score = tuple(float(row[f"S-{z}"]) / 3 for z in "ABCDEF")
            zones[Path(row["project_file"]).name] = score
            if row["project_file"].startswith("NEW"):
                brixia_new.append(Path(row["project_file"]).name)
    with (data / "covid/metadata.csv").open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            path = data / "covid/images" / row["image"]
            if not path.exists():
                continue
            known = zones.get(row["image"])
            vouched: dict[str, float] = {}
            if known is not None:
                vouched = {"Opacity": float(sum(known) > 0)}
                if sum(known) > 0:
                    vouched["Normal"] = 0.0
            elif row["finding"].strip().lower() in ("no finding", "normal"):
                vouched = dict(normal)
            if "pneumothorax" in (row["clinical_notes"] or "").lower():
                vouched.pop("Pneumothorax", None)
            view = 1 if row["view"].upper().startswith("L") else 0
            patient = f"covid{row['patient_id']}"
            rows.append(Row(path, patient, path.stem, spread(patient), view, "covid", vouched, zones=known))
    for name in brixia_new:
        path = data / "covid/brixia/images" / name
        vouched = {"Opacity": float(sum(zones[name]) > 0)}
        patient = f"brixia{path.stem}"
        rows.append(Row(path, patient, path.stem, spread(path.stem), 0, "covid", vouched, zones=zones[name]))
    with (data / "covid_hannover/labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found = list((data / "covid_hannover/images").glob(f"{Path(row['image']).stem}.*"))
            if found:
                patient = f"hannover{row['patient_id']}"
                rows.append(Row(found[0], patient, found[0].stem, spread(patient), 0, "hannover", {}))
    return rows


def decode(path: Path) -> Array:
    """Return an image `[SIDE, SIDE]`, uint8; zeros if it cannot be read."""
    try:
        small = normalise(resize(read(path).pixels, SIDE, SIDE))
    except RadscribeError as error:
        print(f"left out {error}")
        return np.zeros((SIDE, SIDE), np.uint8)
    pixels: Array = np.rint(small * 255).astype(np.uint8)
    return pixels


def teachers(data: Path, rows: list[Row]) -> tuple[Array, Array]:
    """CheXNet's 14 scores of IU images, and a reproduction's of NIH images; NaN where there are none."""
    encodings = np.load(data / "iu/chexnet_encodings.npz")
    by_name = {
        str(n).removesuffix(".png").removesuffix(".dcm"): e
        for n, e in zip(encodings["image"], encodings["encoding"], strict=True)
    }
    nih_scores = {}
    with (data / "nih/teacher_probabilities.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            nih_scores[Path(row["image"]).stem] = [float(row[f"prob_{f}"]) for f in CHESTXRAY14]
    none = [NAN] * 14
    first = [by_name.get(r.path.stem, none) if r.collection == "iu" else none for r in rows]
    second = [nih_scores.get(r.path.stem, none) if r.collection.startswith("nih") else none for r in rows]
    return np.array(first, np.float32), np.array(second, np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("iu", type=Path, help="manifest of all Indiana University studies")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    data: Path = arguments.data.resolve()
    found = {row.path: row for row in (*iu(data, arguments.iu), *nih(data), *others(data))}  # COVID repeats 5
    rows = [found[path] for path in sorted(found)]
    pixels = arguments.out / "pixels.npy"
    if not (pixels.exists() and len(np.load(pixels, mmap_mode="r")) == len(rows)):
        with ProcessPoolExecutor(2) as pool:
            np.save(pixels, np.stack(list(pool.map(decode, [r.path for r in rows], chunksize=64))))
    first, second = teachers(data, rows)
    np.savez(
        arguments.out / "table.npz",
        path=np.array([str(r.path.relative_to(data)) for r in rows]),
        patient=np.array([r.patient for r in rows]),
        study=np.array([r.study for r in rows]),
        split=np.array([r.split for r in rows]),
        view=np.array([r.view for r in rows]),
        collection=np.array([r.collection for r in rows]),
        findings=np.array(FINDINGS),
        labels=np.array([[r.labels.get(f, NAN) for f in FINDINGS] for r in rows], np.float32),
        report=np.array([[r.report.get(f, NAN) for f in FINDINGS] for r in rows], np.float32),
        sides=np.array([[r.sides.get(f, (NAN, NAN)) for f in FINDINGS] for r in rows], np.float32),
        boxes=np.array([json.dumps(r.boxes) for r in rows]),
        zones=np.array([r.zones or (NAN,) * 6 for r in rows], np.float32),
        teacher_iu=first,
        teacher_nih=second,
    )
    for (collection, split), count in sorted(Counter((r.collection, r.split) for r in rows).items()):
        print(f"{collection:18} {split:6} {count:6,}")


if __name__ == "__main__":
    main()

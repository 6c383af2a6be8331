"""The images that edition three learns from, with the labels that each collection can vouch for.

    python -m benchmarks.edition_three.images ../shared/data OUT

Writes `OUT/pixels.npy` (uint8, [N, 288, 288], exposure normalised) and `OUT/table.npz`.
A label is 1, 0 or NaN. Studies of `iu/held_out_uids.txt` take no part.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import re
import tarfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from benchmarks.edition_one.nih import FRACTIONS
from benchmarks.labeller.tags import NOT_READ, tagged
from radscribe.data.splits import assign
from radscribe.imaging.exposure import normalise
from radscribe.imaging.reader import read
from radscribe.imaging.resize import resize
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import find
from radscribe.text.sentences import sentence_spans

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
FINDINGS = (*CHESTXRAY14, *EXTRA)
SIDE = 288  # pixels: 9/8 of the largest input
NAN = float("nan")
HYPERINFLATED = re.compile(
    r"hyper-?(?:inflat|expan|lucen|aerat|disten)|over-?(?:inflat|expan|aerat)|flatten", re.I
)
SCARRED = re.compile(r"scar|cicatri", re.I)
BOX_NAMES = {"Infiltrate": "Infiltration"}


@dataclass
class Row:
    """One image."""

    path: Path
    patient: str
    study: str
    split: str
    view: int  # 0 frontal, 1 lateral, -1 unknown
    collection: str
    labels: dict[str, float] = field(default_factory=dict)
    boxes: list[tuple[str, float, float, float, float]] = field(default_factory=list)
    sides: dict[str, tuple[float, float]] = field(default_factory=dict)  # patient's right, left
    zones: tuple[float, ...] | None = None  # right upper, middle, lower, left upper, middle, lower


def report_findings(text: str) -> tuple[set[str], set[str]]:
    """Findings that a report asserts, and those that it leaves open."""
    asserted: set[str] = set()
    unsure: set[str] = set()
    for mention in find(text):
        names = [mention.finding]
        if mention.finding == "Emphysema" and HYPERINFLATED.search(mention.text):
            names.append("Hyperinflation")
        if mention.finding in ("Fibrosis", "Pleural_Thickening") and SCARRED.search(mention.text):
            names.append("Scar")
        for name in names:
            if mention.status == "present":
                asserted.add(name)
            elif mention.status == "uncertain":
                unsure.add(name)
    return asserted, unsure - asserted


RIGHT, LEFT = (
    re.compile(r"\bright|\brll\b|\brul\b|\brml\b", re.I),
    re.compile(r"\bleft|\blll\b|\blul\b|lingula", re.I),
)
BOTH = re.compile(r"\bbilat|\bboth\b|\bbi-?(?:basilar|apical|basal)", re.I)


def report_sides(text: str) -> dict[str, tuple[float, float]]:
    """Patient's right and left of the findings that a report asserts and places; both 1 on both sides."""
    sides: dict[str, tuple[float, float]] = {}
    spans = list(sentence_spans(text, 0, len(text)))
    for mention in find(text):
        if mention.status != "present":
            continue
        for start, end in spans:
            if start <= mention.start < end:
                sentence = text[start:end]
                right, left = bool(RIGHT.search(sentence)), bool(LEFT.search(sentence))
                if BOTH.search(sentence) or (right and left):
                    right = left = True
                if right or left:
                    before = sides.get(mention.finding, (0.0, 0.0))
                    sides[mention.finding] = (max(before[0], float(right)), max(before[1], float(left)))
    return sides


def mesh_findings(headings: list[str]) -> set[str]:
    found = tagged(headings)
    if any(h.lower().startswith("lung/hyperdistention") or "hyperlucent" in h.lower() for h in headings):
        found.add("Hyperinflation")
    if any(h.lower().startswith("cicatrix") for h in headings):
        found.add("Scar")
    return found


def iu(data: Path) -> list[Row]:
    """Indiana University: R2Gen's test and validation studies stay what they are; all others train."""
    root = data / "iu"
    held_out = set((root / "held_out_uids.txt").read_text().split())
    part = {}
    for split, studies in json.loads((root / "annotation.json").read_text()).items():
        for study in studies:
            part[re.match(r"CXR(\d+)_", study["id"]).group(1)] = split
    headings: dict[str, list[str]] = {}
    with tarfile.open(root / "NLMCXR_reports.tgz") as archive:
        for member in archive:
            if member.name.endswith(".xml"):
                tree = ElementTree.parse(io.BytesIO(archive.extractfile(member).read())).getroot()
                headings[Path(member.name).stem] = [m.text or "" for m in tree.findall("./MeSH/major")]
    texts: dict[str, str] = {}
    with (root / "indiana_reports.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            texts[row["uid"]] = f"FINDINGS: {row['findings']}\n\nIMPRESSION: {row['impression']}"
    rows = []
    with (root / "indiana_projections.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            uid, name = row["uid"], row["filename"].removesuffix(".dcm.png")
            path = root / "images/images_normalized" / f"{name}.jpg"
            if uid in held_out or not path.exists() or uid not in texts:
                continue
            said, unsure = report_findings(texts[uid])
            tags = headings.get(uid, [])
            coded = mesh_findings(tags) if tags and tags[0] != NOT_READ else None
            split = part.get(uid, "train")
            labels = {}
            for finding in FINDINGS:
                in_text = 1.0 if finding in said else NAN if finding in unsure else 0.0
                if split == "test" or coded is None:
                    labels[finding] = in_text
                else:
                    in_tags = float(finding in coded)
                    labels[finding] = in_text if in_text == in_tags else NAN
            rows.append(
                Row(
                    path,
                    f"iu{uid}",
                    uid,
                    split,
                    int(row["projection"] == "Lateral"),
                    "iu",
                    labels,
                    sides=report_sides(texts[uid]) if row["projection"] != "Lateral" else {},
                )
            )
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


def spread(key: str) -> str:
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
            score = zones.get(row["image"])
            labels = {}
            if score is not None:
                opaque = float(sum(score) > 0)
                labels = {"Opacity": opaque}
                if opaque:
                    labels["Normal"] = 0.0
            elif row["finding"].strip().lower() in ("no finding", "normal"):
                labels = dict(normal)
            if "pneumothorax" in (row["clinical_notes"] or "").lower():
                labels.pop("Pneumothorax", None)
            view = 1 if row["view"].upper().startswith("L") else 0
            patient = f"covid{row['patient_id']}"
            rows.append(Row(path, patient, path.stem, spread(patient), view, "covid", labels, zones=score))
    for name in brixia_new:
        path = data / "covid/brixia/images" / name
        score = zones[name]
        labels = {"Opacity": float(sum(score) > 0)}
        rows.append(
            Row(path, f"brixia{path.stem}", path.stem, spread(path.stem), 0, "covid", labels, zones=score)
        )
    with (data / "covid_hannover/labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found = list((data / "covid_hannover/images").glob(f"{Path(row['image']).stem}.*"))
            if found:
                patient = f"hannover{row['patient_id']}"
                rows.append(Row(found[0], patient, found[0].stem, spread(patient), 0, "hannover", {}))
    return rows


def decode(path: Path) -> np.ndarray | None:
    try:
        small = resize(read(path).pixels, SIDE, SIDE)
    except Exception as error:  # a film that cannot be read takes no part
        print("left out", path, error)
        return None
    return np.rint(normalise(small) * 255).astype(np.uint8)


def teachers(data: Path, rows: list[Row]) -> tuple[np.ndarray, np.ndarray]:
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
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = [*iu(arguments.data), *nih(arguments.data), *others(arguments.data)]
    with ProcessPoolExecutor(2) as pool:
        decoded = list(pool.map(decode, [r.path for r in rows], chunksize=64))
    kept = [(r, p) for r, p in zip(rows, decoded, strict=True) if p is not None]
    rows = [r for r, _ in kept]
    np.save(arguments.out / "pixels.npy", np.stack([p for _, p in kept]))
    first, second = teachers(arguments.data, rows)
    np.savez(
        arguments.out / "table.npz",
        path=np.array([str(r.path.relative_to(arguments.data)) for r in rows]),
        patient=np.array([r.patient for r in rows]),
        study=np.array([r.study for r in rows]),
        split=np.array([r.split for r in rows]),
        view=np.array([r.view for r in rows]),
        collection=np.array([r.collection for r in rows]),
        findings=np.array(FINDINGS),
        labels=np.array([[r.labels.get(f, NAN) for f in FINDINGS] for r in rows], np.float32),
        sides=np.array([[r.sides.get(f, (NAN, NAN)) for f in FINDINGS] for r in rows], np.float32),
        boxes=np.array([json.dumps(r.boxes) for r in rows]),
        zones=np.array([r.zones or (NAN,) * 6 for r in rows], np.float32),
        teacher_iu=first,
        teacher_nih=second,
    )
    print(Counter((r.collection, r.split) for r in rows))


if __name__ == "__main__":
    main()

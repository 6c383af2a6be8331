"""Sources that make something: weak pairs and phantoms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.data.splits import Parts, unit_hash
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import UsageError
from radscribe.labels import CHESTXRAY14
from radscribe.phantom import draw, draw_pair
from radscribe.text.changes import changes
from radscribe.text.findings import label

Prepare = Callable[..., Outcome]
Write = Callable[..., Manifest]
PARTS: tuple[Split, ...] = ("train", "val", "test")


@pytest.fixture
def labelled(tmp_path: Path, manifest_of: Write) -> Path:
    """Thirty studies that have a mass, an effusion or nothing; the images are not there."""
    present: tuple[list[str], ...] = (["Mass"], ["Effusion"], [])
    manifest_of(
        *(
            Study(
                f"s{n:02}",
                (ImageRef(f"{n}.png"),),
                f"p{n}",
                labels={finding: float(finding in present[n % 3]) for finding in CHESTXRAY14},
                split=PARTS[n // 3 % 3],
            )
            for n in range(30)
        )
    )
    texts = (
        "There is a large mass. Heart size is normal.",
        "There is a small pleural effusion. The mediastinum is normal.",
        "The lungs are clear. No pneumothorax.",
    )
    rows = {
        part: [
            {"id": f"{part}{n}", "report": texts[n % 3] + f" Bones of {part} are intact.", "image_path": []}
            for n in range(60)
        ]
        for part in PARTS
    }
    (tmp_path / "annotation.json").write_text(json.dumps(rows))
    return tmp_path


def test_weak_pairs_say_the_labels_and_come_from_training_reports(labelled: Path, run: Prepare) -> None:
    settings = {"reports": str(labelled / "annotation.json")}
    outcome = run("weak-pairs", labelled, settings=settings, allow_missing=True)
    manifest = Manifest(outcome.manifest)
    for study in manifest:
        if study.split == "test":
            assert study.report is None
            continue
        assert study.report is not None
        assert study.report.normalised == ("weakly paired",)
        assert "of val" not in study.report.findings
        assert "of test" not in study.report.findings
        wanted = {finding for finding, value in study.labels.items() if value}
        said = {finding for finding, status in label(study.report.findings).items() if status == "present"}
        assert said & set(CHESTXRAY14) == wanted, study.report.findings
    assert outcome.summary.reports == {"train": 12, "val": 9, "test": 0}


def test_weak_pairs_depend_on_seed_and_study_alone(labelled: Path, run: Prepare, manifest_of: Write) -> None:
    settings = {"reports": str(labelled / "annotation.json")}

    def reports(seed: int) -> dict[str, str]:
        outcome = run("weak-pairs", labelled, settings=settings, allow_missing=True, parts=Parts(seed))
        return {study.id: study.report.findings for study in Manifest(outcome.manifest) if study.report}

    first = reports(0)
    assert reports(0) == first
    assert reports(1) != first
    manifest_of(*list(Manifest(labelled))[5:])
    assert reports(0).items() <= first.items()


def test_weak_pairs_keep_a_tenth_of_the_reports_for_validation(labelled: Path, run: Prepare) -> None:
    table = json.loads((labelled / "annotation.json").read_text())
    for row in table["train"]:
        held = unit_hash(row["id"]) < 0.1
        row["report"] = row["report"].replace("Bones of train are", f"{'Ribs' if held else 'Bones'} are")
    (labelled / "annotation.json").write_text(json.dumps(table))
    settings = {"reports": str(labelled / "annotation.json")}
    manifest = Manifest(run("weak-pairs", labelled, settings=settings, allow_missing=True).manifest)
    for study in manifest:
        if study.report:
            assert ("Ribs" if study.split == "train" else "Bones") not in study.report.findings


def test_weak_pairs_need_reports(labelled: Path, run: Prepare) -> None:
    with pytest.raises(UsageError, match="no reports are given; give --set reports="):
        run("weak-pairs", labelled)


def test_phantoms(run: Prepare, tmp_path: Path) -> None:
    settings = {"count": "6", "size": "128", "views": "both"}
    outcome = run("phantom", None, settings=settings, parts=Parts(2), check=True)
    manifest = Manifest(outcome.manifest)
    assert len(manifest) == 6
    study, drawn = manifest[3], draw(2_000_003, size=128)
    assert [image.view for image in study.images] == ["PA", "lateral"]
    assert study.labels == drawn.labels
    assert study.report is not None
    assert (study.report.findings, study.report.impression) == (drawn.findings_section, drawn.impression)
    with Image.open(manifest.root / study.images[0].path) as image:
        pixels = np.asarray(image, dtype=np.float32) / 255
    np.testing.assert_allclose(pixels, drawn.radiograph.pixels, atol=0.002)
    boxes = [box for study in manifest for image in study.images for box in image.boxes]
    present = sum(bool(value) for study in manifest for value in study.labels.values())
    assert present > 0
    assert len(boxes) == 2 * present
    for finding, box in zip(drawn.findings, study.images[0].boxes, strict=True):
        top, left, bottom, right = finding.box
        expected = [side / 128 for side in (left, top, right - left, bottom - top)]
        assert [box.x, box.y, box.width, box.height] == pytest.approx(expected)


def test_pairs_of_phantoms(run: Prepare) -> None:
    settings = {"count": "8", "size": "64", "pairs": "true", "findings": "Effusion Cardiomegaly"}
    outcome = run("phantom", None, settings=settings, parts=Parts(1), check=True)
    manifest = Manifest(outcome.manifest)
    assert len(manifest) == 16
    for before, after in zip(manifest[::2], manifest[1::2], strict=True):
        assert (before.prior, after.prior) == (None, before.id)
        assert (before.patient_id, before.split) == (after.patient_id, after.split)
        number = int(before.id.split("-")[1])
        drawn = draw_pair(1_000_000 + number, 64, ("Effusion", "Cardiomegaly"))
        assert (before.labels, after.labels) == (drawn.before.labels, drawn.after.labels)
        assert changes(after.text()) == {name: change for (name, _), change in drawn.changes.items()}
        assert not changes(before.text())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": "0"}, "Expected `int` >= 1"),
        ({"size": "8"}, "Expected `int` >= 64"),
        ({"views": "up"}, "Invalid enum"),
        ({"pairs": "yes", "views": "both"}, "pairs are drawn only in the PA view"),
        ({"pairs": "yes", "findings": "Effusion Edema"}, "does not draw 'Edema'"),
        ({"findings": "Effusion"}, "findings are chosen only for pairs"),
    ],
)
def test_phantoms_that_cannot_be_drawn(run: Prepare, settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run("phantom", None, settings=settings)

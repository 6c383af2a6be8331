"""R2Gen's annotation.json and the imagefolder layout: out and in again, and a manifest from a manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from radscribe.data.manifest import Manifest
from radscribe.data.prepare import Outcome
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError
from radscribe.text.report import Report

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]
Write = Callable[..., Manifest]


@pytest.fixture
def studies(tmp_path: Path, picture: Picture) -> list[Study]:
    """Studies of all kinds, with their pictures."""
    members = [
        Study("a", (ImageRef("x/a0.png", "PA", 96, 80), ImageRef("x/a1.png", "lateral", 96, 80)), "p1",
              Report("why", "none", "Clear “lungs”.", "Normal."), {"Mass": 0.0, "Edema": None}, "train"),
        Study("b", (ImageRef("b.png", "AP", 96, 80),), "p2", Report(findings="Effusion."), {}, "val"),
        Study("c", (ImageRef("c.png", "unknown", 96, 80),), "p3", None, {"Mass": 1.0}, "test"),
        Study("d", (ImageRef("d.png", "unknown", 96, 80),), "p4", Report(findings="Of no part.")),
    ]  # fmt: skip
    for seed, image in enumerate(image for study in members for image in study.images):
        picture(tmp_path / image.path, seed)
    return members


def test_annotation_json_out_and_in(
    studies: list[Study], tmp_path: Path, manifest_of: Write, run: Prepare
) -> None:
    manifest_of(*studies)
    outcome = run("manifest", tmp_path, also=("r2gen",))
    assert outcome.notes[-2:] == [
        "wrote 2 studies to annotation.json",
        "  left out: 2 studies without findings or in no part",
    ]
    annotation = tmp_path / "out" / "annotation.json"
    table = json.loads(annotation.read_text(encoding="utf-8"))
    assert list(table) == ["train", "val", "test"]
    assert table["train"] == [
        {"id": "a", "report": "Clear “lungs”.", "image_path": ["x/a0.png", "x/a1.png"], "split": "train",
         "subject_id": "p1"}
    ]  # fmt: skip
    assert table["test"] == []
    annotation.rename(tmp_path / "annotation.json")
    back = Manifest(run("r2gen", tmp_path).manifest)
    assert [(s.id, s.patient_id, s.split, [i.path for i in s.images], s.report) for s in back] == [
        ("a", "p1", "train", ["x/a0.png", "x/a1.png"], Report(findings="Clear “lungs”.")),
        ("b", "p2", "val", ["b.png"], Report(findings="Effusion.")),
    ]


def test_mimics_annotation_has_numbers_for_ids_and_images_in_their_folder(
    tmp_path: Path, picture: Picture, run: Prepare
) -> None:
    src = tmp_path / "mimic"
    picture(src / "images" / "p10" / "x.jpg", 1)
    row = {
        "id": "02aa804e", "study_id": 50414267, "subject_id": 10000032, "report": "Clear.",
        "image_path": ["p10/x.jpg"], "split": "train",
    }  # fmt: skip
    (src / "annotation.json").write_text(json.dumps({"train": [row], "val": [], "test": []}))
    manifest = Manifest(run("r2gen", src).manifest)
    assert (manifest[0].id, manifest[0].patient_id) == ("02aa804e", "10000032")
    assert (manifest.root / manifest[0].images[0].path).is_file()
    assert manifest.header.source == "MIMIC-CXR (R2Gen)"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"train": [{"id": "a"}]}',
        '{"train": [{"id": "a", "report": 5, "image_path": []}]}',
        '{"dev": []}',
    ],
)
def test_what_is_no_annotation_says_so(tmp_path: Path, run: Prepare, content: str) -> None:
    (tmp_path / "annotation.json").write_text(content)
    with pytest.raises(DataError, match=r"annotation.json: (is not an annotation.json|has a part 'dev')"):
        run("r2gen", tmp_path)


def test_imagefolder_out_and_in(
    studies: list[Study], tmp_path: Path, manifest_of: Write, run: Prepare
) -> None:
    manifest_of(*studies)
    outcome = run("manifest", tmp_path, also=("imagefolder",))
    out = tmp_path / "out"
    assert outcome.notes[-2:] == [
        "wrote 4 images to train/, validation/ and test/",
        "  left out: 1 images that are missing or in no part",
    ]
    lines = [json.loads(line) for line in (out / "train" / "metadata.jsonl").read_text().splitlines()]
    assert [line["file_name"] for line in lines] == ["x/a0.png", "x/a1.png"]
    assert all((out / "train" / line["file_name"]).is_file() for line in lines)
    (out / "manifest.jsonl").unlink()
    back = Manifest(run("imagefolder", out).manifest)
    folders = {"train": "train", "val": "validation", "test": "test"}
    expected = [
        replace(s, images=tuple(replace(i, path=f"{folders[str(s.split)]}/{i.path}") for i in s.images))
        for s in studies[:3]
    ]
    assert list(back) == expected


def test_an_imagefolder_of_the_hub(tmp_path: Path, picture: Picture, run: Prepare) -> None:
    src = tmp_path / "hub"
    picture(src / "one.png", 1)
    picture(src / "two.png", 2)
    (src / "metadata.csv").write_text("file_name,caption\none.png,Clear.\ntwo.png,Not clear.\n")
    one, two = Manifest(run("imagefolder", src, settings={"text": "caption"}).manifest)
    assert (one.id, one.report, two.report) == (
        "one",
        Report(findings="Clear."),
        Report(findings="Not clear."),
    )
    assert one.split is not None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"file_name": "a.png"}\n{"file_name"\n', "record 2: "),
        ('{"name": "a.png"}\n', "record 1: Object missing required field `file_name`"),
        ('{"file_name": "../../a.png"}\n', "is not below the folder"),
        ('{"file_name": "/etc/passwd"}\n', "is not below the folder"),
    ],
)
def test_a_broken_imagefolder_is_named(tmp_path: Path, run: Prepare, content: str, message: str) -> None:
    (tmp_path / "metadata.jsonl").write_text(content)
    with pytest.raises(DataError, match=message):
        run("imagefolder", tmp_path, allow_missing=True)
    (tmp_path / "metadata.jsonl").unlink()
    with pytest.raises(DataError, match=r"metadata.jsonl is missing"):
        run("imagefolder", tmp_path)


def test_a_manifest_is_kept_as_it_is_or_split_again(
    studies: list[Study], tmp_path: Path, manifest_of: Write, run: Prepare
) -> None:
    manifest_of(*studies, Study("e", ()))
    kept = Manifest(run("manifest", tmp_path).manifest)
    assert list(kept) == [*studies, Study("e", ())]
    assert kept.root.resolve() == tmp_path.resolve()
    parted = Manifest(run("manifest", tmp_path, settings={"resplit": "yes"}).manifest)
    assert [study.split is None for study in parted] == [False] * 4 + [True]


def test_missing_values_of_an_imagefolder(tmp_path: Path, run: Prepare, picture: Picture) -> None:
    picture(tmp_path / "a.png", 1)
    (tmp_path / "metadata.csv").write_text("file_name,patient_id,view,findings\na.png,nan,NA,None\n")
    study = Manifest(run("imagefolder", tmp_path).manifest)[0]
    assert (study.patient_id, study.images[0].view, study.report) == (None, "unknown", None)

"""Tar files of the WebDataset layout: what is in them, and reading single images out of them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from radscribe import phantom
from radscribe.cli.main import radscribe as command_line
from radscribe.data import webdataset
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef, Study
from radscribe.errors import ImageError
from radscribe.text.report import Report


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two studies whose ids come to the same key, one of them with two images, and one in no part."""
    for name in ("a.png", "b.png", "c.png"):
        phantom.save(phantom.draw(ord(name[0]), size=64), tmp_path / name)
    studies = [
        Study("s.1", (ImageRef("a.png", "PA"), ImageRef("b.png", "lateral")), "p", split="train"),
        Study(
            "s/1", (ImageRef("c.png", "AP"),), labels={"Mass": 1.0}, report=Report("Clear."), split="train"
        ),
        Study("out", (ImageRef("a.png"),)),
        Study("gone", (ImageRef("absent.png", missing=True),), split="val"),
    ]
    write(tmp_path, Header(1, "mine", licence="CC0"), studies)
    return tmp_path


def test_images_keep_their_bytes_and_studies_what_is_known_of_them(data: Path) -> None:
    assert webdataset.export(Manifest(data), data / "tars") == (3, 2)
    manifest = Manifest(data / "tars")
    assert manifest.header.licence == "CC0"
    before = {study.id: study for study in Manifest(data)}
    for study in manifest:
        assert study.labels == before[study.id].labels
        assert study.report == before[study.id].report
        for old, new in zip(before[study.id].images, study.images, strict=True):
            assert old.view == new.view
            assert webdataset.source(manifest.root / new.path) == (data / old.path).read_bytes()
            assert webdataset.tar_of(new.path) == "train-00000.tar"
    with tarfile.open(data / "tars" / "train-00000.tar") as tar:
        names = tar.getnames()
        assert len(set(names)) == 6
        assert all(name.count(".") == 1 and "/" not in name for name in names)
        texts = [file.read() for name in names if name[-5:] == ".json" and (file := tar.extractfile(name))]
    about = {(one["study_id"], one["view"]) for one in map(json.loads, texts)}
    assert about == {("s.1", "PA"), ("s.1", "lateral"), ("s/1", "AP")}


def test_the_same_dataset_makes_the_same_tar_files(data: Path) -> None:
    for out in ("one", "two"):
        webdataset.export(Manifest(data), data / out, size=1)
    names = sorted(path.name for path in (data / "one").iterdir())
    assert names == ["manifest.jsonl", "train-00000.tar", "train-00001.tar", "train-00002.tar"]
    for name in names:
        assert (data / "one" / name).read_bytes() == (data / "two" / name).read_bytes()


def test_what_is_wrong_with_a_tar_file_is_told(data: Path) -> None:
    webdataset.export(Manifest(data), data / "tars")
    tar = data / "tars" / "train-00000.tar"
    with pytest.raises(ImageError, match=r"nothing\.png: has no such image; write the tar files again"):
        webdataset.source(tar / "nothing.png")
    with pytest.raises(ImageError, match="the tar file is missing or damaged"):
        webdataset.source(data / "tars" / "train-00009.tar" / "x.png")
    assert webdataset.source(data / "a.png") == data / "a.png"


def test_prepare_writes_them(tmp_path: Path) -> None:
    line = ["prepare", "phantom", "--out", str(tmp_path), "--set", "count=5", "--set", "size=64"]
    result = CliRunner().invoke(command_line, [*line, "--also", "webdataset"], standalone_mode=False)
    assert result.exception is None
    assert "wrote 5 images to webdataset/" in result.stderr
    assert len(Manifest(tmp_path / "webdataset")) == 5

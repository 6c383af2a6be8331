"""Folders of evidence: what is in them, and that nothing leaves them."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import radscribe
from radscribe.errors import OutputError, UsageError
from radscribe.inference.caption import Caption, Token
from radscribe.inference.confidence import asserted
from radscribe.inference.evidence import ImageEvidence
from radscribe.inference.evidence.write import safe_name, shown, write
from tests.inference.evidence.bundles import FINDINGS, picture


def caption_of(name: str) -> Caption:
    """A caption of two words, of one image of 2 x 2 cells."""
    image = ImageEvidence(
        "../a.png", "PA", 30, 20, {f: np.zeros((2, 2), np.float32) for f in FINDINGS},
        np.full((2, 2, 2), 0.25, np.float32), 0.25, "cam", "attention", np.zeros((30, 20), np.uint8),
    )  # fmt: skip
    return Caption(
        name,
        ("../a.png",),
        "bundle@1",
        text="A mass.",
        tokens=(Token("a", -1, 0, 1), Token("mass", -1, 2, 6, "Mass", "present"), Token(".", -1, 6, 7)),
        findings={"Mass": 0.3, "Pleural_Thickening": 0.1},
        evidence=(image,),
    )


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/tmp/a b/", "..", "a\\..\\b", "", "x" * 300, "\udcff\n.png"]
)
def test_a_study_stays_within_the_folder(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = write(caption_of(name), out, 0.5)
    assert folder.parent == out
    assert {p.parent for p in tmp_path.rglob("*") if p.is_file()} == {folder}
    assert safe_name(name) == folder.name
    assert len(folder.name) < 80


def test_studies_of_one_name_in_two_folders_are_two() -> None:
    assert safe_name("a/x.png") != safe_name("b/x.png")


def test_what_is_asserted_or_likely_gets_a_picture(tmp_path: Path) -> None:
    caption = caption_of("x")
    assert shown(caption, 0.5) == ["Mass"]  # asserted, though unlikely
    assert shown(caption, 0.1) == ["Mass", "Pleural_Thickening"]
    assert shown(caption, 0.5, "all") == ["Mass", "Pleural_Thickening"]
    both = Caption("x", (), "b", text="A mass. No mass.", findings={"Nodule": 0.3, "Mass": 0.1})
    assert shown(both, 0.5) == [*asserted(both)]  # the labeller's word, as for confidence
    silent = Caption("x", (), "b", text="Clear.", findings={"A": 0.1, "B": 0.2})
    assert shown(silent, 0.5) == ["B"]
    folder = write(caption, tmp_path, 0.5)
    assert {p.name for p in folder.iterdir()} == {"1-Mass.png", "1-words.png", "evidence.json"}
    content = json.loads((folder / "evidence.json").read_text())
    assert content["pictures"] == [
        {"picture": "1-Mass.png", "image": "../a.png", "finding": "Mass"},
        {"picture": "1-words.png", "image": "../a.png"},
    ]
    assert "not for diagnosis" in content["disclaimer"]
    for entry in content["pictures"]:
        with Image.open(folder / entry["picture"]) as image:
            assert image.format == "PNG"
            assert image.mode == "RGB"


def test_pictures_of_an_earlier_caption_go(tmp_path: Path) -> None:
    folder = write(caption_of("x"), tmp_path, 0.0)
    assert (folder / "1-Pleural_Thickening.png").exists()
    write(caption_of("x"), tmp_path, 0.5)
    assert not (folder / "1-Pleural_Thickening.png").exists()


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (outside / "kept").write_text("kept")
    (out / safe_name("x")).symlink_to(outside)
    with pytest.raises(UsageError, match="is a link"):
        write(caption_of("x"), out, 0.5)
    folder = write(caption_of("y"), out, 0.5)
    (folder / "evidence.json").unlink()
    (folder / "evidence.json").symlink_to(outside / "kept")
    write(caption_of("y"), out, 0.5)
    assert [p.name for p in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text() == "kept"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        write(caption_of("x"), tmp_path / "file", 0.5)


def test_a_full_disk_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write(caption_of("x"), tmp_path / "new" / "out", 0.5)
    assert list(tmp_path.iterdir()) == []


def test_json_has_the_arrays_of_each_image(attending_bundle: Path) -> None:
    captioner = radscribe.load(attending_bundle)
    assert captioner.spec.decoder.operating_point == 0.5
    caption = captioner.caption([picture(1), picture(2, "lateral")], force=True, evidence=True)
    value = json.loads(json.dumps(caption.to_dict()))
    assert [image["file"] for image in value["evidence"]] == ["1.png", "2.png"]
    for image, mine in zip(value["evidence"], caption.evidence, strict=True):
        assert set(image) == {
            *("file", "view", "height", "width", "findings", "findings_from", "words", "words_from"),
        }
        assert np.shape(image["words"]) == (len(value["tokens"]), 2, 2)
        for finding in FINDINGS:
            cells = np.array(image["findings"][finding])
            np.testing.assert_allclose(cells, mine.findings[finding], atol=1e-5)
            assert ((cells >= 0) & (cells <= 1)).all()

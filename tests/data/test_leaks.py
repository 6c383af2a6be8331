"""The leak check: what is planted in two parts is found and named; what is not there is not found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from radscribe.data.leaks import check_leaks, drop_leaks
from radscribe.data.manifest import FILE, Manifest
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import DataError, LeakError

Picture = Callable[..., Path]
Write = Callable[..., Manifest]
PARTS: tuple[Split, ...] = ("train", "val", "test")


def study(name: str, split: Split | None, patient: str | None = None, *paths: str) -> Study:
    return Study(name, tuple(ImageRef(path) for path in paths or (f"{name}.png",)), patient, split=split)


@pytest.fixture
def clean(tmp_path: Path, picture: Picture) -> list[Study]:
    """Nine studies with pictures of their own, three a part."""
    studies = [study(f"s{n}", PARTS[n % 3], f"p{n}") for n in range(9)]
    for number, member in enumerate(studies):
        picture(tmp_path / member.images[0].path, number)
    return studies


def test_nothing_is_found_where_nothing_leaks(clean: list[Study], manifest_of: Write) -> None:
    same_part = study("s9", "train", "p0", "s0.png")  # a patient may have many studies, all in one part
    no_part = study("s10", None, "p1", "s1.png")
    report = check_leaks(manifest_of(*clean, same_part, no_part))
    assert (report.leaks, report.images, report.unreadable) == ((), 10, 0)
    report.require_none()


def test_a_planted_patient(clean: list[Study], manifest_of: Write) -> None:
    report = check_leaks(manifest_of(*clean, study("planted", "test", "p0", "other.png")))
    assert [str(leak) for leak in report.leaks] == ["patient p0: test planted, train s0"]
    with pytest.raises(LeakError) as caught:
        report.require_none()
    assert "parts overlap: 1 patient (patient p0: test planted, train s0)" in str(caught.value)
    assert str(caught.value).endswith("prepare it again with --drop-leaks --overwrite, or correct the split")


def test_a_planted_study(clean: list[Study], tmp_path: Path, manifest_of: Write) -> None:
    manifest_of(*clean)
    planted = {"id": "s0", "images": [{"path": "elsewhere.png"}], "split": "val"}
    with (tmp_path / FILE).open("a") as file:  # `write` refuses it; an editor does not
        file.write(json.dumps(planted) + "\n")
    report = check_leaks(Manifest(tmp_path))
    assert [str(leak) for leak in report.leaks] == ["study s0: train s0, val s0"]


@pytest.mark.parametrize("how", ["same bytes", "JPEG", "half the size", "RGB"])
def test_a_planted_image_under_another_name(
    clean: list[Study], tmp_path: Path, manifest_of: Write, how: str
) -> None:
    source, planted = tmp_path / "s0.png", tmp_path / "copy" / ("x.jpg" if how == "JPEG" else "x.png")
    planted.parent.mkdir()
    with Image.open(source) as image:
        if how == "same bytes":
            planted.write_bytes(source.read_bytes())
        elif how == "half the size":
            image.resize((image.width // 2, image.height // 2)).save(planted)
        else:
            image.convert("RGB" if how == "RGB" else "L").save(planted)
    path = f"copy/{planted.name}"
    report = check_leaks(manifest_of(*clean, study("planted", "test", "p99", path)))
    assert [str(leak) for leak in report.leaks] == [f"image: test planted ({path}), train s0 (s0.png)"]
    assert report.images == 10


def test_an_image_that_is_named_in_two_parts_is_found_without_its_file(manifest_of: Write) -> None:
    manifest = manifest_of(study("a", "train", "p", "x.png"), study("b", "val", "q", "x.png"))
    report = check_leaks(manifest)
    assert [str(leak) for leak in report.leaks] == ["image x.png: train a, val b"]
    assert (report.images, report.unreadable) == (0, 2)
    assert check_leaks(manifest, images=False).leaks == report.leaks


def test_an_image_named_in_two_parts_is_told_once(clean: list[Study], manifest_of: Write) -> None:
    report = check_leaks(manifest_of(*clean, study("t", "test", "p99", "s0.png")))
    assert [str(leak) for leak in report.leaks] == ["image s0.png: train s0, test t"]


def test_images_are_read_only_when_asked_for_and_only_once(
    clean: list[Study], tmp_path: Path, manifest_of: Write
) -> None:
    manifest = manifest_of(*clean)
    assert check_leaks(manifest, images=False).images == 0
    assert not (tmp_path / "hashes.npz").exists()
    assert check_leaks(manifest).images == 9
    written = (tmp_path / "hashes.npz").stat().st_mtime_ns
    assert check_leaks(manifest).images == 9
    assert (tmp_path / "hashes.npz").stat().st_mtime_ns == written


def test_missing_images_are_counted_and_not_an_error(
    clean: list[Study], tmp_path: Path, manifest_of: Write
) -> None:
    (tmp_path / "s4.png").unlink()
    report = check_leaks(manifest_of(*clean))
    assert (report.leaks, report.images, report.unreadable) == ((), 8, 1)


def test_an_error_lists_the_first_and_counts_the_rest(manifest_of: Write) -> None:
    planted = [study(f"{part}{n}", part, f"p{n}") for n in range(5) for part in ("train", "test")]
    report = check_leaks(manifest_of(*planted))
    assert len(report.of("patient")) == 5
    with pytest.raises(LeakError, match=r"parts overlap: 5 patients \(.*; and 2 more\)"):
        report.require_none()


def test_an_id_that_stands_twice_in_one_part_is_a_data_error(tmp_path: Path, manifest_of: Write) -> None:
    manifest_of(study("a", "train"))
    with (tmp_path / FILE).open("a") as file:
        file.write('{"id": "a", "images": [{"path": "b.png"}], "split": "train"}\n')
    with pytest.raises(DataError, match="line 3: has the id of an earlier line"):
        check_leaks(Manifest(tmp_path))


def test_what_leaks_leaves_the_part_that_is_learned_from(
    clean: list[Study], tmp_path: Path, manifest_of: Write
) -> None:
    (tmp_path / "copy.png").write_bytes((tmp_path / "s0.png").read_bytes())
    planted = [study("v", "val", "p2", "v.png"), study("t", "test", "p99", "copy.png")]
    manifest = manifest_of(*clean, *planted)
    assert drop_leaks(manifest, check_leaks(manifest)) == 2
    after = Manifest(tmp_path)
    assert [member.id for member in after if member.split is None] == ["s0", "v"]
    assert len(after) == 11
    check_leaks(after).require_none()


def test_a_prior_in_another_part_is_a_leak(clean: list[Study], manifest_of: Write) -> None:
    later = replace(study("later", "test", "p0"), prior="s0")
    no_part = replace(study("old", None, "p1"), prior="s1")
    report = check_leaks(manifest_of(*clean, later, no_part), images=False)
    assert [str(leak) for leak in report.leaks] == [
        "patient p0: test later, train s0",
        "prior s0: train s0, test later",
    ]
    with pytest.raises(LeakError, match=r"1 prior \(prior s0"):
        report.require_none()

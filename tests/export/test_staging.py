"""A bundle is put in its place whole, or not at all; sections of its card are replaced alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from radscribe.bundle.format import CARD, WEIGHTS, locate, read, sha256, write
from radscribe.errors import OutputError, UsageError
from radscribe.export.finish import set_section, with_section
from radscribe.export.staging import copy, staged


def test_a_block_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out) as stage:
        (stage / "bundle.json").write_text("first")

    def fails() -> None:
        with staged(out, overwrite=True) as stage:
            (stage / "bundle.json").write_text("second")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "bundle.json").read_text() == "first"


@pytest.mark.parametrize("name", ["file", "file/within"])
def test_a_place_where_no_folder_can_be_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="is a file"), staged(tmp_path / name):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", [".", "..", "within/.."])
def test_a_place_is_known_by_its_own_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "outer" / "inner"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    with staged(Path(name), overwrite=True) as stage:
        (stage / "bundle.json").write_text("first")
    assert stage.name == Path(name).resolve().name
    assert (Path(name).resolve() / "bundle.json").read_text() == "first"


def test_a_folder_in_a_files_place_is_told_before_anything_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out" / "b").mkdir(parents=True)

    def put() -> None:
        with staged(tmp_path / "out", overwrite=True) as stage:
            (stage / "a").write_text("new")
            (stage / "b").write_text("new")

    with pytest.raises(UsageError, match="is a folder"):
        put()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]


def test_what_the_bundle_before_had_and_this_one_has_not_goes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out) as stage:
        spec = copy(locate(None), stage, "first")
        (stage / WEIGHTS).write_bytes(b"weights")
        files = {**spec.files, WEIGHTS: sha256(stage / WEIGHTS)}
        write(stage, msgspec.structs.replace(spec, files=files))
    (out / "notes.txt").write_text("somebody's own")
    with pytest.raises(UsageError, match="already exists"), staged(out):
        pass
    with staged(out, overwrite=True) as stage:
        copy(out, stage, "second", weights=False)
    assert read(out).name == "second"
    assert {path.name for path in out.iterdir()} == {*spec.files, "bundle.json", "notes.txt"}


def test_a_bundle_under_another_name(tmp_path: Path) -> None:
    source = locate(None)
    card = tmp_path / "card.md"
    card.write_text("# another card\n")
    (tmp_path / "out").mkdir()
    spec = copy(source, tmp_path / "out", "another", card)
    assert read(tmp_path / "out") == spec
    assert spec.name == "another"
    assert (tmp_path / "out" / CARD).read_text() == "# another card\n"
    changed = {name for name, digest in read(source).files.items() if spec.files[name] != digest}
    assert changed == {CARD}


def test_a_bundle_without_its_weights(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "with", "without")]
    for folder in folders:
        folder.mkdir()
    first, kept, left = folders
    spec = copy(locate(None), first, "first")
    (first / WEIGHTS).write_bytes(b"weights")
    write(first, msgspec.structs.replace(spec, files={**spec.files, WEIGHTS: sha256(first / WEIGHTS)}))
    assert WEIGHTS in copy(first, kept, "with").files
    assert copy(first, left, "without", weights=False).files == spec.files
    assert not (left / WEIGHTS).exists()
    (first / WEIGHTS).unlink()  # listed still, as in what is fetched from the Hub
    (tmp_path / "fetched").mkdir()
    assert copy(first, tmp_path / "fetched", "fetched").files == spec.files


CARD_TEXT = "# name\n\nfirst\n\n## Precision\n\nold\n\n### within\n\nold too\n\n## Last\n\nkept\n"


def test_a_section_takes_the_place_of_the_one_before() -> None:
    assert (
        with_section(CARD_TEXT, "Precision", "new")
        == "# name\n\nfirst\n\n## Precision\n\nnew\n\n## Last\n\nkept\n"
    )
    assert with_section(CARD_TEXT, "Last", "new").endswith("## Last\n\nnew\n")
    assert with_section(CARD_TEXT, "Confidence", "new") == CARD_TEXT + "\n## Confidence\n\nnew\n"
    once = with_section(CARD_TEXT, "Confidence", "new")
    assert with_section(once, "Confidence", "new") == once


def test_a_card_with_a_section_is_still_the_bundles(tmp_path: Path) -> None:
    copy(locate(None), tmp_path, "any")
    set_section(tmp_path, "Confidence", "said")
    read(tmp_path)
    assert "## Confidence\n\nsaid\n" in (tmp_path / CARD).read_text()

"""The manifest: what is written is read, whole, in order; a line that breaks a rule is named."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from radscribe.data.manifest import FILE, Header, Manifest, write
from radscribe.data.prepare import Request, prepare
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError
from radscribe.text.report import Report

HEADER = Header(1, "test", "CC0", "nobody")
STUDIES = [
    Study(
        "b",
        (ImageRef("x/b.png", "PA", 10, 12),),
        "p2",
        Report(findings="Clear “lungs”."),
        {"Mass": 1.0},
        "val",
    ),
    Study("a", (ImageRef("a1.png"), ImageRef("a2.png", "lateral")), None, None, {"Mass": None}, "train"),
    Study("c", (), report=Report("why", "none", "what", "so", ("rule",))),
    Study("d", (ImageRef("d.png"),), "p2", split="train"),
]


def test_what_is_written_is_read_in_the_order_of_ids(tmp_path: Path) -> None:
    assert write(tmp_path, HEADER, STUDIES) == 4
    manifest = Manifest(tmp_path)
    assert manifest.header == HEADER
    assert list(manifest) == sorted(STUDIES, key=lambda study: study.id)
    assert [manifest[i] for i in range(4)] == list(manifest)
    assert manifest[-1] == STUDIES[3]
    assert manifest[1:3] == [STUDIES[0], STUDIES[2]]
    with pytest.raises(IndexError):
        manifest[4]


def test_the_bytes_do_not_depend_on_the_order_of_reading(tmp_path: Path) -> None:
    write(tmp_path, HEADER, STUDIES)
    once = (tmp_path / FILE).read_bytes()
    write(tmp_path, HEADER, reversed(STUDIES))
    assert (tmp_path / FILE).read_bytes() == once


def test_a_part_is_lazy_and_a_sequence(tmp_path: Path) -> None:
    write(tmp_path, HEADER, STUDIES)
    part = Manifest(tmp_path).split("train")
    assert (len(part), [study.id for study in part], part[1].id, part[-2].id) == (2, ["a", "d"], "d", "a")
    with pytest.raises(DataError, match="no study in its test part"):
        Manifest(tmp_path).split("test")


def test_it_goes_to_worker_processes(tmp_path: Path) -> None:
    write(tmp_path, HEADER, STUDIES)
    manifest = pickle.loads(pickle.dumps(Manifest(tmp_path)))
    assert manifest[0].id == "a"
    assert pickle.loads(pickle.dumps(manifest.split("val")))[0].id == "b"


LINES: dict[str, tuple[str | bytes, str]] = {
    "broken JSON": ('{"id": "x"', "line 3: Input data was truncated"),
    "another kind": ('{"id": 5}', "line 3: Expected `str`, got `int` - at `$.id`"),
    "no id": ('{"images": []}', "line 3: Object missing required field `id`"),
    "empty id": ('{"id": " "}', "line 3: has no id"),
    "empty patient": ('{"id": "x", "patient_id": ""}', "empty patient_id"),
    "unknown part": ('{"id": "x", "split": "dev"}', "line 3: Invalid enum value 'dev' - at `$.split`"),
    "part without image": ('{"id": "x", "split": "train"}', "line 3: study 'x' has no image"),
    "unknown key": ('{"id": "x", "spilt": "train"}', "line 3: Object contains unknown field `spilt`"),
    "unknown view": (
        '{"id": "x", "images": [{"path": "a", "view": "up"}]}',
        "line 3: Invalid enum value 'up'",
    ),
    "path upwards": ('{"id": "x", "images": [{"path": "a/../../b.png"}]}', "is not a plain path"),
    "path of Windows": ('{"id": "x", "images": [{"path": "a\\\\b.png"}]}', "is not a plain path"),
    "null byte": ('{"id": "x", "images": [{"path": "a\\u0000.png"}]}', "is not a plain path"),
    "empty path": ('{"id": "x", "images": [{"path": ""}]}', "is not a plain path"),
    "box outside": (
        '{"id": "x", "images": [{"path": "a", "boxes": [{"finding": "Mass", "x": 0.9, "y": 0, "width": 0.2, '
        '"height": 0.1}]}]}',
        "has a box that is not inside it",
    ),
    "zone": ('{"id": "x", "images": [{"path": "a", "zones": {"middle": 1}}]}', "has zone middle = 1"),
    "score": (
        '{"id": "x", "images": [{"path": "a", "zones": {"left_upper": 4}}]}',
        "left_upper = 4",
    ),
    "image twice": ('{"id": "x", "images": [{"path": "a"}, {"path": "a"}]}', "names an image twice"),
    "half a size": ('{"id": "x", "images": [{"path": "a", "width": 5}]}', "no sensible width"),
    "no size": ('{"id": "x", "images": [{"path": "a", "width": 0, "height": 5}]}', "no sensible width"),
    "label": ('{"id": "x", "labels": {"Mass": 0.5}}', "line 3: label Mass is 0.5, not 1"),
    "not UTF-8": (b'{"id": "\xff"}', "line 3: "),
}


@pytest.mark.parametrize("name", LINES)
def test_the_line_that_breaks_a_rule_is_named(tmp_path: Path, name: str) -> None:
    line, message = LINES[name]
    line = line if isinstance(line, bytes) else line.encode()
    (tmp_path / FILE).write_bytes(
        b'{"radscribe_manifest":1,"source":"t"}\n{"id":"a"}\n' + line + b'\n{"id":"z"}\n'
    )
    manifest = Manifest(tmp_path)
    assert (len(manifest), manifest[0].id, manifest[2].id) == (3, "a", "z")
    for reading in (lambda: manifest[1], lambda: list(manifest), manifest.validate):
        with pytest.raises(DataError, match="line 3") as caught:
            reading()
        assert message in str(caught.value)
        assert str(tmp_path / FILE) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"radscribe_manifest":1,"source":"t"}\n\n{"id":"a"}\n\n\n{"id":""}\n')
    with pytest.raises(DataError, match="line 6: has no id"):
        Manifest(tmp_path)[1]


def test_an_id_that_stands_twice_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        '{"radscribe_manifest":1,"source":"t"}\n{"id":"a"}\n{"id":"b"}\n{"id":"a"}\n'
    )
    with pytest.raises(DataError, match="line 4: has the id of an earlier line"):
        Manifest(tmp_path).validate()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: is not the header of a manifest"),
        ('{"id": "a"}\n', "line 1: is not the header of a manifest"),
        ("\x80\x04\n", "line 1: is not the header of a manifest"),
        (json.dumps({"radscribe_manifest": 2, "source": "x"}), "is of manifest version 2, not 1"),
        (json.dumps({"radscribe_manifest": 1, "source": "x", "root": "a\0b"}), "line 1: root is not a path"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=message):
        Manifest(tmp_path)
    with pytest.raises(DataError, match="cannot be opened"):
        Manifest(tmp_path / "elsewhere")


def _failing() -> Iterator[Study]:
    yield STUDIES[0]
    raise DataError("the disk is full")


@pytest.mark.parametrize("bad", ["failing", "twice", "rule"])
def test_half_a_manifest_is_never_written(tmp_path: Path, bad: str) -> None:
    write(tmp_path, HEADER, STUDIES[:1])
    before = (tmp_path / FILE).read_bytes()
    studies = {
        "failing": _failing(),
        "twice": iter([STUDIES[0], STUDIES[0]]),
        "rule": iter([Study("x", (ImageRef("../x.png"),))]),
    }
    with pytest.raises(DataError):
        write(tmp_path, HEADER, studies[bad])
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_an_empty_source_does_not_take_an_earlier_manifest_away(tmp_path: Path) -> None:
    write(tmp_path, HEADER, STUDIES)
    before = (tmp_path / FILE).read_bytes()
    (tmp_path / "empty.csv").write_text("image,text\n")
    with pytest.raises(DataError, match="holds no study"):
        prepare(Request("table", tmp_path / "empty.csv", tmp_path, overwrite=True))
    assert (tmp_path / FILE).read_bytes() == before


def test_a_study_knows_where_its_images_are(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    write(tmp_path / "made", Header(1, "test", root="../pictures"), STUDIES)
    manifest = Manifest(tmp_path / "made")
    expected = tmp_path / "made" / ".." / "pictures" / "x" / "b.png"
    assert manifest[1].files == (expected,)
    assert manifest.split("val")[0].files == (expected,)
    assert STUDIES[0].files == (Path("x/b.png"),)


def test_a_prior_is_read_with_its_study(tmp_path: Path) -> None:
    later = Study("e", (ImageRef("e.png"),), "p2", split="train", prior="d")
    write(tmp_path, HEADER, [*STUDIES, later])
    manifest = pickle.loads(pickle.dumps(Manifest(tmp_path)))
    assert manifest[-1] == later
    assert (manifest[-1].earlier, manifest[0].earlier) == (STUDIES[3], None)
    assert [study.earlier and study.earlier.id for study in manifest.split("train")] == [None, None, "d"]


@pytest.mark.parametrize(
    ("prior", "rule"),
    [
        ("z", "line 6: study 'e' has the prior 'z', which is not in the manifest"),
        ("a", "line 6: study 'e' has the prior 'a', which is of another patient"),
        ("e", "line 6: study 'e' has the prior 'e': name an earlier study"),
    ],
)
def test_a_prior_that_cannot_be_one_names_the_line(tmp_path: Path, prior: str, rule: str) -> None:
    write(tmp_path, HEADER, STUDIES)
    with (tmp_path / FILE).open("a") as file:
        file.write(json.dumps({"id": "e", "patient_id": "p2", "prior": prior}) + "\n")
    with pytest.raises(DataError) as caught:
        Manifest(tmp_path)[-1]
    assert rule in str(caught.value)


def test_an_unknown_prior_is_not_written_and_one_that_was_left_out_is_forgotten(tmp_path: Path) -> None:
    later = Study("e", (ImageRef("e.png"),), "p2", split="train", prior="gone")
    with pytest.raises(DataError, match="study 'e' has the prior 'gone', which is not in the manifest"):
        write(tmp_path, HEADER, [*STUDIES, later])
    write(tmp_path, HEADER, [*STUDIES, later], {"gone"})
    assert Manifest(tmp_path)[-1].prior is None

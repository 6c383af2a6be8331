"""Prediction files: what is read, and what every malformed one gets."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from radscribe.errors import DataError
from radscribe.evaluation.predictions import align, read

# name → bytes, and what the error says
MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty; write a header"),
    "header alone": (b"id,report\n", "holds no caption"),
    "no id column": (b"study,report\na,b\n", "has no column 'id' in its header: study,report"),
    "no report column": (b"id,caption\na,b\n", "has no column 'report'"),
    "two report columns": (b"id,report,report\na,b,c\n", "has two columns 'report'"),
    "semicolons": (b"id;report\na;b\n", "separates columns by semicolons"),
    "tabs": (b"id\treport\na\tb\n", "separates columns by tabs"),
    "an id twice": (b"id,report\na,x\nb,y\na,z\n", "line 4: id 'a' is already in line 2"),
    "an empty id": (b"id,report\n,x\n", "line 2: has no id"),
    "unquoted comma": (b"id,report\na,no effusion, clear\n", "line 2: has 3 fields and the header 2"),
    "too few fields": (b"id,report\na\n", "line 2: has 1 fields and the header 2"),
    "open quote": (b'id,report\na,"no effusion\nb,clear\n', "is no CSV"),
    "quote in the middle": (b'id,report\na,"no" effusion\n', "line 2: is no CSV"),
    "Latin-1": ("id,report\na,œdème\n".encode("cp1252"), "line 2: is not UTF-8"),
    "UTF-16": ("id,report\na,b\n".encode("utf-16"), "is in UTF-16"),
    "a spreadsheet": (b"PK\x03\x04rest", "is a spreadsheet or zip archive"),
    "zero bytes": (b"id,report\na,\x00\n", "holds zero bytes"),
    "JSON": (b'[{"id": "a", "report": "b"}]', "is JSON"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_file_gets_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    content, problem = MALFORMED[name]
    path = tmp_path / "predictions.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    line = str(caught.value)
    assert problem in line
    assert line.startswith(str(path))
    assert "\n" not in line
    assert caught.value.remedy


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "nothing.csv")


def test_what_is_good_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_bytes(
        b'\xef\xbb\xbfmodel,report,id\r\nm,"Heart, normal.\nNo ""effusion"".", a \r\n\r\nm,,b\r\n'
    )
    assert read(path) == {"a": 'Heart, normal.\nNo "effusion".', "b": ""}


@pytest.mark.parametrize("kind", ["lines", "array", "parquet"])
def test_other_formats_and_columns_are_read(tmp_path: Path, kind: str) -> None:
    rows = [{"study": 7, "text": "Heart, normal."}, {"study": 8, "text": None}]
    if kind == "parquet":
        arrow = pytest.importorskip("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
        path = tmp_path / "p.parquet"
        parquet.write_table(arrow.Table.from_pylist(rows), path)
    else:
        path = tmp_path / ("p.jsonl" if kind == "lines" else "p.json")
        path.write_text(
            "\n".join(map(json.dumps, rows)) if kind == "lines" else json.dumps(rows), encoding="utf-8"
        )
    assert read(path, "study", "text") == {"7": "Heart, normal."}
    with pytest.raises(DataError, match="has no 'id', only study, text"):
        read(path)


def test_a_missing_value_is_a_missing_caption(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    path.write_text("id,report\na,nan\nb,NA\nc,None\nd,Clear.\n")
    assert read(path) == {"d": "Clear."}


def test_a_json_file_is_never_one_report(tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text('"the lungs are clear"')
    with pytest.raises(DataError, match="array of objects"):
        read(path)


def test_ids_must_fit_unless_told_otherwise() -> None:
    said = {"a": "x", "c": "y"}
    with pytest.raises(DataError, match="1 ids belong to no study of this part: c"):
        align(said, ["a"], "p.csv")
    with pytest.raises(DataError, match="1 of 2 studies have no caption: b"):
        align({"a": "x"}, ["a", "b"], "p.csv")
    assert align(said, ["b", "a"], "p.csv", missing="empty", extra="ignore") == ["", "x"]
    assert align(said, ["a"], "p.csv", known=frozenset("c")) == ["x"]
    with pytest.raises(DataError, match="for no study of this part"):
        align(said, ["b"], "p.csv", missing="empty", extra="ignore")


@pytest.mark.parametrize(("written", "wanted"), [("7.0", "7"), ("7", "7.0"), ("7.0", "7.0")])
def test_an_id_that_became_a_float_still_finds_its_study(tmp_path: Path, written: str, wanted: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(f"id,report\n{written},Clear.\n")
    assert align(read(path), [wanted], path) == ["Clear."]

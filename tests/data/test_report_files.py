"""Reports from files, and `radscribe label` on them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from radscribe.cli.label import command
from radscribe.data.report_files import parse_reports, read_reports
from radscribe.errors import DataError, UsageError
from radscribe.text.findings import LABELS


def rows(content: bytes, must_be_csv: bool = False) -> list[tuple[str, str]]:
    return [(row.id, row.text) for row in parse_reports(io.BytesIO(content), "x", must_be_csv)]


def test_plain_text_is_numbered_by_line() -> None:
    assert rows(b"No effusion.\r\n\n Scar, left.") == [("1", "No effusion."), ("3", " Scar, left.")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_with_line_breaks_quotes_and_a_byte_order_mark(delimiter: str) -> None:
    content = '\ufeffx,ID,Report\n1,a,"No\n""big"" effusion"\n'.replace(",", delimiter)
    assert rows(content.encode()) == [("a", 'No\n"big" effusion')]


def test_a_field_may_be_large() -> None:
    text = "No effusion. " * 20_000
    assert rows(f'id,report\na,"{text}"\n'.encode()) == [("a", text)]


def test_rows_come_as_they_are_read() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            line = b"No effusion.\n"
            buffer[: len(line)] = line
            return len(line)

    stream = io.BufferedReader(Endless())
    first = next(iter(parse_reports(stream, "x")))
    assert first.text == "No effusion."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "r.csv: is empty; give one report per line"),
        (b"\n \n", "r.csv: is empty; give one report per line"),
        (b"id,text\na,b\n", "r.csv: has no column report; choose from its columns"),
        (b"a,b\n", "r.csv: has no column id and no column report"),
        (b"id,report\na,caf\xe9\n", "r.csv: is not UTF-8: byte 0xe9; name its encoding"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        list(read_reports(path))
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.csv: cannot be read: No such file"):
        list(read_reports(tmp_path / "none.csv"))


def run(arguments: list[str], stdin: str | None = None) -> tuple[int, list[dict[str, object]], str]:
    result = CliRunner().invoke(command, arguments, input=stdin, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.return_value, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def test_label_reads_standard_input() -> None:
    code, records, _ = run(["-"], "No effusion. Mild cardiomegaly.\nLungs clear?\n")
    assert code == 0
    assert [record["id"] for record in records] == ["1", "2"]
    assert records[0]["findings"] == {"Effusion": "absent", "Cardiomegaly": "present"}
    assert records[0]["spans"] == {
        "Effusion": [{"text": "effusion", "start": 3, "end": 11, "status": "absent"}],
        "Cardiomegaly": [{"text": "cardiomegaly", "start": 18, "end": 30, "status": "present"}],
    }


def test_label_does_the_good_rows_and_names_the_bad(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text('id,report\na,Scar\nb\n,Scar\nc,"Möglich"\n', encoding="utf-8")
    code, records, errors = run([str(path)])
    assert code == 1
    assert [record["id"] for record in records] == ["a", "c"]
    assert errors.splitlines() == [
        f"radscribe: {path}: line 3 has 1 of 2 fields; correct it; the other rows are done",
        f"radscribe: {path}: line 4 has no id; correct it; the other rows are done",
    ]


TABLES = {
    "r.csv": 'study,text\na,"No effusion."\nb,nan\nc,\nd,None\n',
    "r.tsv": "study\ttext\na\tNo effusion.\nb\tNA\nc\t\nd\tNaN\n",
    "r.jsonl": '{"study": "a", "text": "No effusion."}\n{"study": "b", "text": null}\n'
    '{"study": "c", "text": ""}\n{"study": "d", "text": "nan"}\n',
    "r.json": '[{"study": "a", "text": "No effusion."},\n {"study": "b", "text": null},\n'
    ' {"study": "c", "text": NaN},\n {"study": "d", "text": "None"}]',
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("piped", [False, True])
def test_every_kind_of_table_has_the_same_labels(name: str, piped: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(TABLES[name], encoding="utf-8")
    source = "-" if piped else str(path)
    code, records, errors = run(
        [source, "--id-column", "study", "--report-column", "Text"], TABLES[name] if piped else None
    )
    assert code == 0
    assert [(record["id"], record["findings"]) for record in records] == [
        ("a", {"Effusion": "absent"}),
        ("b", {}),
        ("c", {}),
        ("d", {}),
    ]
    assert errors == "radscribe: 3 rows have no report\n"


def test_a_parquet_file(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "r.parquet"
    parquet.write_table(arrow.table({"id": [7, 8], "report": ["Mild cardiomegaly.", None]}), path)
    bare = tmp_path / "bare"
    bare.write_bytes(path.read_bytes())
    for source in (path, bare):
        assert [(row.id, row.text) for row in read_reports(source)] == [
            ("7", "Mild cardiomegaly."),
            ("8", ""),
        ]


@pytest.mark.parametrize("content", ['{\n "a": "No effusion."\n}', '["No effusion."]', '{"a": 1'])
@pytest.mark.parametrize("name", ["r.json", "r.txt"])
def test_json_is_never_read_as_a_report(content: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match=name):
        list(read_reports(path))


def test_csv_has_one_column_per_finding(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text('id,report\n"a,1",No effusion. Mild cardiomegaly.\nb,Possible pneumonia.\n')
    result = CliRunner().invoke(command, [str(path), "--format", "csv"], standalone_mode=False)
    header, *lines = csv.reader(io.StringIO(result.stdout))
    assert header == ["id", *LABELS]
    first, second = (dict(zip(header, line, strict=True)) for line in lines)
    assert (first["id"], first["Effusion"], first["Cardiomegaly"]) == ("a,1", "absent", "present")
    assert (second["id"], second["Pneumonia"], second["Effusion"]) == ("b", "uncertain", "")


def test_rows_without_an_id_column_are_numbered() -> None:
    assert rows(b"report,x\nScar.,1\nClear.,2\n") == [("1", "Scar."), ("2", "Clear.")]


def test_a_column_that_is_missing_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("study,text\na,b\n")
    with pytest.raises(DataError, match=r"has no column note; choose .* --report-column: study, text"):
        list(read_reports(path, "study", "note"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(encoding: str) -> None:
    assert rows("id,report\n1,No Größe".encode(encoding)) == [("1", "No Größe")]
    assert rows("No effusion.".encode(encoding)) == [("1", "No effusion.")]


def test_broken_utf_16_is_refused() -> None:
    with pytest.raises(DataError, match="is broken UTF-16"):
        rows("No effusion".encode("utf-16") + b"\x00")


def test_another_encoding_is_read_when_it_is_named() -> None:
    table = io.BytesIO("id,report\n1,No Größe".encode("cp1252"))
    assert [row.text for row in parse_reports(table, "r.csv", encoding="cp1252")] == ["No Größe"]
    with pytest.raises(DataError, match="is not UTF-8: byte 0xf6; name its encoding, for example --encoding"):
        list(parse_reports(io.BytesIO("Größe".encode("cp1252")), "r.csv"))


@pytest.mark.parametrize("name", ["klingon", "base64"])
def test_an_unknown_encoding_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"there is no encoding '{name}'"):
        list(parse_reports(io.BytesIO(b"No effusion"), "r.txt", encoding=name))

"""Whatever bytes a download's files hold: an error of ours in one line, or a manifest, and nothing else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from radscribe.data.manifest import FILE, Manifest
from radscribe.data.prepare import Request, prepare
from radscribe.errors import RadscribeError

PIECES = st.sampled_from(
    [b"image,text\n", b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"a.png", b"../x", b"{",
     b"}", b"[", b"]", b'{"image": "a"}', b"null", b"1", b":", b"\x1f\x8b", b"PAR1", b"\xe2\x80\xa8",
     b'{"id":"a","images":[{"path":"x"}]}']
)  # fmt: skip
BYTES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join))
FILES = {
    "iu-kaggle": ["indiana_reports.csv", "indiana_projections.csv"],
    "iu-openi": ["NLMCXR_reports.tgz"],
    "r2gen": ["annotation.json"],
    "covid-chestxray": ["metadata.csv"],
    "imagefolder": ["metadata.jsonl"],
    "manifest": [FILE],
    "nih-cxr14": ["Data_Entry_2017.csv", "test_list.txt", "train_val_list.txt", "BBox_List_2017.csv"],
}
TABLES = ["t.csv", "t.tsv", "t.jsonl", "t.csv.gz", "t.jsonl.gz"]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("image,text\na.png,No effusion, heart normal.\n", "line 2 has more cells than the 2 columns"),
        ("image,text,text\na.png,A.,B.\n", "has 2 columns called 'text'"),
    ],
)
def test_a_table_that_would_lose_text_is_refused(tmp_path: Path, table: str, problem: str) -> None:
    (tmp_path / "t.csv").write_text(table)
    with pytest.raises(RadscribeError, match=problem):
        prepare(Request("table", tmp_path / "t.csv", tmp_path / "out", allow_missing=True))


@pytest.mark.parametrize("table", [",image,text\n0,a.png,A.\n", "image,text\na.png,A.,,\n"])
def test_an_index_and_empty_cells_lose_nothing(tmp_path: Path, table: str) -> None:
    (tmp_path / "t.csv").write_text(table)
    made = prepare(Request("table", tmp_path / "t.csv", tmp_path / "out", allow_missing=True))
    (study,) = Manifest(made.manifest)
    assert study.report is not None
    assert study.report.findings == "A."


def attempt(source: str, files: list[str], content: bytes) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in files:
            (folder / file).write_bytes(content)
        try:
            outcome = prepare(Request(source, folder, folder / "out", allow_missing=True, check=True))
        except RadscribeError as error:
            assert "\n" not in str(error)  # noqa: PT017
            return
        Manifest(outcome.manifest).validate()


@pytest.mark.parametrize("source", FILES)
@settings(max_examples=40, deadline=None)
@given(content=BYTES)
@example(
    content=b"uid,MeSH,indication,comparison,findings,impression,filename,projection\n1,n,,,,,../../x,Frontal\n"
)
@example(content=b"image,patient_id,view,finding,clinical_notes\n/etc/passwd,1,PA,,x\n")
@example(content=b'{"file_name": "/etc/passwd"}')
@example(content=b'{"train": [{"id": 1, "report": "x", "image_path": ["/etc/passwd"]}]}')
def test_a_source(source: str, content: bytes) -> None:
    attempt(source, FILES[source], content)


@pytest.mark.parametrize("name", TABLES)
@example(content=b"image\n\0/\0")
@settings(max_examples=40, deadline=None)
@given(content=BYTES)
def test_a_table(name: str, content: bytes) -> None:
    attempt("table", [name], content)

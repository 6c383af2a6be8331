"""`radscribe prepare`: help that is a manual, exit codes, one line an error, never a traceback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radscribe.cli.main import main
from radscribe.data.sources import SOURCES


def radscribe(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Exit code and standard error of a command; standard output must stay empty unless it is help."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out + err


def test_help_lists_the_sources(capsys: pytest.CaptureFixture[str]) -> None:
    code, text = radscribe(capsys, "prepare", "--help")
    assert code == 0
    assert all(name in text for name in SOURCES)


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_says_where_it_comes_from_and_how_it_is_parted(
    capsys: pytest.CaptureFixture[str], source: str
) -> None:
    code, text = radscribe(capsys, "prepare", source, "--help")
    assert code == 0
    for word in ("Licence", "Parts", "--allow-missing"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 114


def test_a_table_becomes_a_manifest_with_a_summary(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("image,text,who\na.png,Clear.,p1\nb.png,,p2\nc.png,Mass.,p2\n")
    code, text = radscribe(
        capsys, "prepare", "table", tmp_path, "--out", tmp_path / "out", "--allow-missing",
        "--set", "patient=who", "--fractions", "1,0,0", "--seed", "3",
    )  # fmt: skip
    assert code == 0
    assert [line.split() for line in text.splitlines()[:6]] == [
        ["train", "all"], ["studies", "3", "3"], ["patients", "2", "2"], ["images", "3", "3"],
        ["of", "them", "missing", "3", "3"], ["reports", "2", "2"],
    ]  # fmt: skip
    assert "missing or unreadable: 3 images (a.png, b.png, c.png); all in missing.txt" in text
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"radscribe_manifest": 1, "source": "table t.csv", "root": ".."}


WRONG = [
    (2, ["prepare", "nonsense", "x", "--out", "y"], "no source is called 'nonsense'"),
    (2, ["prepare", "iu-kagle", "x", "--out", "y"], "did you mean iu-kaggle?"),
    (2, ["prepare", "table", "SRC"], "missing option '--out'"),
    (2, ["prepare", "table", "--out", "OUT"], "missing argument 'SRC'"),
    (2, ["prepare", "table", "SRC", "--out", "OUT", "--set", "image"], "--set image: is not key=value"),
    (2, ["prepare", "table", "SRC", "--out", "OUT", "--fractions", "1,1,1"], "do not sum to 1"),
    (1, ["prepare", "table", "SRC", "--out", "OUT"], "3 of 3 images are missing or unreadable"),
    (1, ["prepare", "table", "SRC/nothing", "--out", "OUT"], "there is no such folder or file"),
    (1, ["prepare", "nih-cxr14", "SRC", "--out", "OUT"], "Data_Entry_2017_v2020.csv"),
    (1, ["prepare", "iu-openi", "SRC/nothing", "--out", "OUT"], "there is no such folder or file"),
    (1, ["prepare", "manifest", "SRC", "--out", "OUT"], "cannot be opened: No such file"),
    (1, ["prepare", "table", "SRC", "--out", "OUT", "--features", "SRC/f.npz"], "there is no such file"),
    (1, ["prepare", "table", "SRC", "--out", "OUT", "--features", "SRC/f.pkl"], "is a pickle"),
]


@pytest.mark.parametrize(("code", "arguments", "message"), WRONG)
def test_an_error_is_one_line_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, code: int, arguments: list[str], message: str
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "t.csv").write_text("image,text\na.png,x\nb.png,y\nc.png,z\n")
    given = [a.replace("SRC", str(tmp_path / "src")).replace("OUT", str(tmp_path / "out")) for a in arguments]
    found, text = radscribe(capsys, *given)
    assert found == code
    assert message in text.splitlines()[-1]
    assert "Traceback" not in text
    assert not (tmp_path / "out").exists()


def test_a_leak_is_an_error_that_names_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,who,part\na.png,p1,train\nb.png,p1,test\nc.png,p2,val\n")
    given = ("prepare", "table", tmp_path, "--out", tmp_path / "out", "--allow-missing")
    settings = ("--set", "patient=who", "--set", "split=part")
    code, text = radscribe(capsys, *given, *settings)
    assert code == 1
    assert (
        "parts overlap: 1 patient (patient p1: train a, test b); prepare it again with --drop-leaks" in text
    )
    assert (tmp_path / "out" / "leaks.txt").read_text() == "patient p1: train a, test b\n"
    code, text = radscribe(capsys, *given, *settings, "--drop-leaks", "--overwrite")
    assert code == 0
    assert "leaks: 1 taken out of training or validation" in text


def test_a_source_imports_no_torch_and_no_other_source(tmp_path: Path) -> None:
    code = (
        "import sys; from radscribe.cli.main import main\n"
        "try: main(['prepare', 'table', '--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'onnxruntime', 'radscribe.data.sources.iu_openi'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=tmp_path)


def test_a_manifest_is_not_replaced_unless_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image\na.png\n")
    given = ("prepare", "table", tmp_path / "t.csv", "--out", tmp_path / "out", "--allow-missing")
    assert radscribe(capsys, *given)[0] == 0
    before = (tmp_path / "out" / "manifest.jsonl").read_text()
    (tmp_path / "t.csv").write_text("image\nb.png\n")
    code, text = radscribe(capsys, *given)
    assert code == 2
    assert text.splitlines()[-1].endswith("already exists; choose another name or pass --overwrite")
    assert (tmp_path / "out" / "manifest.jsonl").read_text() == before
    assert radscribe(capsys, *given, "--overwrite")[0] == 0
    assert "b.png" in (tmp_path / "out" / "manifest.jsonl").read_text()


def test_an_export_does_not_replace_the_downloads_own_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    content = '{"train": [{"id": "a", "report": "Clear.", "image_path": ["0.png"]}]}'
    (tmp_path / "annotation.json").write_text(content)
    code, text = radscribe(
        capsys, "prepare", "r2gen", tmp_path, "--out", tmp_path, "--allow-missing", "--also", "r2gen"
    )
    assert code == 2
    assert "annotation.json: already exists" in text
    assert (tmp_path / "annotation.json").read_text() == content


def test_an_error_leaves_an_existing_folder_as_it_was(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    (tmp_path / "t.csv").write_text("image\na.png\n")
    code, _ = radscribe(capsys, "prepare", "table", tmp_path / "t.csv", "--out", tmp_path)
    assert code == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.txt", "t.csv"]


def test_a_folder_that_cannot_be_written_to(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image\na.png\n")
    (tmp_path / "file").write_text("")
    code, text = radscribe(
        capsys, "prepare", "table", tmp_path / "t.csv", "--out", tmp_path / "file" / "out", "--allow-missing"
    )
    assert code == 1
    assert "a part of this path is a file, not a folder" in text.splitlines()[-1]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_an_interrupted_run_leaves_nothing(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "radscribe", "prepare", "phantom", "--out", str(out)]
    number = getattr(signal, name)
    with subprocess.Popen(
        [*command, "--set", "count=100000"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # under nohup the tests ignore signals
    ) as process:
        for _ in range(600):
            if out.is_dir() and any(out.rglob("*.png")):
                break
            time.sleep(0.05)
        process.send_signal(number)
        _, text = process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(text.splitlines()) == 1
    assert not out.exists()


def test_a_leak_check_without_patients_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,who\na.png,p1\nb.png,\n")
    given = ("prepare", "table", tmp_path / "t.csv", "--out", tmp_path / "out", "--allow-missing")
    _, text = radscribe(capsys, *given)
    assert "no overlap of studies; patients were not compared: 2 studies have no patient id" in text
    _, text = radscribe(capsys, *given, "--overwrite", "--set", "patient=who")
    assert "no overlap of 1 patients and studies; 1 studies have no patient id" in text


def test_reports_in_which_nothing_was_found_are_counted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("image,indication,text\na.png,Cough.,\nb.png,Cough.,Clear.\n")
    given = ("prepare", "table", tmp_path / "t.csv", "--out", tmp_path / "out", "--allow-missing")
    assert "note: 1 reports have neither findings nor impression" in radscribe(capsys, *given)[1]

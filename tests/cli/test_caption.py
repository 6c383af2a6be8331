"""`radscribe caption` as a user meets it: what goes to which stream, and with which exit code."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from radscribe import phantom
from radscribe.bundle.format import describe, locate, write
from radscribe.labels import CHESTXRAY14
from radscribe.text.tokenizer import SECTIONS

KEYS = {
    *("study", "files", "text", "tokens", "log_probability", "alternatives", "findings", "warnings"),
    *("refused", "error", "used", "left_out", "bundle", "evidence", "sections"),
    *("confidence", "normality", "doubtful_findings", "unsaid_findings", "not_assessed", "context"),
}
FRONTAL, LATERAL = "7_IM-0001-1001.png", "7_IM-0001-2001.png"  # named as in the Indiana collection
DRAFT = "not verified, not for diagnosis"


@pytest.fixture(scope="module")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frontal phantoms, a study of two views, a lateral alone, and what is not a chest."""
    folder = tmp_path_factory.mktemp("chests")
    (folder / "study").mkdir()
    phantom.save(phantom.draw(1, ()), folder / "a.png")
    phantom.save(phantom.draw(2, ("Cardiomegaly",)), folder / "b.png", bits=16)
    both = phantom.draw_study(3)
    phantom.save(both.frontal, folder / "study" / FRONTAL)
    phantom.save(both.lateral, folder / "study" / LATERAL)
    phantom.save(both.lateral, folder / "side.png")
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    (folder / "text.png").write_text("this is not a picture")
    return folder


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded bundle as if every finding were assessed, so that its searches differ."""
    folder = tmp_path_factory.mktemp("bundles") / "talkative"
    shutil.copytree(locate(None), folder)
    write(folder, msgspec.structs.replace(describe(folder), assessment={}))
    return folder


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "radscribe.cli.main", "caption", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def objects(*arguments: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("--json", *arguments).stdout.splitlines()]


def test_the_text_form_is_one_line_per_study_and_shared_warnings_once(chests: Path) -> None:
    result = run(chests / "a.png", chests / "b.png")
    assert result.returncode == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == [str(chests / "a.png"), str(chests / "b.png")]
    assert all(line.startswith("! ") for line in lines[2:])
    assert sum(DRAFT in line for line in lines) == 1
    assert sum("not assessed: " in line for line in lines) == 1


def test_verbose_text_has_every_finding(chests: Path) -> None:
    result = run(chests / "a.png", "--verbose")
    assert "a.png" in result.stdout
    assert DRAFT in result.stdout
    for finding in CHESTXRAY14:
        assert finding.replace("_", " ") in result.stdout


def test_csv_has_a_row_per_study_and_a_column_per_finding(chests: Path) -> None:
    result = run(chests / "a.png", chests / "noise.png", chests / "text.png", "--format", "csv")
    first, refused, failed = csv.DictReader(result.stdout.splitlines())
    assert first["study"] == str(chests / "a.png")
    assert first["text"]
    assert all(0 <= float(first[finding]) <= 1 for finding in CHESTXRAY14)
    assert refused["refused"]
    assert refused["text"] == refused["Effusion"] == ""
    assert "is not an image" in failed["error"]
    assert result.returncode == 1


def test_dicom_studies_are_named_with_their_files(shared_cases: Path) -> None:
    result = run(shared_cases / "22_twelve_patients_one_study_uid")
    assert result.stdout.count("(patient ") >= 12
    assert "11.dcm)" in result.stdout
    assert "12 different patients" in result.stdout


def test_evidence_that_is_there_is_replaced_only_if_asked(chests: Path, tmp_path: Path) -> None:
    out = tmp_path / "evidence"
    assert run(chests / "a.png", "--evidence", out).returncode == 0
    refused = run(chests / "a.png", "--evidence", out)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "--overwrite" in refused.stderr
    assert run(chests / "a.png", "--evidence", out, "--overwrite").returncode == 0


def test_a_device_that_is_missing_falls_back_with_one_line(chests: Path) -> None:
    result = run(chests / "a.png", "--device", "cuda")
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert "using the CPU" in line
    wrong = run(chests / "a.png", "--device", "abacus")
    assert wrong.returncode == 2
    assert "there is no device 'abacus'" in wrong.stderr


def test_json_lines_have_every_key(chests: Path) -> None:
    first, second = objects(chests / "a.png", chests / "b.png")
    for value, name in ((first, "a.png"), (second, "b.png")):
        assert set(value) == KEYS
        assert value["files"] == [str(chests / name)]
        assert value["text"]
        assert value["refused"] is None
        assert value["error"] is None
        assert set(CHESTXRAY14) < set(value["findings"])
        assert all(0 <= p <= 1 for p in value["findings"].values())
        assert all(token["log_probability"] <= 0 for token in value["tokens"])
        assert value["log_probability"] <= sum(t["log_probability"] for t in value["tokens"]) + 1e-3
        assert DRAFT in value["warnings"][0]
        assert value["evidence"] == []
        for token in value["tokens"]:
            written = value["text"][token["start"] : token["end"]].lower()
            assert written == ("" if token["text"] in SECTIONS else token["text"])
            assert (token["finding"] is None) == (token["status"] is None)
    assert first["findings"] != second["findings"]
    assert first["bundle"] == second["bundle"]


def test_a_study_is_captioned_the_same_alone_and_among_others(chests: Path) -> None:
    together = objects(chests / "a.png", chests / "b.png", chests / "study")
    for value, path in zip(together, ("a.png", "b.png", "study"), strict=True):
        (alone,) = objects(chests / path)
        assert alone["text"] == value["text"]
        assert alone["findings"] == pytest.approx(value["findings"], abs=1e-4)


def test_two_views_by_name_are_one_study(chests: Path) -> None:
    (value,) = objects(chests / "study")
    assert value["study"] == str(chests / "study" / "7")
    assert len(value["files"]) == 2
    assert value["left_out"] == {}
    assert run(chests / "study").returncode == 0


def test_pictures_in_a_folder_are_studies_of_their_own_and_what_is_no_image_is_counted(
    chests: Path, tmp_path: Path
) -> None:
    for name in ("one.png", "two.png", "._one.png"):
        shutil.copy(chests / "a.png", tmp_path / name)
    (tmp_path / "notes.txt").write_text("text")
    result = run(tmp_path, "--json")
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr.splitlines() == [
        "radscribe: skipped 2 files that hold no image: 1 hidden file, 1 file that is not an image"
    ]
    assert result.returncode == 0


def test_what_is_not_to_be_captioned_is_refused_or_forced(chests: Path) -> None:
    for name in ("noise.png",):
        (value,) = objects(chests / name)
        assert value["text"] is None
        assert value["refused"]
        assert value["error"] is None
        assert value["findings"] == {}
        assert run(chests / name).returncode == 1
        (forced,) = objects(chests / name, "--force")
        assert forced["text"]
        assert any(value["refused"] in warning for warning in forced["warnings"])


def test_a_bad_file_does_not_stop_the_others(chests: Path) -> None:
    result = run(chests / "text.png", chests / "missing.png", chests / "a.png", "--json")
    values = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 1
    assert [value["text"] is None for value in values] == [True, True, False]
    assert "is not an image that radscribe reads" in values[0]["error"]
    assert "there is no such file" in values[1]["error"]
    assert len(result.stderr.splitlines()) == 2
    assert "Traceback" not in result.stderr


def test_all_paths_as_one_study(chests: Path) -> None:
    (value,) = objects(chests / "a.png", chests / "b.png", "--one-study")
    assert len(value["files"]) == 2


def test_the_beam_gives_its_best_captions(chests: Path, talkative: Path) -> None:
    (value,) = objects(chests / "a.png", "--bundle", talkative, "--beam", "4", "--n-best", "3")
    assert len(value["alternatives"]) == 2
    texts = [value["text"], *(a["text"] for a in value["alternatives"])]
    assert len(set(texts)) == 3
    (greedy,) = objects(chests / "a.png", "--bundle", talkative, "--beam", "1")
    assert greedy["alternatives"] == []


def test_a_strategy_is_named_by_its_options(chests: Path, talkative: Path) -> None:
    diverse = ("--beam", "4", "--diverse", "4", "--diversity", "5", "--n-best", "4")
    (value,) = objects(chests / "a.png", "--bundle", talkative, *diverse)
    texts = [value["text"], *(a["text"] for a in value["alternatives"])]
    assert len({text.split()[0] for text in texts}) > 1  # groups that differ start with different words
    sampled = ("--sample", "--temperature", "6", "--top-k", "50", "--top-p", "0.95", "--n-best", "2")
    (once,), (again,), (other,) = (
        objects(chests / "a.png", "--bundle", talkative, *sampled, "--seed", s) for s in ("1", "1", "2")
    )
    assert once == again
    assert once["text"] != other["text"]
    (ranked,) = objects(chests / "a.png", "--bundle", talkative, "--length-penalty", "0", "--beam", "4")
    (by_mean,) = objects(chests / "a.png", "--bundle", talkative, "--beam", "4")
    assert ranked["log_probability"] >= by_mean["log_probability"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--beam", "0", "x.png"],
        ["--n-best", "4", "--beam", "2", "x.png"],
        ["--nonsense", "x.png"],
        ["--sample", "--beam", "3", "x.png"],
        ["--sample", "--diverse", "3", "x.png"],
        ["--top-p", "0.9", "x.png"],
        ["--diversity", "1", "x.png"],
        ["--diverse", "2", "--beam", "3", "x.png"],
        ["--sample", "--temperature", "0", "x.png"],
    ],
)
def test_wrong_use_is_two(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_bundle_that_is_not_there_is_one_line(chests: Path) -> None:
    result = run("--bundle", "no-such", chests / "a.png")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "no such bundle" in result.stderr


def test_output_that_nobody_reads_is_no_traceback(chests: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "radscribe.cli.main", "caption", str(chests / "a.png")]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert "Traceback" not in result.stderr
    assert result.returncode != 0


def test_an_error_names_the_file_once_on_standard_error(chests: Path) -> None:
    result = run(chests / "text.png", chests / "a.png")
    (line,) = result.stderr.splitlines()
    assert line.startswith("radscribe: ")
    assert line.count("text.png") == 1
    assert "text.png" not in result.stdout
    assert result.returncode == 1


def test_a_name_that_is_no_utf_8_is_printed_all_the_same(chests: Path) -> None:
    odd = os.fsencode(chests) + b"/odd\xff\n.png"
    Path(os.fsdecode(odd)).write_bytes((chests / "a.png").read_bytes())
    command = [os.fsencode(sys.executable), b"-m", b"radscribe.cli.main", b"caption", b"--json"]
    result = subprocess.run([*command, odd, odd + b"missing"], capture_output=True, check=False)
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert os.fsencode(first["files"][0]) == odd
    assert "no such file" in second["error"]
    assert len(result.stderr.splitlines()) == 1


def test_a_folder_without_images_is_told(chests: Path, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.returncode == 1
    assert "is a folder without images" in result.stderr


def test_a_line_break_in_a_name_does_not_break_the_line(tmp_path: Path) -> None:
    phantom.save(phantom.draw(1, ()), tmp_path / "a\nb.png")
    (tmp_path / "c\nd.png").write_bytes((tmp_path / "a\nb.png").read_bytes()[:200])
    done = run(tmp_path)
    (caption, *warnings) = done.stdout.splitlines()
    assert "a\\nb.png: " in caption
    assert all(line.startswith(("!", "    !")) for line in warnings)
    assert all(line.startswith("radscribe: ") for line in done.stderr.splitlines())

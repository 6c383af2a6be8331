"""Batch captioning on one machine: what is written, and that a repeated run completes it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from radscribe.batch import processes
from radscribe.batch.places import Folder
from radscribe.batch.plan import PLAN, Plan, default_shard_size
from radscribe.batch.processes import Lost
from radscribe.batch.run import Batch, estimate
from radscribe.batch.shard import Counts, Job
from radscribe.cli.main import radscribe as command_line
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef, Study
from radscribe.errors import UsageError
from radscribe.inference.captioner import Captioner
from radscribe.inference.options import CaptionOptions
from radscribe.text.report import Report
from tests.batch.conftest import files, request


def rows(out: Path) -> list[dict[str, object]]:
    tables = [pq.read_table(path) for path in sorted(out.glob("shard-*.parquet"))]
    return [row for table in tables for row in table.to_pylist()]


def command(*line: str) -> Result:
    return CliRunner().invoke(command_line, ["batch", *line], standalone_mode=False)


def test_a_shard_says_what_the_engine_says(scans: Path, whole: Path, captioner: Captioner) -> None:
    found = rows(whole)
    assert [row["id"] for row in found] == [*(f"{n}.png" for n in range(6)), "broken.png"]
    for row, caption in zip(found, captioner.stream([scans / f"{n}.png" for n in range(6)]), strict=False):
        assert row["text"] == caption.text
        assert row["bundle"] == caption.bundle
        assert row["failed"] is False
        for finding, probability in caption.findings.items():
            assert row[finding] == pytest.approx(probability, abs=1e-4)
        content = (scans / str(row["id"])).read_bytes()
        assert row["sha256"] == [hashlib.sha256(content).hexdigest()]
    broken = found[-1]
    assert broken["text"] is None
    assert broken["failed"] is True
    assert str(broken["error"]).startswith("broken.png: ")


def test_the_bytes_do_not_depend_on_workers_or_on_where_the_images_are(
    scans: Path, whole: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(scans, tmp_path / "elsewhere")
    list(Batch(request(moved, tmp_path / "two")).run(2))
    before, after = files(whole), files(tmp_path / "two")
    assert before.keys() == after.keys()
    assert {n: b for n, b in before.items() if n != PLAN} == {n: b for n, b in after.items() if n != PLAN}


def test_a_repeated_run_does_only_what_is_missing(scans: Path, whole: Path, tmp_path: Path) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "shard-00001.parquet").unlink()
    kept = (out / "shard-00000.parquet").stat().st_mtime_ns
    batch = Batch(request(scans, out))
    assert (batch.todo, batch.done, batch.studies) == ([1], 3, 2)
    assert [outcome.studies for outcome in batch.run(1) if isinstance(outcome, Counts)] == [2]
    assert files(out) == files(whole)
    assert (out / "shard-00000.parquet").stat().st_mtime_ns == kept
    assert Batch(request(scans, out)).todo == []


def test_parts_of_a_job_array_make_the_whole(scans: Path, whole: Path, tmp_path: Path) -> None:
    studies = 0
    for part in (1, 2, 3):
        batch = Batch(request(scans, tmp_path / "out", part=(part, 3)))
        studies += batch.studies
        list(batch.run(1))
    assert studies == 7
    assert files(tmp_path / "out") == files(whole)


def test_only_failed_studies_are_retried(scans: Path, whole: Path, tmp_path: Path) -> None:
    moved, out = shutil.copytree(scans, tmp_path / "scans"), tmp_path / "out"
    list(Batch(request(moved, out)).run(1))
    before = files(out)
    shutil.copy(moved / "0.png", moved / "broken.png")
    (moved / "1.png").unlink()  # it was captioned and is not read again
    result = command(str(moved), "--out", str(out), "--retry-errors", "--workers", "1")
    assert result.return_value == 0
    assert "retried 4 shards" in result.stderr
    assert "7 studies, 7 captioned, 0 refused, 0 failed" in result.stderr
    first, *_, last = rows(out)
    assert last["text"] == first["text"]
    assert last["sha256"] == first["sha256"]
    assert {name for name, data in files(out).items() if data != before[name]} == {"shard-00003.parquet"}


def test_a_killed_worker_is_replaced_and_its_shard_is_done_again(
    scans: Path, whole: Path, tmp_path: Path
) -> None:
    batch = Batch(request(scans, tmp_path / "out"))
    run = batch.run(2)
    killed = threading.Thread(target=_kill_a_child)
    killed.start()
    outcomes = list(run)
    killed.join()
    assert all(isinstance(outcome, Counts) for outcome in outcomes)
    assert len(outcomes) == 4
    assert files(tmp_path / "out") == files(whole)


def _kill_a_child() -> None:
    import multiprocessing

    while not (children := multiprocessing.active_children()):
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(children[0].pid or 0, signal.SIGKILL)


def test_a_shard_that_always_ends_its_worker_is_given_up(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch(request(scans, tmp_path / "out"))
    hired: list[int] = []

    class Dead:
        def recv(self) -> None:
            raise EOFError

    monkeypatch.setattr(processes, "wait", lambda pipes: pipes)
    monkeypatch.setattr(processes, "_dismiss", lambda member: None)

    def hire(job: Job, shard: int) -> processes._Member:
        hired.append(shard)
        return processes._Member(None, Dead(), shard)  # type: ignore[arg-type]

    monkeypatch.setattr(processes, "_hire", hire)
    outcomes = list(batch.run(2))
    assert sorted(one.shard for one in outcomes if isinstance(one, Lost)) == [0, 1, 2, 3]
    assert sorted(hired) == sorted([0, 1, 2, 3] * processes.ATTEMPTS)


def test_studies_of_a_manifest_and_of_a_list(scans: Path, tmp_path: Path) -> None:
    studies = [
        Study("a", (ImageRef("0.png"), ImageRef("missing.png")), report=Report(findings="x"), split="test"),
        Study("b", (ImageRef("1.png"),), report=Report(findings="y"), split="train"),
    ]
    data = shutil.copytree(scans, tmp_path / "data")
    write(data, Header(1, "mine"), studies)
    list(Batch(request(data, tmp_path / "m", split="test")).run(1))
    (row,) = rows(tmp_path / "m")
    assert row["id"] == "a"
    assert row["text"]
    assert row["failed"] is True
    assert any("missing.png: there is no such file" in w for w in row["warnings"])  # type: ignore[attr-defined]

    listed = tmp_path / "list.txt"
    listed.write_text(f"{scans}/0.png\t{scans}/1.png\nfile://{scans}/2.png\n{scans}/absent.png\n")
    list(Batch(request(listed, tmp_path / "l")).run(1))
    two, one, absent = rows(tmp_path / "l")
    assert len(two["files"]) == 2  # type: ignore[arg-type]
    assert any("written from 2 of 2 images" in w for w in two["warnings"])  # type: ignore[attr-defined]
    assert one["text"]
    assert absent["error"] == f"{scans}/absent.png: there is no such file; check the path"


def test_another_batch_does_not_go_into_the_same_folder(scans: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="was begun with options"):
        Batch(request(scans, whole, options=CaptionOptions(beam=1)))
    other = tmp_path / "other"
    shutil.copytree(scans, other)
    with pytest.raises(UsageError, match="was begun with source"):
        Batch(request(other, whole))
    with pytest.raises(UsageError, match="was begun with --shard-size 2, not 5"):
        Batch(request(scans, whole, shard_size=5))


def test_a_half_written_file_is_never_a_result(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "out"))
    with suppress(RuntimeError), folder.create("shard-00000.parquet") as file:
        file.write(b"half")
        assert folder.names() == set()
        raise RuntimeError
    assert list((tmp_path / "out").iterdir()) == []
    folder.write("a", b"1")
    with folder.create("a", replace=False) as file:
        file.write(b"2")
    assert (tmp_path / "out" / "a").read_bytes() == b"1"


def test_a_dry_run_writes_nothing(scans: Path, tmp_path: Path) -> None:
    known = estimate(request(scans, tmp_path / "out"))
    assert (known.studies, known.images, known.shards, known.done) == (7, 7, 4, 0)
    assert known.size == sum(path.stat().st_size for path in scans.glob("*.png"))
    assert known.seconds(1) > known.seconds(2) > 0
    result = command(str(scans), "--out", str(tmp_path / "out"), "--dry-run")
    assert "7 studies, 7 images" in result.stdout
    assert "skipped 1 file that hold no image" in result.stdout
    assert not (tmp_path / "out").exists()


def test_the_command_counts_and_says_what_failed(scans: Path, whole: Path) -> None:
    result = command(str(scans), "--out", str(whole), "--shard-size", "2")
    assert result.return_value == 0
    assert "nothing to do: all shards are in" in result.stderr


def test_evaluate_and_prepare_read_the_results(scans: Path, whole: Path, tmp_path: Path) -> None:
    data = shutil.copytree(scans, tmp_path / "data")
    studies = [
        Study(
            f"{n}.png",
            (ImageRef(f"{n}.png"),),
            patient_id=str(n),
            report=Report(findings="Clear."),
            split="test",
        )
        for n in range(6)
    ]
    write(data, Header(1, "mine"), studies)
    scored = ["evaluate", "--data", str(data), "--predictions", str(whole), "--out", str(tmp_path / "scores")]
    result = CliRunner().invoke(
        command_line, [*scored, "--rounds", "0", "--extra", "ignore"], standalone_mode=False
    )
    assert result.exception is None
    assert json.loads((tmp_path / "scores" / "scores.json").read_text())["n"] == 6

    settings = [part for value in ("image=files", f"images={scans}") for part in ("--set", value)]
    result = CliRunner().invoke(
        command_line,
        ["prepare", "table", str(whole), "--out", str(tmp_path / "pseudo"), "--drop-missing", *settings],
        standalone_mode=False,
    )
    assert result.exception is None
    prepared = {study.files[0].name: study.text() for study in Manifest(tmp_path / "pseudo")}
    assert prepared["3.png"] == rows(whole)[3]["text"]


def test_the_plan_keeps_the_order_in_memory_of_one_shard(whole: Path) -> None:
    plan = Plan(Folder(str(whole)))
    assert [study.id for n in range(plan.terms.shards) for study in plan.shard(n)][:2] == ["0.png", "1.png"]
    assert plan.terms.shards == 4


@pytest.mark.parametrize(
    ("studies", "size"), [(1, 16), (1311, 32), (20_000, 320), (65_536, 1024), (10_000_000, 1024)]
)
def test_about_64_shards_unless_they_would_be_large(studies: int, size: int) -> None:
    assert default_shard_size(studies) == size

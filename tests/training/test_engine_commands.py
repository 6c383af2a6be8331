"""Training commands as processes: killed with SIGKILL and resumed, and two processes beside one."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from radscribe.cli.main import radscribe as command_line
from radscribe.cli.options import resumable
from radscribe.data import webdataset
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef, Study
from radscribe.errors import Interrupted, UsageError
from radscribe.text.report import Report

MASS = "There is a large mass. The heart is normal in size."
CLEAR = "The lungs are clear. The heart is normal in size."
ENCODER = ("image_size=64", "findings=[Mass,Nodule]", "epochs=4", "batch_size=8", "pretrained=false")
DECODER = ("epochs=8", "batch_size=8", "min_frequency=1", "options.embedding=16", "options.hidden=16")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 pictures, half of them with a mass, and an annotation of unpaired reports."""
    folder = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    studies = []
    for i in range(32):
        pixels = generator.uniform(0.2, 0.4, (64, 64))
        pixels[16:32, 34:50] += 0.4 * (i % 2)
        Image.fromarray((pixels * 255).astype(np.uint8)).save(folder / f"{i}.png")
        studies.append(
            Study(
                f"s{i}",
                (ImageRef(f"{i}.png", "PA"),),
                patient_id=f"p{i}",
                report=Report(findings=MASS if i % 2 else CLEAR),
                labels={"Mass": float(i % 2), "Nodule": 0.0},
                split="val" if i % 4 < 2 and i % 8 > 2 else "train",
            )
        )
    write(folder, Header(radscribe_manifest=1, source="made for a test", licence="CC0"), studies)
    rows = [{"id": f"r{i}", "report": MASS if i % 2 else CLEAR, "image_path": []} for i in range(20)]
    (folder / "annotation.json").write_text(json.dumps({"train": rows}))
    return folder


def arguments(command: str, data: Path, out: Path, settings: tuple[str, ...], *flags: str) -> list[str]:
    sets = [part for setting in settings for part in ("--set", setting)]
    return [command, "--data", str(data), "--out", str(out), *sets, *flags]


def run(*line: str) -> str:
    """In this process: a start of Python and torch costs seconds."""
    result = CliRunner().invoke(command_line, list(line), standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stderr


def start(line: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "radscribe.cli.main", *line], stderr=subprocess.PIPE)


def rows(out: Path) -> list[dict[str, str]]:
    path = out / "log" / "metrics.csv"
    if not path.exists():
        return []
    with path.open(newline="") as file:
        times = ("seconds", "words_per_second", "images_per_second")
        return [{k: v for k, v in row.items() if k not in times} for row in csv.DictReader(file)]


def kill_after(line: list[str], out: Path, epochs: int) -> None:
    process = start(line)
    while len(rows(out)) < epochs and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said.decode()


def assert_same(one: Any, other: Any, at: str = "") -> None:
    """Nested values alike, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), at
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), at
        for key in one:
            assert_same(one[key], other[key], f"{at}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), at
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{at}.{index}")
    else:
        assert one == other, at


def _untimed(value: Any) -> Any:
    """Rows of figures without those that depend on the clock."""
    if not isinstance(value, list):
        return value
    return [{k: v for k, v in row.items() if k != "seconds" and "per_second" not in k} for row in value]


def assert_same_run(killed: Path, whole: Path, weights: str) -> None:
    assert rows(killed) == rows(whole)
    for name in ("last.ckpt", "best.ckpt"):
        one, other = (torch.load(run / name, weights_only=True) for run in (killed, whole))
        for key in ("state_dict", "training_state", "optimiser", "schedule", "rows"):
            assert_same(_untimed(one[key]), _untimed(other[key]), f"{name}: {key}")
    assert_same(torch.load(killed / weights), torch.load(whole / weights), weights)


@pytest.fixture(scope="module")
def encoder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "encoder"
    run(*arguments("train-encoder", data, out, ENCODER))
    return out


def test_an_encoder_killed_and_resumed_is_the_one_not_killed(
    data: Path, encoder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    kill_after(arguments("train-encoder", data, out, ENCODER), out, epochs=2)
    assert not (out / "README.md").exists()
    run(*arguments("train-encoder", data, out, (), "--resume"))  # its own configuration
    assert_same_run(out, encoder, "encoder.pt")


def test_an_encoder_trained_from_tar_files_resumes_to_the_same_bits(data: Path, tmp_path: Path) -> None:
    """Images are decoded when needed, out of one file after the other."""
    tars, whole, killed = tmp_path / "tars", tmp_path / "whole", tmp_path / "killed"
    webdataset.export(Manifest(data), tars, size=8000)
    assert len(list(tars.glob("train-*.tar"))) > 2
    settings = (*ENCODER, "cache_images_mb=0")
    assert "decoded when needed" in run(*arguments("train-encoder", tars, whole, settings))
    kill_after(arguments("train-encoder", tars, killed, settings), killed, epochs=2)
    run(*arguments("train-encoder", tars, killed, (), "--resume"))
    assert_same_run(killed, whole, "encoder.pt")


def test_a_captioner_killed_and_resumed_is_the_one_not_killed(
    data: Path, encoder: Path, tmp_path: Path
) -> None:
    """With all that is drawn in an epoch: dropout, evidence, reports, and which studies come."""
    drawn = (f"weak_reports={data / 'annotation.json'}", "finding_input=labels", "balance=0.6")
    settings = (*DECODER, f"encoder={encoder}", *drawn)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(*arguments("train", data, whole, settings))
    kill_after(arguments("train", data, killed, settings), killed, epochs=2)
    run(*arguments("train", data, killed, settings, "--resume"))
    assert_same_run(killed, whole, "decoder.pt")

    readme = (whole / "README.md").read_text()
    for said in ("not for diagnosis", "made for a test", "CC0", "| balance | 0.6 |", "studies in val"):
        assert said in readme
    assert (whole / "curves.png").read_bytes()[1:4] == b"PNG"
    assert list((whole / "log").glob("events.out.tfevents.*"))
    changed = (whole / "decoder.pt").stat().st_mtime_ns
    assert "is finished" in run(*arguments("train", data, whole, settings, "--resume"))
    assert (whole / "decoder.pt").stat().st_mtime_ns == changed
    with pytest.raises(UsageError, match="continue it with --resume"):
        run(*arguments("train", data, whole, settings))
    with pytest.raises(UsageError, match=r"made with balance=0\.6, not 0\.7"):
        run(*arguments("train", data, whole, ("balance=0.7",), "--resume"))


def test_an_interrupted_run_says_how_to_continue(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="before the first epoch"), resumable(tmp_path):
        raise KeyboardInterrupt
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(Interrupted, match="continue with the same command and --resume"), resumable(tmp_path):
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def settings(encoder: Path) -> tuple[str, ...]:
    """A run that two processes share."""
    return (
        *DECODER,
        f"encoder={encoder}",
        "options.dropout=0.0",
        "monitor=val_loss",  # the schedule follows a figure that rounding does not turn
        "mode=min",
        "learning_rate=0.02",
        "epochs=12",
        "patience=0",
    )


@pytest.fixture(scope="module")
def one(data: Path, settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run in one process."""
    out = tmp_path_factory.mktemp("runs") / "one"
    run(*arguments("train", data, out, settings))
    return out


def test_two_processes_come_to_the_figures_of_one(
    data: Path, settings: tuple[str, ...], one: Path, tmp_path: Path
) -> None:
    two = tmp_path / "two"
    process = start(arguments("train", data, two, settings, "--devices", "2", "--strategy", "ddp"))
    _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said.decode()
    assert said.decode().count("epoch 12/12") == 1  # one of them speaks
    alone, together = rows(one), rows(two)
    assert [row["step"] for row in together] == [row["step"] for row in alone]
    assert float(together[-1]["val_loss"]) == pytest.approx(float(alone[-1]["val_loss"]), rel=0.1)
    assert float(alone[-1]["val_loss"]) < 0.25 * float(alone[0]["val_loss"])
    assert together[-1]["val_distinct"] == alone[-1]["val_distinct"]


def test_two_nodes_of_torchrun_come_to_the_figures_of_one_although_one_is_killed(
    data: Path, settings: tuple[str, ...], one: Path, tmp_path: Path
) -> None:
    out = tmp_path / "nodes"
    line = arguments("train", data, out, settings, "--resume")
    nodes = [start_node(rank, port, line) for port in [free_port()] for rank in (0, 1)]
    while len(rows(out)) < 3 and all(node.poll() is None for node in nodes):
        time.sleep(0.01)
    kill_node(nodes[1])
    told = b"another process of the run was lost; start all of them again with --resume"
    assert nodes[0].stderr is not None
    assert any(told in line for line in nodes[0].stderr)
    for node in nodes:
        node.kill()  # the launcher would wait for the other one
        node.communicate()
    assert 3 <= len(rows(out)) < 12

    nodes = [start_node(rank, port, line) for port in [free_port()] for rank in (0, 1)]
    with ThreadPoolExecutor() as pool:
        ended = list(pool.map(end_of, nodes))
    assert [code for code, _ in ended] == [0, 0], "\n".join(said for _, said in ended)
    together, alone = rows(out), rows(one)
    assert [row["step"] for row in together] == [row["step"] for row in alone]
    assert float(together[-1]["val_loss"]) == pytest.approx(float(alone[-1]["val_loss"]), rel=0.1)


def end_of(node: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Exit status and messages of a launcher, which is killed if it does not end."""
    try:
        _, said = node.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        kill_node(node)
        _, said = node.communicate()
    return node.returncode, said.decode()


def start_node(rank: int, port: int, line: list[str]) -> subprocess.Popen[bytes]:
    """One of two machines, each with one process, that torchrun starts."""
    launcher = ["--nnodes=2", f"--node-rank={rank}", "--nproc-per-node=1", "--master-addr=127.0.0.1"]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", *launcher, f"--master-port={port}"),
            *("-m", "radscribe.cli.main", *line),
        ],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill_node(node: subprocess.Popen[bytes]) -> None:
    """Kill a launcher and the process that it started, as a loss of power does."""
    children = Path(f"/proc/{node.pid}/task/{node.pid}/children").read_text().split()
    for pid in (node.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

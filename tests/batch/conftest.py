"""Phantoms to caption, and one run over them to compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from radscribe import phantom
from radscribe.batch.run import Batch, Request

COUNT = 6


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn chests, an image that is damaged and a file that is none."""
    folder = tmp_path_factory.mktemp("scans")
    for seed in range(COUNT):
        phantom.save(phantom.draw(seed, size=128), folder / f"{seed}.png")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.fixture(scope="session")
def whole(scans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder captioned without interruption in one process, two studies per shard."""
    out = tmp_path_factory.mktemp("whole") / "out"
    list(Batch(request(scans, out)).run(1))
    return out


def request(source: Path | str, out: Path | str, **options: object) -> Request:
    """A batch of two studies per shard."""
    return Request(str(source), str(out), **{"shard_size": 2, **options})  # type: ignore[arg-type]


def files(out: Path) -> dict[str, bytes]:
    """Every file of a folder of results."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}

"""Another package's source works as ours do, through an entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = '''"""Two studies without images, for a test.

Licence  none
Parts    none
"""

import msgspec

from radscribe.data.sources.source import Collection, Source
from radscribe.data.study import Study
from radscribe.text.report import Report


class Settings(msgspec.Struct):
    word: str = "Clear."


def collect(job, settings):
    studies = (Study(name, (), report=Report(findings=settings.word)) for name in "ab")
    return Collection("tiny", job.src, studies)


SOURCE = Source(__doc__, Settings, collect, needs_src=False)
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with an installed distribution that brings a source, and one that brings a broken one."""
    folder = tmp_path / "site"
    info = folder / "tiny-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "tiny.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[radscribe.sources]\ntiny = tiny:SOURCE\nbroken = nothing:SOURCE\n"
    )
    return folder


def radscribe(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", "from radscribe.cli.main import main; main()", *arguments],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False,
    )  # fmt: skip


def test_it_is_listed_and_prepared(package: Path, tmp_path: Path) -> None:
    listed = radscribe(package, "prepare", "--help").stdout
    assert "Two studies without images, for a test." in listed
    assert "broken" in listed
    done = radscribe(package, "prepare", "tiny", "--out", str(tmp_path / "out"), "--set", "word=Normal.")
    assert done.returncode == 0, done.stderr
    assert "Normal." in (tmp_path / "out" / "manifest.jsonl").read_text()


def test_a_source_that_cannot_be_imported_is_one_line(package: Path, tmp_path: Path) -> None:
    done = radscribe(package, "prepare", "broken", "--out", str(tmp_path / "out"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "broken" in done.stderr.splitlines()[-1]

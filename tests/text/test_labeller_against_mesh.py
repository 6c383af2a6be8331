"""The labeller's measure must not sink unseen."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.real_data
def test_macro_f1_on_the_unseen_half(shared_data: Path) -> None:
    archive = shared_data / "iu" / "NLMCXR_reports.tgz"
    command = [sys.executable, "-m", "benchmarks.labeller.mesh", str(archive)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    macro = re.search(r"macro-F1 over (\d+) findings: ([\d.]+)", done.stdout)
    assert macro
    assert int(macro[1]) == 16
    assert float(macro[2]) >= 0.94

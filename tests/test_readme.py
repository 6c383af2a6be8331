"""README and the first pages: short, with links that lead somewhere and outputs that are real."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
GENERATED = {
    "reference/commands.md",
    "reference/changes.md",
    "reference/contributing.md",
    "figures/model-card.md",
}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_spec = importlib.util.spec_from_file_location("outputs", ROOT / "examples" / "outputs.py")
assert _spec is not None
assert _spec.loader is not None
outputs = importlib.util.module_from_spec(_spec)
sys.modules["outputs"] = outputs
_spec.loader.exec_module(outputs)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        place = (page.parent / target).resolve()
        generated = place.is_relative_to(ROOT / "docs") and str(place.relative_to(ROOT / "docs")) in GENERATED
        if not place.exists() and not generated:
            lost.append(target)
    assert not lost


def test_install_lines_work_from_a_checkout() -> None:
    """The package is on no index yet."""
    files = [*PAGES, *(ROOT / "src").rglob("*.py")]
    wrong = re.compile(r"pip install (?:\S+ )*[\"']?radscribe\b")
    assert [str(file) for file in files if wrong.search(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("page", outputs.PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_outputs_are_what_the_commands_print(page: Path) -> None:
    """If this fails because a command changed, `make outputs` renews the pages."""
    assert not outputs.differences(page), "\n".join(outputs.differences(page))


def test_a_wrong_output_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo the 1st of 30 cats\nthe 1st of 30 cats\n```\n")
    assert not outputs.differences(page)
    page.write_text("```console\n$ echo the 1st of 30 cats\nthe 1st of 30 dogs\n```\n")
    assert any("dogs" in line for line in outputs.differences(page))
    page.write_text("```console\n$ echo the 1st of 30 cats\nthe 1st of 40 cats\n```\n")
    assert outputs.differences(page)

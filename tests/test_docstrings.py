"""The examples in docstrings and documents run and print what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import radscribe
from radscribe import phantom

SOURCE = Path(radscribe.__file__).parent
MODULES = [
    ".".join(("radscribe", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]
DOCUMENTS = [
    path
    for path in sorted((Path(__file__).parents[1] / "docs").rglob("*.md"))
    if ">>>" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_examples_of_the_document(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among two drawn radiographs, `chest.png` and `other.png`."""
    for seed, name in enumerate(("chest.png", "other.png"), 1):
        phantom.save(phantom.draw(seed, (), size=256), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(document), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0

"""The examples in docstrings and documents run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import griffe
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


SECTIONS = {"parameters", "attributes", "returns", "yields", "raises"}


def public_objects(parent: griffe.Object) -> Iterator[griffe.Object]:
    """Public modules, classes, functions and attributes, without what is only imported."""
    for member in parent.members.values():
        if isinstance(member, griffe.Object) and not member.name.startswith("_"):
            yield member
            if member.is_module or member.is_class:
                yield from public_objects(member)


def empty_descriptions() -> dict[str, list[str]]:
    """What griffe reads as a parameter, return value or error without a description, by room."""
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    package = griffe.load("radscribe", search_paths=[SOURCE.parent], docstring_parser="numpy")
    assert isinstance(package, griffe.Object)
    found: dict[str, list[str]] = {}
    for member in public_objects(package):
        if member.docstring is None:
            continue
        for section in member.docstring.parsed:
            if section.kind.value in SECTIONS:
                for item in section.value:
                    if not item.description.strip():
                        name = getattr(item, "name", "") or str(item.annotation)
                        found.setdefault(member.path.split(".")[1], []).append(f"{member.path}: {name}")
    return found


def test_griffe_reads_a_description_of_every_parameter() -> None:
    assert not empty_descriptions()


def public_names() -> list[str]:
    """The names of the reference of the Python API."""
    page = Path(__file__).parents[1] / "docs" / "reference" / "python.md"
    return re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def package() -> griffe.Object:
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    loaded = griffe.load("radscribe", search_paths=[SOURCE.parent], docstring_parser="numpy")
    assert isinstance(loaded, griffe.Object)
    return loaded


@pytest.mark.parametrize("name", public_names())
def test_a_public_name_documents_each_parameter(name: str, package: griffe.Object) -> None:
    found = package[name.removeprefix("radscribe.").split(".")]
    found = found.final_target if isinstance(found, griffe.Alias) else found
    assert isinstance(found, griffe.Class | griffe.Function)
    assert found.docstring is not None
    bases = found.mro() if isinstance(found, griffe.Class) else []  # document their own fields
    documented = {
        one.strip().lstrip("*")
        for documenting in (found, *bases)
        for section in (documenting.docstring.parsed if documenting.docstring else [])
        if section.kind.value in ("parameters", "attributes", "other parameters")
        for item in section.value
        for one in item.name.split(",")
    }
    inherited = isinstance(found, griffe.Class) and "__init__" not in found.members  # by RadscribeError
    dataclass = isinstance(found, griffe.Class) and "dataclass" in found.labels
    parameters = [] if inherited and not dataclass else list(found.parameters)
    wanted = {parameter.name.lstrip("*") for parameter in parameters} - {"self"}
    assert not wanted - documented

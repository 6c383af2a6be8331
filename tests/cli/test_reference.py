"""The reference of the command line is generated from the commands, complete and readable."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from radscribe.cli.main import COMMANDS, radscribe
from radscribe.cli.options import TrainingCommand

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command(name: str) -> click.Command:
    found = radscribe.get_command(click.Context(radscribe), name)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def page(hooks: ModuleType) -> str:
    return str(hooks.commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_every_option_of(name: str, page: str) -> None:
    section = page.split(f"### `radscribe {name}`\n")[1].split("\n### ")[0]
    for option in command(name).params:
        if isinstance(option, click.Option) and not option.hidden:
            assert f"{option.opts[0]}" in section
    if isinstance(training := command(name), TrainingCommand):
        assert all(f"| `{key.name}` |" in section for key in training.keys())  # noqa: SIM118


def test_tables_are_whole(page: str) -> None:
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows
    for row in rows:
        cells = row.replace("\\|", "").count("|") - 1
        assert cells in (2, 4)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_explains_itself(name: str) -> None:
    """A help text is a phrase of several words with a full stop, and neither a noun chain nor a bare unit."""
    unclear = [
        f"{option.opts[0]}  {option.help}"
        for one in subcommands(command(name))
        for option in one.params
        if isinstance(option, click.Option) and not clear(option.help)
    ]
    assert not unclear
    assert command(name).help


def subcommands(one: click.Command) -> list[click.Command]:
    if not isinstance(one, click.Group):
        return [one]
    context = click.Context(one)
    return [found for name in one.list_commands(context) if (found := one.get_command(context, name))]


def clear(text: str | None) -> bool:
    sentence = re.sub(r"\s*\[(default|env)[^\]]*\]$", "", text or "")
    return sentence.endswith((".", ")")) and len(sentence.split()) > 2 and not sentence.startswith("Of ")

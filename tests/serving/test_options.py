"""Python, the command line and HTTP share one set of defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import click
import pytest

import radscribe
from radscribe.cli.main import radscribe as commands
from radscribe.evaluation.bundle_captions import caption_studies
from radscribe.evaluation.probes.captioners import from_bundle
from radscribe.inference.captioner import Captioner
from radscribe.inference.options import DEFAULTS
from radscribe.serving.options import parse
from radscribe.serving.routes.captions import OPTIONS_SCHEMA

FIELDS = ("beam", "n_best", "evidence", "min_confidence", "force", "exact")


@pytest.mark.parametrize("name", ["caption", "evaluate", "probe"])
def test_the_help_of_a_command_shows_the_default_beam(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    text = " ".join(command.get_help(click.Context(command)).split())
    shown = re.search(r"--beam .*?\[default: (\d+)", text)
    assert shown is not None
    assert int(shown[1]) == DEFAULTS.beam


@pytest.mark.parametrize("name", FIELDS)
def test_the_schema_and_a_request_have_the_defaults_of_python(name: str) -> None:
    assert OPTIONS_SCHEMA[name].get("default") == getattr(DEFAULTS, name)
    assert getattr(parse({}).options, name) == getattr(DEFAULTS, name)


@pytest.mark.parametrize(
    "function", [Captioner.caption, Captioner.stream, radscribe.evaluate, caption_studies, from_bundle]
)
def test_the_functions_that_search_have_the_default_beam(function: Callable[..., Any]) -> None:
    assert inspect.signature(function).parameters["beam"].default == DEFAULTS.beam

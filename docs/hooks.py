"""Pages that the site makes from the code: the command line, the changes, the style guide, the model card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radscribe.cli.main import COMMANDS, GROUPS, radscribe

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site; mkdocs calls this."""
    from mkdocs.structure.files import File

    pages = {
        "reference/commands.md": commands(),
        "reference/changes.md": _from_root("CHANGELOG.md"),
        "reference/contributing.md": _from_root("CONTRIBUTING.md"),
        "figures/model-card.md": model_card(),
    }
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def commands() -> str:
    """The reference of the command line, in Markdown."""
    lines = [
        "# Command line",
        "",
        "This page is generated from the commands. `radscribe COMMAND --help` shows the same texts.",
        "",
        "Results go to standard output, everything else to standard error. An error is one line: the file,",
        "the problem, the remedy. Long commands show their progress: a bar on a terminal, otherwise a line",
        "every 30 seconds.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        "| 0 | All done. |",
        "| 1 | Some inputs failed; the others are done. |",
        "| 2 | Wrong use: an option or argument that makes no sense. |",
        "| 130 | Interrupted by Ctrl-C or SIGTERM. Nothing is half written. |",
        "",
        "Set `RADSCRIBE_DEBUG=1` to see the traceback of an internal error.",
        "",
    ]
    for heading, group in GROUPS.items():
        lines += [f"## {heading}", ""]
        for name in group:
            lines += _command(name)
    return "\n".join(lines) + "\n"


def _command(name: str) -> Iterator[str]:
    parent = click.Context(radscribe, info_name="radscribe")
    command = radscribe.get_command(parent, name)
    assert command is not None
    context = click.Context(command, parent=parent, info_name=name)
    yield f"### `radscribe {name}`"
    yield ""
    yield "```text"
    yield re.sub(r"\s+", " ", command.get_usage(context)).removeprefix("Usage: ")
    yield "```"
    yield ""
    yield from _prose(command.help or COMMANDS[name][1])
    yield from _options(command, context)
    if isinstance(command, click.Group):
        yield from _subcommands(name, command, context)
    keys = getattr(command, "keys", None)
    if keys is not None:
        yield "Keys of the configuration, for `--set` and `--config`:"
        yield ""
        yield "| key | type | default | meaning |"
        yield "|---|---|---|---|"
        for key in keys():
            yield f"| `{key.name}` | {_cell(key.type)} | `{_code(key.default)}` | {_cell(key.meaning)} |"
        yield ""


def _subcommands(name: str, group: click.Group, context: click.Context) -> Iterator[str]:
    """Sources share their options, so those are printed once; other subcommands are printed one by one."""
    commands = {
        one: found for one in group.list_commands(context) if (found := group.get_command(context, one))
    }
    if name == "prepare":
        sources = ", ".join(f"`{one}`" for one in commands)
        yield f"`radscribe prepare SOURCE --help` describes one of: {sources}."
        yield ""
        yield "Every source takes:"
        yield ""
        one, first = next(iter(commands.items()))
        yield from _options(first, click.Context(first, parent=context, info_name=one))
        return
    for one, command in commands.items():
        inner = click.Context(command, parent=context, info_name=one)
        yield f"#### `radscribe {name} {one}`"
        yield ""
        yield "```text"
        yield re.sub(r"\s+", " ", command.get_usage(inner)).removeprefix("Usage: ")
        yield "```"
        yield ""
        yield from _prose(command.help or "")
        yield from _options(command, inner)


def _prose(text: str) -> Iterator[str]:
    """The help text; blocks that click does not rewrap (``\\b``) become code."""
    for block in re.split(r"\n\s*\n", text.replace("\f", "").strip()):
        lines = block.splitlines()
        if lines[0].strip() == "\b":
            yield "```text"
            yield from (line.strip() for line in lines[1:])
            yield "```"
        else:
            yield " ".join(line.strip() for line in lines)
        yield ""


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    rows = [record for option in command.params if (record := option.get_help_record(context)) is not None]
    if not rows:
        return
    yield "| option | |"
    yield "|---|---|"
    for names, text in rows:
        yield f"| `{_code(names)}` | {_cell(text)} |"
    yield ""


def _code(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _cell(text: str) -> str:
    return re.sub(r"([\[\]<>*_])", r"\\\1", _code(text))


def _from_root(name: str) -> str:
    """A file of the repository's root, with its links made from the folder `reference`."""
    return (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](../")


def model_card() -> str:
    """The card of the embedded bundle."""
    from radscribe.bundle.format import CARD, locate

    return (locate(None) / CARD).read_text(encoding="utf-8")

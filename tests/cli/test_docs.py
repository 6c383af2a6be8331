"""Commands that README and docs show exist, with these options; so do the benchmarks that they name."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from radscribe.cli.main import radscribe

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
SHELLS = ("", "bash", "sh", "console")


def shown(page: Path) -> list[list[str]]:
    """Words of each `radscribe` command in the code blocks and the prose of a page."""
    lines, prose, language = [], [""], None
    for line in page.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if line.strip().startswith("```"):
            language = line.strip().removeprefix("```") if language is None else None
        elif language in SHELLS:
            lines.append(line.strip())
        elif language is None:
            prose[-1] += f" {line}"
            if not line:
                prose.append("")
    lines += [code for paragraph in prose for code in paragraph.split("`")[1::2]]
    found = []
    for line in lines:
        words = re.sub(r"^(\$ )?([A-Z_]+=\S+ +)*", "", line)
        if words.startswith("radscribe ") and "…" not in words and "..." not in words:
            found.append(shlex.split(re.split(r" [|>&#]|;", words)[0])[1:])
    return [words for words in found if words and re.fullmatch(r"[a-z][a-z-]+", words[0])]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_a_page_exist_with_their_options(page: Path) -> None:
    for words in shown(page):
        command = radscribe.get_command(click.Context(radscribe), words[0])
        assert command is not None, words
        rest = words[1:]
        while isinstance(command, click.Group) and rest and re.fullmatch(r"[a-z][a-z0-9-]+", rest[0]):
            command, rest = command.get_command(click.Context(command), rest[0]), rest[1:]
            assert command is not None, words
        try:
            command.make_context(words[0], rest, resilient_parsing=True)
        except click.NoSuchOption as error:
            pytest.fail(f"{' '.join(words)}: {error.message}")
        except click.UsageError:
            pass  # a placeholder, such as DIR, is not a value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_benchmarks_on_a_page_exist(page: Path) -> None:
    for name in set(re.findall(r"python -m (benchmarks(?:\.\w+)+)", page.read_text(encoding="utf-8"))):
        place = ROOT.joinpath(*name.split("."))
        assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), name

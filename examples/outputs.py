"""Run the commands that README and the first pages show, and check or renew the outputs below them.

    python examples/outputs.py            # check: exit code 1 and a diff if an output is out of date
    python examples/outputs.py --write    # renew

Blocks marked ``console`` are run, from the top of a page to its end, in a temporary folder that has the
repository's `examples`. A line that starts with ``$ `` is a command, the lines below it are its output,
standard error included. Numbers may differ by 5% or 0.05, because processors round differently.
"""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "docs/index.md",
    *sorted((ROOT / "docs/start").glob("*.md")),
    ROOT / "docs/tutorials/caption-a-folder.md",
]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def renewed(page: Path) -> str:
    """Return the text of a page with the outputs that its commands print now."""
    text = page.read_text(encoding="utf-8")
    if not BLOCK.search(text):
        return text
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        (folder / "work" / "examples").symlink_to(ROOT / "examples")
        (folder / "bin").mkdir()
        for command, line in (("radscribe", "-m radscribe"), ("python", "")):
            script = folder / "bin" / command
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {line} "$@"\n')
            script.chmod(0o755)
        return BLOCK.sub(lambda block: _run(block[1], folder), text)


def _run(block: str, folder: Path) -> str:
    lines = ["```console"]
    for command in _commands(block):
        lines.append(f"$ {command}")
        environment = {**os.environ, "COLUMNS": "100", "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["bash", "-c", command.replace("\\\n", "")],
            cwd=folder / "work",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines += done.stdout.rstrip("\n").splitlines()
    return "\n".join([*(line.rstrip() for line in lines), "```"])


def _commands(block: str) -> Iterator[str]:
    """The commands of a block; one that ends with a backslash goes on in the next line."""
    lines = iter(block.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            yield command


def differences(page: Path) -> list[str]:
    """Return a diff between a page and what its commands print now; empty if it is current."""
    old, new = page.read_text(encoding="utf-8").splitlines(), renewed(page).splitlines()
    if len(old) == len(new) and all(map(_alike, old, new)):
        return []
    return list(difflib.unified_diff(old, new, str(page), "what the commands print", lineterm="", n=1))


def _alike(old: str, new: str) -> bool:
    """Whether two lines have the same words, and numbers that differ by rounding at most."""
    if NUMBER.sub("", old).split() != NUMBER.sub("", new).split():
        # A bar of blocks may be one block longer.
        return re.sub(r"[█·\d ]", "", old) == re.sub(r"[█·\d ]", "", new) and "█" in old + new
    pairs = zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)
    return all(
        math.isclose(float(a), float(b), rel_tol=0.05, abs_tol=2 if "%" in old else 0.05) for a, b in pairs
    )


def main() -> int:
    """Check or renew all pages; return the exit code."""
    parser = argparse.ArgumentParser(description="Check the outputs in README and the first pages.")
    parser.add_argument("--write", action="store_true", help="Renew them instead.")
    arguments = parser.parse_args()
    code = 0
    for page in PAGES:
        if arguments.write:
            page.write_text(renewed(page), encoding="utf-8")
        elif found := differences(page):
            code = 1
            print(*found, sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

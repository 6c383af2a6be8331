"""Draw texts of the project at random, before and after a change of the prose.

    python -m benchmarks.texts --before f15c751 --seed 0
    python -m benchmarks.texts --kinds errors docstrings --count 60

prints ten paragraphs of docs and README and ten help texts of options, from the named git revision and from
the working tree. Error messages and docstrings can be drawn as well. The seed chooses them.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def files(revision: str | None) -> dict[str, str]:
    """Path to text of the Markdown pages and command modules of a revision, or of the working tree."""
    if revision is None:
        names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    else:
        names = subprocess.check_output(
            ["git", "ls-tree", "-r", "--name-only", revision], cwd=ROOT, text=True
        ).splitlines()
    wanted = [
        name
        for name in names
        if (name.endswith(".md") and (name == "README.md" or name.startswith("docs/")))
        or (name.startswith("src/radscribe/") and name.endswith(".py"))
    ]
    if revision is None:
        return {name: (ROOT / name).read_text(encoding="utf-8") for name in wanted}
    return {
        name: subprocess.check_output(["git", "show", f"{revision}:{name}"], cwd=ROOT, text=True)
        for name in wanted
    }


def paragraphs(text: str) -> list[str]:
    """Paragraphs of prose: no headings, tables, lists, code or images."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", without_code)]
    return [block for block in blocks if len(block) > 80 and block[0] not in "#|-*!<>:0123456789"]


def help_texts(source: str) -> list[str]:
    """``--option: help`` of each click option in a module."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "option":
            names = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            told = {k.arg: k.value for k in node.keywords}.get("help")
            text = ast.unparse(told) if told is not None else "(no help)"
            if isinstance(told, ast.Constant):
                text = str(told.value)
            if names:
                found.append(f"{names[0]}  {text}")
    return found


def error_messages(source: str) -> list[str]:
    """``problem; remedy`` of each exception of ours that a module raises."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
            texts = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "remedy")]
            said = [text for text in map(text_of, texts) if text]
            if said:
                found.append("; ".join(said))
    return found


def text_of(node: ast.expr) -> str | None:
    """The text of a literal; the inserted expressions of an f-string are in braces."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    return ast.unparse(node)[2:-1] if isinstance(node, ast.JoinedStr) else None


def docstrings(source: str) -> list[str]:
    """Docstrings of a module, its classes and its functions."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [text for text in map(ast.get_docstring, nodes) if text]


KINDS: dict[str, tuple[str, Callable[[str], list[str]]]] = {
    "paragraphs": (".md", paragraphs),
    "helps": (".py", help_texts),
    "errors": (".py", error_messages),
    "docstrings": (".py", docstrings),
}


def show(title: str, texts: list[str], count: int, seed: int) -> None:
    """Print a random sample of texts."""
    print(f"\n## {title} ({len(texts)} in all)\n")
    chosen = random.Random(seed).sample(sorted(texts), min(count, len(texts)))
    print("\n\n".join(f"{number}. {text}" for number, text in enumerate(chosen, 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Show random texts before and after.")
    parser.add_argument("--before", default="f15c751", help="Git revision to compare with.")
    parser.add_argument("--seed", type=int, default=0, help="Seed of the choice.")
    parser.add_argument("--count", type=int, default=10, help="Texts of each kind.")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["paragraphs", "helps"])
    parser.add_argument("--now", action="store_true", help="Leave out the texts before.")
    arguments = parser.parse_args()
    revisions = {"after": None} if arguments.now else {"before": arguments.before, "after": None}
    for name, revision in revisions.items():
        found = files(revision)
        for kind in arguments.kinds:
            suffix, read = KINDS[kind]
            texts = [text for path, source in found.items() if path.endswith(suffix) for text in read(source)]
            show(f"{kind.capitalize()} {name}", texts, arguments.count, arguments.seed)


if __name__ == "__main__":
    main()

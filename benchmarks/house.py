"""Count the rooms of a revision: modules, lines, public names; circles and imports against the arrows.

    python -m benchmarks.house f15c751 HEAD

An upward import is one that the revision's own `tests/test_architecture.py` forbids. The public names are
functions, classes and constants of modules without a leading underscore.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "src/radscribe/"


def modules(revision: str) -> dict[str, str]:
    """Path below `src/radscribe` to source text, of a git revision."""
    listing = subprocess.check_output(
        ["git", "ls-tree", "-r", "--name-only", revision, SOURCE], cwd=ROOT, text=True
    )
    paths = [path for path in listing.splitlines() if path.endswith(".py")]
    return {
        path.removeprefix(SOURCE): subprocess.check_output(
            ["git", "show", f"{revision}:{path}"], cwd=ROOT, text=True
        )
        for path in paths
    }


def name_of(path: str) -> str:
    """`data/__init__.py` is `data`, `data/study.py` is `data.study`."""
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def imports(tree: ast.AST, known: set[str]) -> set[str]:
    """Modules of radscribe that a file imports at any place in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("radscribe"):
            module = (node.module or "").removeprefix("radscribe").lstrip(".")
            for alias in node.names:
                inner = f"{module}.{alias.name}".lstrip(".")
                found.add(inner if inner in known else module)
        elif isinstance(node, ast.Import):
            found |= {
                a.name.removeprefix("radscribe.") for a in node.names if a.name.startswith("radscribe.")
            }
    return found & known


def public_names(tree: ast.Module) -> int:
    """Functions, classes and constants of a module without a leading underscore."""
    count = 0
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            count += not node.name.startswith("_")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            count += sum(isinstance(t, ast.Name) and not t.id.startswith("_") for t in targets)
    return count


def arrows(revision: str) -> dict[str, set[str]]:
    """`MAY_IMPORT` of the architecture's test of a revision."""
    test = subprocess.check_output(
        ["git", "show", f"{revision}:tests/test_architecture.py"], cwd=ROOT, text=True
    )
    sys.path.insert(0, str(ROOT / "src"))
    space: dict[str, object] = {}
    exec(compile(test, "architecture", "exec"), space)
    table = space["MAY_IMPORT"]
    assert isinstance(table, dict)
    return table


def describe(revision: str) -> None:
    """Print the figures of one revision."""
    sources = modules(revision)
    trees = {name_of(path): ast.parse(text) for path, text in sources.items()}
    lines = {name_of(path): text.count("\n") for path, text in sources.items()}
    graph = {name: imports(tree, set(trees)) - {name} for name, tree in trees.items()}
    try:
        list(TopologicalSorter(graph).static_order())
        circles = "0"
    except CycleError as error:
        circles = " -> ".join(error.args[1])
    allowed = arrows(revision)
    upward = [
        f"{name} -> {other}"
        for name, others in graph.items()
        for other in sorted(others)
        if (room := name.split(".")[0]) in allowed
        and (to := other.split(".")[0]) != room
        and to in allowed
        and to not in allowed[room]
    ]
    largest = max(lines, key=lambda name: lines[name])
    print(f"\n## {revision}\n")
    print(
        f"modules {len(lines)}, lines {sum(lines.values()):,}, median {median(lines.values()):.0f}, ", end=""
    )
    print(f"largest {largest} ({lines[largest]}), over 500 lines {sum(n > 500 for n in lines.values())}")
    print(
        f"circles {circles}, upward imports {len(upward)}{': ' + ', '.join(upward[:5]) if upward else ''}\n"
    )
    count, size, names = Counter[str](), Counter[str](), Counter[str]()
    for name, tree in trees.items():
        room = name.split(".")[0] or "radscribe"
        count[room] += 1
        size[room] += lines[name]
        names[room] += public_names(tree)
    print("| room | modules | lines | public names |\n|---|---:|---:|---:|")
    for room in sorted(count):
        print(f"| {room} | {count[room]} | {size[room]:,} | {names[room]} |")


def main() -> None:
    for revision in sys.argv[1:] or ["HEAD"]:
        describe(revision)


if __name__ == "__main__":
    main()

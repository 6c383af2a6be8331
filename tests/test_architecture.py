"""The arrows of the architecture page: which room may import which, and no circles."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import radscribe

SOURCE = Path(radscribe.__file__).parent
LEAVES = {"labels", "errors", "_version", "registry", "files"}
MAY_IMPORT: dict[str, set[str]] = {
    "labels": set(),
    "errors": set(),
    "_version": set(),
    "registry": {"errors"},
    "files": {"errors"},
    "runtime": LEAVES,
    "imaging": {"runtime", *LEAVES},
    "phantom": {"imaging", *LEAVES},
    "text": LEAVES,
    "data": {"imaging", "phantom", "text", *LEAVES},
    "bundle": LEAVES,
    "inference": {"imaging", "phantom", "text", "data", "bundle", "runtime", *LEAVES},
    "evaluation": {"inference", "phantom", "text", "data", *LEAVES},
    "models": LEAVES,
    "training": {"bundle", "models", "data", "text", "imaging", "evaluation", "runtime", *LEAVES},
    "export": {"bundle", "models", "training", "inference", "evaluation", "data", "text", "runtime", *LEAVES},
    "interop": {"inference", "imaging", "text", "runtime", *LEAVES},
    "serving": {
        *("interop", "inference", "imaging", "phantom", "text", "data", "bundle", "runtime"),
        *LEAVES,
    },
    "batch": {"inference", "imaging", "text", "data", "bundle", "runtime", *LEAVES},
    "bench": {"inference", "imaging", "phantom", "text", "bundle", "runtime", *LEAVES},
}
NEEDS_TORCH = {"models", "training", "export"}


def imports(path: Path) -> set[str]:
    """Modules of radscribe that a file imports, as `room.module`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inner = [f"{module}.{alias.name}" for alias in node.names]
            # A name is a module of the package, or else something that the package itself defines.
            names = [name if is_module(name) else module for name in inner]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.removeprefix("radscribe.") for name in names if name.startswith("radscribe.")}
    return found


def is_module(name: str) -> bool:
    place = SOURCE.joinpath(*name.split(".")[1:])
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def files(room: str) -> list[Path]:
    folder = SOURCE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [SOURCE / f"{room}.py"]


def test_every_room_imports_only_what_it_may() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)} imports {module}"
        for room, allowed in MAY_IMPORT.items()
        for path in files(room)
        for module in imports(path)
        if (other := module.split(".")[0]) != room and other in MAY_IMPORT and other not in allowed
    ]
    assert not wrong


def test_every_room_is_in_the_table() -> None:
    rooms = {p.name for p in SOURCE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert rooms - set(MAY_IMPORT) == {"cli"}


def test_no_module_imports_itself_round_a_corner() -> None:
    modules = {
        ".".join(p.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): p
        for p in SOURCE.rglob("*.py")
    }
    graph = {name: {m for m in imports(path) if m in modules and m != name} for name, path in modules.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert len(order) == len(modules)


def test_inference_reads_a_bundle_but_never_what_trains() -> None:
    for room in ("inference", "imaging", "text", "data", "batch", "bench"):
        for path in files(room):
            loaded = {module.split(".")[0] for module in imports(path)}
            assert not loaded & NEEDS_TORCH, path


def loaded_modules(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_loading_a_captioner_imports_no_torch() -> None:
    assert "torch" not in loaded_modules("import radscribe; radscribe.load()")


def test_reading_a_picture_imports_no_pydicom() -> None:
    pixels = "np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)"
    assert "pydicom" not in loaded_modules(f"import numpy as np, radscribe; radscribe.read({pixels})")


def test_importing_radscribe_costs_nothing() -> None:
    assert not loaded_modules("import radscribe") & {"numpy", "onnxruntime", "pydicom", "PIL", "click"}


def test_the_overview_of_commands_imports_no_command() -> None:
    loaded = loaded_modules("from radscribe.cli import main")
    assert not {name for name in loaded if name.startswith("radscribe.cli.")} - {"radscribe.cli.main"}
    assert not loaded & {"numpy", "onnxruntime", "rich"}

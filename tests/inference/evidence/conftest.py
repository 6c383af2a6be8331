"""Bundles for every test of evidence; each is made once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import onnx
import pytest

from radscribe.bundle import format as bundle_format
from tests.inference.evidence.bundles import bundle_of


@pytest.fixture(scope="session")
def attending_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its decoder attends, to the grid and to maps."""
    return bundle_of("show-attend-tell", tmp_path_factory.mktemp("attending"))


@pytest.fixture(scope="session")
def telling_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its decoder does not attend."""
    return bundle_of("show-and-tell", tmp_path_factory.mktemp("telling"))


@pytest.fixture(scope="session")
def without_maps(telling_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as an older radscribe exported it."""
    folder = tmp_path_factory.mktemp("without_maps")
    for file in telling_bundle.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    path = folder / "encoder.onnx"
    graph = onnx.load(path)
    graph.graph.output.remove(next(output for output in graph.graph.output if output.name == "maps"))
    onnx.save(graph, path)
    spec = bundle_format.read(telling_bundle)
    files = {**spec.files, path.name: bundle_format.sha256(path)}
    bundle_format.write(folder, msgspec.structs.replace(spec, files=files))
    return folder

"""Small faithful copies of datasets, and the pictures in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.prepare import Outcome, Request, prepare
from radscribe.data.study import Study

Picture = Callable[..., Path]
Prepare = Callable[..., Outcome]
Write = Callable[..., Manifest]


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Writes a picture that is another one for each seed: soft blobs, as a radiograph's are."""

    def draw(path: Path, seed: int, size: tuple[int, int] = (96, 80)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (12, 12), dtype=np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)
        return path

    return draw


@pytest.fixture
def run(tmp_path: Path) -> Prepare:
    """Prepares a source into `tmp_path / "out"`."""

    def call(source: str, src: Path | None, **options: object) -> Outcome:
        settings = options.pop("settings", {})
        options.setdefault("overwrite", True)
        return prepare(Request(source, src, tmp_path / "out", settings, **options))  # type: ignore[arg-type]

    return call


@pytest.fixture
def manifest_of(tmp_path: Path) -> Write:
    """Writes studies to a manifest in `tmp_path` and opens it."""

    def make(*studies: Study) -> Manifest:
        write(tmp_path, Header(1, "test"), studies)
        return Manifest(tmp_path)

    return make

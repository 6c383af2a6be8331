"""The feature cache: nothing is computed twice, nothing stale is read, a kill costs one batch."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pytest
import torch
from PIL import Image

from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError
from radscribe.models import Encoder
from radscribe.training import feature_cache
from radscribe.training.feature_cache import FeatureCache

SIZE, KINDS = 64, ("grid", "maps")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder("efficientnet-lite0", SIZE, ("Mass", "Nodule")).eval()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(5):
        draw(folder / f"{index}.png", index)
    return folder


def draw(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 255, (80, 70), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


NAMES = [f"{index}.png" for index in range(5)]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of the encoder is given."""
    calls: list[int] = []
    infer = FeatureCache._infer

    def counting(self: FeatureCache, pixels: torch.Tensor) -> object:
        calls.append(len(pixels))
        return infer(self, pixels)

    monkeypatch.setattr(FeatureCache, "_infer", counting)
    monkeypatch.setattr(feature_cache, "BATCH", 2)
    return calls


def test_rows_are_what_the_encoder_says(
    encoder: Encoder, images: Path, tmp_path: Path, computed: list[int]
) -> None:
    cache = FeatureCache(tmp_path / "cache", encoder, KINDS)
    table = cache.table(images, NAMES)
    output = cache._infer(cache._pixels(images / "3.png")[None])
    study = Study("s", (ImageRef("3.png", "PA"), ImageRef("0.png", "lateral")))
    alone = Study("s", (ImageRef("3.png", "PA"),))
    assert np.allclose(table.study(alone, "probabilities"), output.probabilities[0], atol=1e-5)
    assert np.allclose(table.study(alone, "pooled"), output.pooled[0], atol=1e-5)
    assert table.cells(study, "grid").shape == (8, encoder.channels)
    assert np.allclose(table.cells(alone, "maps")[1], output.maps[0, :, 0, 1], atol=1e-2)  # half precision
    assert np.allclose(table.cells(alone, "grid")[2], output.grid[0, :, 1, 0], atol=1e-2)
    assert table.views(study).tolist() == [1] * 4 + [2] * 4
    assert isinstance(table.arrays["grid"], np.memmap)
    assert (table.width("maps"), table.width("grid")) == (2, encoder.channels)


def test_nothing_is_computed_twice(
    encoder: Encoder, images: Path, tmp_path: Path, computed: list[int]
) -> None:
    first = FeatureCache(tmp_path / "cache", encoder, KINDS).table(images, NAMES[:3])
    again = FeatureCache(tmp_path / "cache", encoder, KINDS).table(images, NAMES[:3])
    assert computed == [2, 1]
    assert all(np.array_equal(first.arrays[kind], again.arrays[kind]) for kind in first.arrays)
    more = FeatureCache(tmp_path / "cache", encoder, KINDS).table(images, NAMES)
    assert computed == [2, 1, 2]
    assert np.array_equal(more.arrays["maps"][:3], first.arrays["maps"])


def test_a_changed_image_is_another_one(
    encoder: Encoder, images: Path, tmp_path: Path, computed: list[int]
) -> None:
    study = Study("s", (ImageRef("1.png"),))
    before = FeatureCache(tmp_path / "cache", encoder).table(images, NAMES).study(study, "pooled")
    draw(images / "1.png", 99)
    after = FeatureCache(tmp_path / "cache", encoder).table(images, NAMES).study(study, "pooled")
    assert computed == [2, 2, 1, 1]
    assert not np.array_equal(before, after)


def test_a_changed_encoder_has_features_of_its_own(encoder: Encoder, images: Path, tmp_path: Path) -> None:
    one = FeatureCache(tmp_path / "cache", encoder)
    other = Encoder("efficientnet-lite0", SIZE, ("Mass", "Nodule")).eval()
    other.load_state_dict(encoder.state_dict())
    assert FeatureCache(tmp_path / "cache", other).folder == one.folder
    with torch.no_grad():
        other.classifier.bias[0] += 1e-3
    assert FeatureCache(tmp_path / "cache", other).folder != one.folder


@pytest.mark.parametrize("cut", ["data", "header", "index"])
def test_a_kill_in_the_middle_costs_one_batch(
    encoder: Encoder,
    images: Path,
    tmp_path: Path,
    computed: list[int],
    cut: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = FeatureCache(tmp_path / "whole", encoder, KINDS).table(images, NAMES)
    cache = FeatureCache(tmp_path / "cache", encoder, KINDS)
    cache.table(images, NAMES[:2])
    array = cache.folder / "grid.npy"
    if cut == "data":  # rows half written, and the header not yet
        array.write_bytes(array.read_bytes() + b"\1" * 77)
    elif cut == "header":  # one array has its rows and header, the others and the index have not
        rows = np.full((2, *np.load(array).shape[1:]), 7, dtype=np.float16)
        feature_cache.append(array, rows, after=2)
    else:
        (cache.folder / "index.json.partial").write_bytes(b'["')
    computed.clear()
    table = cache.table(images, NAMES)
    assert computed == [2, 1]
    for kind, values in table.arrays.items():
        assert np.array_equal(values, whole.arrays[kind])


def test_a_lost_array_is_told(encoder: Encoder, images: Path, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache", encoder)
    cache.table(images, NAMES[:2])
    (cache.folder / "pooled.npy").write_bytes(b"")
    with pytest.raises(DataError, match="delete the folder"):
        cache.table(images, NAMES[:2])
    with pytest.raises(DataError, match="cannot be read"):
        cache.table(images, ["none.png"])


def test_a_large_cache_tells_its_size(
    encoder: Encoder, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(click, "echo", lambda line, err: told.append(line))
    FeatureCache(tmp_path / "small", encoder).table(images, NAMES[:1])
    assert not told
    monkeypatch.setattr(feature_cache, "LARGE", 1)
    FeatureCache(tmp_path / "large", encoder).table(images, NAMES[:1])
    assert "1 images" in told[0]

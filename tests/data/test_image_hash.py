"""The perceptual hash: copies are the same, different images are not, and bands find all pairs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from radscribe.data.image_hash import SAME, Hashes, image_hash, image_hashes, pairs_across
from radscribe.errors import ImageError
from radscribe.phantom import draw, save

Picture = Callable[..., Path]


def bits(one: Hashes, other: Hashes) -> int:
    return sum(int(word).bit_count() for word in one ^ other)


def copies(path: Path, folder: Path) -> list[Path]:
    """The image saved again in other ways."""
    with Image.open(path) as opened:
        image = opened.convert("L")
    image.save(folder / "copy.png")
    image.save(folder / "copy.jpg", quality=60)
    image.save(folder / "copy.webp", quality=80)
    image.convert("RGB").resize((image.width * 2, image.height * 2)).save(folder / "large.jpg")
    image.resize((image.width // 2, image.height // 2)).save(folder / "small.png")
    Image.fromarray(np.asarray(image).astype(np.uint16) * 257).save(folder / "deep.png")
    return sorted(folder.iterdir())


def test_copies_of_phantoms_are_the_same_and_other_phantoms_are_not(tmp_path: Path) -> None:
    for seed in range(3):
        save(draw(seed, size=256), tmp_path / f"{seed}.png")
    hashes = [image_hash(tmp_path / f"{seed}.png") for seed in range(3)]
    (tmp_path / "copies").mkdir()
    made = copies(tmp_path / "0.png", tmp_path / "copies")
    assert len(made) == 6
    for path in made:
        assert bits(hashes[0], image_hash(path)) <= SAME, path.name
    assert all(bits(one, other) > 2 * SAME for one, other in combinations(hashes, 2))


@pytest.mark.real_data
def test_copies_of_radiographs_are_the_same_and_other_radiographs_are_not(
    shared_data: Path, tmp_path: Path
) -> None:
    paths = [p for f in ("nih/images", "openist/images") for p in sorted((shared_data / f).iterdir())[:40]]
    hashes = [image_hash(path) for path in paths]
    assert min(bits(one, other) for one, other in combinations(hashes, 2)) > 2 * SAME
    for number in range(0, 80, 10):
        folder = tmp_path / str(number)
        folder.mkdir()
        for path in copies(paths[number], folder):
            assert bits(hashes[number], image_hash(path)) <= SAME, (paths[number].name, path.name)


def test_dicom_is_hashed_by_what_it_shows(shared_data: Path) -> None:
    one, other = (image_hash(path) for path in sorted((shared_data / "dicom").glob("*.dcm"))[:2])
    assert bits(one, other) > 2 * SAME


def test_what_is_no_image_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(ImageError, match="is not an image"):
        image_hash(tmp_path / "x.png")


def test_hashes_are_kept_until_a_file_changes(tmp_path: Path, picture: Picture) -> None:
    names = ["a.png", "b.png", "missing.png", "broken.png"]
    picture(tmp_path / "a.png", 1)
    picture(tmp_path / "b.png", 2)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    store = tmp_path / "hashes.npz"
    first, readable = image_hashes(tmp_path, names, store)
    assert readable.tolist() == [True, True, False, False]
    written = store.stat().st_mtime_ns
    again, _ = image_hashes(tmp_path, names, store)
    assert (again == first).all()
    assert store.stat().st_mtime_ns == written  # nothing was read, and nothing written
    picture(tmp_path / "a.png", 3)
    changed, _ = image_hashes(tmp_path, names, store)
    assert bits(changed[0], first[0]) > SAME
    assert (changed[1] == first[1]).all()


def test_a_damaged_store_is_computed_again(tmp_path: Path, picture: Picture) -> None:
    picture(tmp_path / "a.png", 1)
    store = tmp_path / "hashes.npz"
    store.write_bytes(b"no archive")
    hashes, readable = image_hashes(tmp_path, ["a.png"], store)
    assert readable.all()
    assert (hashes[0] == image_hash(tmp_path / "a.png")).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_bands_find_every_pair_that_comparing_all_finds(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 2, (count, 256), dtype=np.uint8)
    drawn[1::2] = drawn[rng.integers(0, count, len(drawn[1::2]))]  # half of them are copies ...
    for row in drawn:
        row[rng.choice(256, rng.integers(0, 10), replace=False)] ^= 1  # ... that differ a little
    hashes, parts = np.packbits(drawn, axis=1).view(np.uint64), rng.integers(0, 3, count)
    expected = [
        (i, j, bits(hashes[i], hashes[j]))
        for i, j in combinations(range(count), 2)
        if parts[i] != parts[j] and bits(hashes[i], hashes[j]) <= SAME
    ]
    assert pairs_across(hashes, parts) == expected

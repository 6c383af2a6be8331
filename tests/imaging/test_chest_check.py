"""The chest check: what passes, what is refused, and for which reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from radscribe import phantom
from radscribe.imaging.chest_check import CLASSES, ChestChecker
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import read

SEEDS = range(12)


@pytest.fixture(scope="module")
def check() -> ChestChecker:
    return ChestChecker()


def unnamed(seed: int, view: phantom.PhantomView = "PA") -> Radiograph:
    """A phantom whose file would not say its view."""
    return replace(phantom.draw(seed, view=view, size=256).radiograph, view="unknown")


def test_chests_pass_and_the_view_is_seen(check: ChestChecker) -> None:
    for view, expected in (("PA", "frontal"), ("lateral", "lateral")):
        results = check([unnamed(seed, "PA" if view == "PA" else "lateral") for seed in SEEDS])
        assert sum(result.refused is None for result in results) >= len(SEEDS) - 1
        assert sum(result.view == expected for result in results) >= len(SEEDS) - 1


def test_what_a_header_says_of_the_view_holds(check: ChestChecker) -> None:
    (result,) = check([replace(unnamed(1), view="AP")])
    assert result.view == "AP"


@pytest.mark.parametrize(
    ("quarters", "reason"), [(1, "lies on its side"), (2, "upside down"), (3, "lies on its side")]
)
def test_a_turned_film_is_refused_and_the_turn_is_named(
    check: ChestChecker, quarters: int, reason: str
) -> None:
    turned = [Radiograph(np.ascontiguousarray(np.rot90(unnamed(s).pixels, quarters))) for s in SEEDS]
    results = check(turned)
    assert all(result.refused for result in results)
    assert sum(reason in str(result.refused) for result in results) >= len(SEEDS) - 2


def test_an_inverted_film_is_refused(check: ChestChecker) -> None:
    results = check([Radiograph(1 - unnamed(seed).pixels) for seed in SEEDS])
    assert all(result.refused for result in results)
    assert sum("inverted" in str(result.refused) for result in results) >= len(SEEDS) - 2


def pictures() -> dict[str, npt.NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:200, 0:200].astype(np.float32) / 200
    return {
        "noise": generator.random((200, 200)).astype(np.float32),
        "gradient": x,
        "disc": ((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.1).astype(np.float32),
        "stripes": (np.sin(40 * x) / 2 + 0.5).astype(np.float32),
    }


@pytest.mark.parametrize("name", pictures())
def test_what_is_no_radiograph_is_refused(check: ChestChecker, name: str) -> None:
    (result,) = check([Radiograph(pictures()[name])])
    assert result.refused


def test_probabilities_are_of_the_classes_and_sum_to_one(check: ChestChecker) -> None:
    (result,) = check([unnamed(3)])
    assert tuple(result.probabilities) == CLASSES
    assert sum(result.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_exposure_does_not_matter(check: ChestChecker) -> None:
    film = unnamed(5).pixels
    usual = check([Radiograph(film)])[0]
    for distorted in (0.4 * film + np.float32(0.1), 0.06 * film, film ** np.float32(1.4)):
        result = check([Radiograph(distorted.astype(np.float32))])[0]
        assert result.refused is None
        assert result.probabilities["frontal"] == pytest.approx(usual.probabilities["frontal"], abs=0.02)


@pytest.mark.real_data
def test_real_radiographs_pass_and_hands_and_slices_do_not(check: ChestChecker, shared_data: Path) -> None:
    chests = [*sorted((shared_data / "openist" / "images").iterdir())[::10]]
    chests += sorted((shared_data / "nih" / "images").iterdir())[::40]
    passed = [check([read(path)])[0].refused is None for path in chests]
    assert np.mean(passed) >= 0.97
    others = sorted((shared_data / "not_chest" / "images").glob("Hand*"))[::6]
    others += sorted((shared_data / "not_chest" / "images").glob("*CT*"))[:20:2]
    refused = [check([read(path)])[0].refused is not None for path in others]
    assert np.mean(refused) >= 0.95

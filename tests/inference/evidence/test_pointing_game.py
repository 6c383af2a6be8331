"""The measure of `benchmarks.evidence`: what counts as a hit, and what chance and fixed places reach."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.evidence.game import Elsewhere, line, play, widened
from radscribe.inference.evidence import ImageEvidence


def evidence(row: int, column: int, file: str = "a") -> ImageEvidence:
    cells = np.full((10, 10), -20, dtype=np.float32)
    cells[row, column] = 20
    return ImageEvidence(file, "PA", 100, 200, {"Mass": cells}, None, 1.0, "cam")


def test_a_mask_widens_by_the_tolerance_in_every_direction_and_stays_within_the_image() -> None:
    mask = np.zeros((100, 200), dtype=bool)
    mask[50, 0] = True
    wide = widened(mask, tolerance=0.03)  # of 200: 6 pixels
    assert np.argwhere(wide).min(0).tolist() == [44, 0]
    assert np.argwhere(wide).max(0).tolist() == [56, 6]
    assert wide.sum() == 13 * 7
    np.testing.assert_array_equal(widened(mask, tolerance=0), mask)


def test_a_hit_needs_the_highest_cell_on_the_target() -> None:
    mask = np.zeros((100, 200), dtype=bool)
    mask[30:40, 140:160] = True  # the cell of row 3, column 7
    elsewhere = Elsewhere(mean=(0.75, 0.35), fixed=(0.1, 0.9))
    case = play(evidence(3, 7), "Mass", "Mass", mask, elsewhere)
    assert (case.hit, case.centre, case.mean, case.fixed) == (1, 0, 1, 0)
    assert case.area == pytest.approx(0.01)
    assert case.chance == pytest.approx(22 * 32 / 20000)
    assert 0.3 < case.energy <= 1  # logits fall off on the way to the neighbours' centres
    missed = play(evidence(3, 8, "b"), "Mass", "Mass", mask, elsewhere)
    assert missed.hit == 0
    assert missed.energy < case.energy
    text = line("map", "Mass", [case, missed])
    assert "| 2 | 0.50 (0.00 to 1.00) | 0.04 | 0.00 | 1.00 | 0.00 |" in text


def test_places_from_elsewhere() -> None:
    covered = np.zeros((4, 4))
    covered[0, 3] = 3.0
    covered[2, 1] = 1.0
    places = Elsewhere.of(covered)
    assert places.fixed == (0.875, 0.125)
    assert places.mean == pytest.approx((0.75, 0.25))

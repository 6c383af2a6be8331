"""The common exposure: the same film at another brightness or contrast gives the same picture."""

from __future__ import annotations

import numpy as np
import pytest

from radscribe import phantom
from radscribe.imaging.exposure import measure, normalise, picture, unusual


def film(seed: int = 3) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return phantom.draw(seed, size=256).radiograph.pixels


@pytest.mark.parametrize("share", [0.06, 0.25, 0.5])
@pytest.mark.parametrize("gamma", [0.7, 1.0, 1.4])
def test_range_and_gamma_do_not_change_the_picture(share: float, gamma: float) -> None:
    distorted = (np.float32(share) * film() ** np.float32(gamma)).astype(np.float32)
    assert np.abs(normalise(distorted) - normalise(film())).mean() < 0.02


def test_the_picture_has_black_white_and_a_grey_middle() -> None:
    found = normalise(film())
    assert (found.min(), found.max()) == (0, 1)
    assert np.median(found[26:-26, 26:-26]) == pytest.approx(0.5, abs=0.01)


def test_a_usual_film_has_no_warning() -> None:
    assert picture(film(), 128).warnings == ()
    assert picture(0.5 * film(), 128).warnings == ()


def test_an_unusual_film_has_a_warning_that_says_why() -> None:
    def warnings(pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
        return "; ".join(unusual(pixels, measure(pixels)))

    assert "uses only 5% of the grey range" in warnings(np.float32(0.06) * film())
    assert "too bright" in warnings(film() ** np.float32(0.05))
    assert "too dark" in warnings(film() ** np.float32(16))
    black = film().copy()
    black[:, :180] = 0
    assert "of the film is black" in warnings(black)

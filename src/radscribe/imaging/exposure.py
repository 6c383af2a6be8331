"""Exposure: every film is brought to the same black, mid-grey and white before a network sees it.

Brightness and contrast depend on the detector, the export and the bit depth, and say nothing about the chest.
Training, the chest check and the encoder all see the picture that `normalise` returns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BLACK, WHITE = 0.01, 0.99  # shares of the pixels that become 0 and 1: markers and borders do not count
MARGIN = 0.1  # share of each side that the median leaves out: collimator and burnt-in letters
GAMMA_RANGE = (0.33, 3.0)
SMALLEST_RANGE = 1e-4  # of white over black; a flatter picture stays flat


class Exposure(NamedTuple):
    """The tone curve of a film: ``clip((x - black) / (white - black), 0, 1) ** gamma``.

    Attributes
    ----------
    black, white : float
        Grey values that become 0 and 1, on the scale of the input.
    gamma : float
        Exponent that brings the median of the middle of the picture to 0.5, within `GAMMA_RANGE`.
    """

    black: float
    white: float
    gamma: float


def measure(pixels: npt.NDArray[np.float32]) -> Exposure:
    """Measure the exposure of a film.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Grey values in 0..1, bright is dense, already at the size that the network reads.
    """
    ranked = np.sort(pixels, axis=None)
    black = float(ranked[int(BLACK * (ranked.size - 1))])
    white = float(ranked[int(WHITE * (ranked.size - 1))])
    rows, columns = (int(MARGIN * side) for side in pixels.shape)
    middle = pixels[rows : pixels.shape[0] - rows, columns : pixels.shape[1] - columns]
    median = float(np.median(middle))
    share = (median - black) / max(white - black, SMALLEST_RANGE)
    gamma = np.log(0.5) / np.log(min(max(share, 1e-3), 1 - 1e-3))
    return Exposure(black, white, float(np.clip(gamma, *GAMMA_RANGE)))


def normalise(pixels: npt.NDArray[np.float32], exposure: Exposure | None = None) -> npt.NDArray[np.float32]:
    """Bring a film to the common exposure.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Grey values in 0..1, at the size that the network reads.
    exposure : Exposure, optional
        The tone curve to apply (default: the film's own).

    Returns
    -------
    ndarray of float32, shape (H, W)
        Grey values in 0..1: the darkest and brightest hundredth of the pixels are 0 and 1, and the median of
        the middle is 0.5.
    """
    black, white, gamma = exposure or measure(pixels)
    scaled = (pixels - np.float32(black)) / np.float32(max(white - black, SMALLEST_RANGE))
    return np.clip(scaled, 0, 1, out=scaled) ** np.float32(gamma)

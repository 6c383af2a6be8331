"""Exposure: every film is brought to the same black, mid-grey and white before a network sees it.

Brightness and contrast depend on the detector, the export and the bit depth, and say nothing about the chest.
Training, the chest check and the encoder all see the picture that `normalise` returns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radscribe.imaging.resize import resize

BLACK, WHITE = 0.01, 0.99  # shares of the pixels that become 0 and 1: markers and borders do not count
MARGIN = 0.1  # share of each side that the median leaves out: collimator and burnt-in letters
GAMMA_RANGE = (0.2, 5.0)
USUAL_GAMMA = (0.33, 3.0)  # what a film may need without a warning
SMALLEST_RANGE = 1e-4  # of white over black; a flatter picture stays flat
LARGEST_OFFSET = 0.15  # of the middle from 0.5; a film beyond is reported as unusual
LEAST_RANGE = 0.14  # of white over black, which is what a fifth of the range leaves a film of low contrast
TONE_MARGIN, MOST_OF_ONE_TONE = 0.02, 0.6  # share of the range that is one tone, share of the pixels of it


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
    median = _median_of_middle(pixels)
    share = (median - black) / max(white - black, SMALLEST_RANGE)
    gamma = np.log(0.5) / np.log(min(max(share, 1e-3), 1 - 1e-3))
    return Exposure(black, white, float(np.clip(gamma, *GAMMA_RANGE)))


def _median_of_middle(pixels: npt.NDArray[np.float32]) -> float:
    rows, columns = (int(MARGIN * side) for side in pixels.shape)
    middle = pixels[rows : pixels.shape[0] - rows, columns : pixels.shape[1] - columns]
    return float(np.median(middle))


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


class Picture(NamedTuple):
    """A film as the chest check and the encoder see it.

    Attributes
    ----------
    pixels : ndarray of float32, shape (S, S)
        At the common exposure.
    exposure : Exposure
        The film's own.
    warnings : tuple of str
        What is unusual about it; see `unusual`.
    """

    pixels: npt.NDArray[np.float32]
    exposure: Exposure
    warnings: tuple[str, ...]


def picture(pixels: npt.NDArray[np.float32], size: int) -> Picture:
    """Resize a film, bring it to the common exposure, and warn about unusual films.

    Parameters
    ----------
    pixels : ndarray of float32, shape (H, W)
        Grey values in 0..1.
    size : int
        Side of the square that the network reads.
    """
    small = resize(pixels, size, size)
    exposure = measure(small)
    return Picture(normalise(small, exposure), exposure, unusual(small, exposure))


def unusual(pixels: npt.NDArray[np.float32], exposure: Exposure) -> tuple[str, ...]:
    """Warn about an unusual exposure, which makes the draft less reliable.

    Parameters
    ----------
    pixels : ndarray of float32, shape (S, S)
        Grey values in 0..1, before they were brought to the common exposure.
    exposure : Exposure
        The film's own.

    Returns
    -------
    tuple of str
        Empty for a film within the usual range.
    """
    black, white, gamma = exposure
    found = []
    if white - black < LEAST_RANGE:
        found.append(f"unusual exposure: the film uses only {max(white - black, 0):.0%} of the grey range")
    usual = min(max(gamma, USUAL_GAMMA[0]), USUAL_GAMMA[1])
    if usual in USUAL_GAMMA:  # it would not bring the middle to 0.5
        share = (_median_of_middle(pixels) - black) / max(white - black, SMALLEST_RANGE)
        if abs(max(share, 0.0) ** usual - 0.5) > LARGEST_OFFSET:
            found.append(f"unusual exposure: the film is far too {'dark' if gamma < 1 else 'bright'}")
    margin = TONE_MARGIN * (white - black)
    for name, share in (
        ("black", float((pixels <= black + margin).mean())),
        ("white", float((pixels >= white - margin).mean())),
    ):
        if share > MOST_OF_ONE_TONE:
            found.append(f"unusual exposure: {share:.0%} of the film is {name}")
    return tuple(found)

"""The geometry of a map, its colours, and what stands around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from radscribe.errors import UsageError
from radscribe.inference.evidence import ImageEvidence
from radscribe.inference.evidence.pictures import OPACITY, PLASMA, PROBABILITY, SHARE, blend
from radscribe.inference.evidence.write import word_sheet

HEIGHT, WIDTH = 120, 600  # a cell is 40 x 100 pixels


def evidence(
    row: int, column: int, pixels: npt.NDArray[np.uint8] | None = None, words: bool = False
) -> ImageEvidence:
    """A map of 3 x 6 cells, one of which is hot."""
    cells = np.full((3, 6), -9, dtype=np.float32)
    cells[row, column] = 9
    shares = np.zeros((1, 3, 6), dtype=np.float32)
    shares[0, row, column] = 1
    return ImageEvidence(
        "a.png",
        "PA",
        HEIGHT,
        WIDTH,
        {"Mass": cells},
        shares if words else None,
        1 / 18,
        "cam",
        "attention" if words else None,
        pixels,
    )


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 4), (2, 5)])
def test_a_hot_cell_lands_on_its_own_pixels(row: int, column: int) -> None:
    of = evidence(row, column)
    heat = of.heat("Mass")
    assert heat.shape == (HEIGHT, WIDTH)
    y, x = (row + 0.5) * 40, (column + 0.5) * 100
    assert of.peak("Mass") == (x, y)
    inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    inside[row * 40 : row * 40 + 40, column * 100 : column * 100 + 100] = True
    at = np.argwhere(heat >= heat.max() - 1e-6).mean(0) + 0.5  # centres of pixels
    if (row, column) == (1, 4):  # at an edge of the image the hottest place reaches to it
        np.testing.assert_allclose(at, (y, x), atol=0.5)
    assert inside[heat > 0.9].all()
    assert heat[~inside].max() < 0.6  # half way to the next cell's centre the logit is 0
    np.testing.assert_allclose(heat[int(y), int(x)], 1 / (1 + np.exp(-9)), atol=0.01)


def test_between_two_centres_the_map_is_linear_and_beyond_the_last_it_is_level() -> None:
    heat = evidence(1, 4, words=True).heat(0)
    line = heat[59:61].mean(0)  # through the centres of row 1
    centres = np.arange(50, 600, 100)
    np.testing.assert_allclose(line[375], 0.255, atol=0.01)  # a pixel's centre is at + 0.5
    np.testing.assert_allclose(line[centres[4]], 1, atol=0.02)
    assert (np.diff(line[350:450]) > 0).all()
    edge = evidence(1, 5, words=True).heat(0)[60]
    assert np.ptp(edge[550:]) < 1e-6
    assert heat.min() >= 0  # nothing rings
    assert heat.max() <= 1


def test_a_picture_shows_the_image_in_its_own_pixels_with_margins() -> None:
    pixels = np.random.default_rng(0).integers(0, 100, (HEIGHT, WIDTH), dtype=np.uint8)
    picture = np.asarray(evidence(1, 4, pixels).overlay("Mass"))
    height, width, _ = picture.shape
    assert width > WIDTH
    assert height > HEIGHT
    cold = pixels[:30, :100]
    top = next(
        y for y in range(height - 30) if (np.abs(picture[y : y + 30, :100, 0] - cold.astype(int)) < 3).all()
    )
    assert 0 < top < height - HEIGHT
    hot = picture[top + 57 : top + 63, 470:476].astype(int)  # in the hot cell, beside the ring
    assert (hot[..., 0] - hot[..., 2] > 60).all()  # yellow


def test_small_images_are_enlarged_by_a_whole_number() -> None:
    small = ImageEvidence(
        "a", "PA", 40, 60, {"Mass": np.zeros((2, 2), np.float32)}, None, 1.0, "cam", None,
        np.zeros((40, 60), np.uint8),
    )  # fmt: skip
    assert small.overlay("Mass").width > 60 * 9 >= 512


@pytest.mark.parametrize("height", [1, 60, 80])
def test_a_flat_picture_has_a_bar_all_the_same(height: int) -> None:
    flat = ImageEvidence(
        "a", "PA", height, 2000, {"Mass": np.zeros((2, 2), np.float32)}, None, 1.0, "cam", None,
        np.zeros((height, 2000), np.uint8),
    )  # fmt: skip
    assert flat.overlay("Mass").height > height


def test_the_scale_is_the_same_in_every_picture() -> None:
    values = np.array([0, 0.05, 0.501, 0.95, 1], dtype=np.float32)
    assert PROBABILITY.levels(values).tolist() == [0, 0, 128, 255, 255]
    # Even steps in log-odds: from odds of 1:9 to 1:1 as far as from 1:1 to 9:1.
    low, middle, high = PROBABILITY.levels(np.array([0.1, 0.5, 0.9], dtype=np.float32)).astype(int)
    assert abs((high - middle) - (middle - low)) <= 1
    times = np.array([0, 1, 32**0.5, 32, 100], dtype=np.float32)
    assert SHARE.levels(times).tolist() == [0, 0, 128, 255, 255]
    for scale in (PROBABILITY, SHARE):
        assert [value for value, _ in scale.ticks][:: len(scale.ticks) - 1] == [scale.low, scale.high]


def test_colours_cover_more_the_higher_the_value_and_nothing_where_it_is_nought() -> None:
    assert OPACITY[0] == 0
    assert (np.diff(OPACITY) > 0).all()
    lightness = PLASMA @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()
    grey = np.arange(256, dtype=np.uint8)[None]
    plain = np.asarray(blend(grey, np.zeros_like(grey)))
    np.testing.assert_array_equal(plain, np.repeat(grey[..., None], 3, 2))
    full = np.asarray(blend(grey, np.full_like(grey, 255))).astype(int)
    np.testing.assert_allclose(full, 0.4 * grey[..., None] + 0.6 * PLASMA[-1], atol=1.5)


def test_a_map_that_is_not_there() -> None:
    of = evidence(0, 0)
    with pytest.raises(UsageError, match="no map of 'Hernia'"):
        of.heat("Hernia")
    with pytest.raises(UsageError, match="no map of word 0"):
        of.heat(0)
    with pytest.raises(UsageError, match="the image was not kept"):
        of.overlay("Mass")


def test_the_sheet_has_a_picture_for_each_word() -> None:
    of = evidence(1, 4, np.full((HEIGHT, WIDTH), 100, np.uint8), words=True)
    one, nine = (word_sheet(of, [(0, "mass", "present")] * n, "words") for n in (1, 9))
    assert isinstance(one, Image.Image)
    assert nine.height > one.height  # nine words and the image itself take two rows
    assert nine.width > one.width
    assert (np.asarray(nine).astype(int)[..., 0] - np.asarray(nine)[..., 2] > 80).sum() > 500  # hot places

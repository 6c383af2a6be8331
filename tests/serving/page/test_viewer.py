"""Images and the maps that lie on them: the right pixel, the right cell, the right meaning."""

from __future__ import annotations

import json
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.serving.page.reader import Reader


def point(reader: Reader, x: float, y: float) -> str:
    """What the page says of the point x, y (0..1) of the image, which fits its place."""
    box = reader.view().locator("canvas").bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])  # the image is square
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    reader.page.mouse.move(left + x * side, top + y * side)
    reader.settle()
    return reader.view().locator(".view-readout").inner_text()


def greys(picture: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.asarray(Image.open(BytesIO(picture)).convert("L"))


def test_a_word_lights_its_map_while_pointed_at(reader: Reader, files: Path) -> None:
    reader.send(files / "a.png")
    dark = reader.picture()
    word = reader.page.locator("button.word").first
    word.hover()
    lit = reader.picture()
    assert lit != dark
    assert "Finding: " in reader.page.locator(".legend-title").inner_text()
    reader.page.mouse.move(5, 5)
    assert reader.picture() == dark
    word.click()
    reader.page.mouse.move(5, 5)
    assert reader.picture() == lit  # it is kept
    reader.page.keyboard.press("Escape")
    assert reader.picture() == dark


def test_findings_have_different_maps_and_one_scale(reader: Reader, files: Path) -> None:
    reader.send(files / "a.png")
    seen, scales = set(), set()
    for row in reader.page.locator("button.finding:visible").all()[:3]:
        row.click()
        seen.add(reader.picture())
        scales.add(reader.page.locator(".ticks").inner_text())
    assert len(seen) == 3
    assert len(scales) == 1


def test_the_map_lies_where_its_cells_are(reader: Reader, files: Path) -> None:
    study = reader.send(files / "a.png")
    name, rows = next(iter(study["caption"]["evidence"][0]["findings"].items()))
    reader.page.locator(".rest summary").click()
    reader.page.locator("button.finding").filter(has_text=name.replace("_", " ")).click()
    cells = np.array(rows)
    height, width = cells.shape
    for y, x in ((0, 0), np.unravel_index(cells.argmax(), cells.shape), (height - 1, width - 2)):
        told = point(reader, (x + 0.5) / width, (y + 0.5) / height)
        share = re.search(r"(\d+) %", told)
        assert abs((int(share[1]) if share else 0) - 100 * cells[y, x]) < 3, told


def test_the_values_are_those_of_the_file(reader: Reader, files: Path) -> None:
    reader.send(files / "a.png")
    pixels = np.asarray(Image.open(files / "a.png"), dtype=np.float64) / 65535
    for x, y in ((0.5, 0.5), (0.25, 0.7), (0.9, 0.1)):
        told = float(point(reader, x, y).split(" %")[0])
        row, column = int(y * pixels.shape[0]), int(x * pixels.shape[1])
        near = pixels[row - 2 : row + 3, column - 2 : column + 3] * 100
        assert near.min() - 0.1 <= told <= near.max() + 0.1


def test_attention_comes_before_the_map_of_a_finding(reader: Reader, files: Path) -> None:
    """A bundle that attends: its answer is made of this one's, with all attention in the lower right cell."""

    def attending(route: Any) -> None:
        answer = route.fetch()
        study = json.loads(answer.text())
        for image in study["caption"]["evidence"]:
            image["words"] = [[[0.0, 0.0], [0.0, 1.0]] for _ in study["caption"]["tokens"]]
        route.fulfill(response=answer, json=study)

    reader.page.route(re.compile(r"evidence=true"), attending)
    reader.send(files / "a.png")
    assert reader.page.locator("button.word").count() == len(re.findall(r"[\w'-]+", reader.draft))
    reader.page.locator("button.word").first.click()
    title = reader.page.locator(".legend-title").inner_text()
    assert title.startswith("Attention")
    assert "4.0×, lower right" in title
    first = reader.draft.split()[0].lower()
    assert point(reader, 0.9, 0.9).lower().startswith(f"“{first}” 4.0×")
    assert " 0.0×" in point(reader, 0.1, 0.1)


def test_opacity_and_the_switch(reader: Reader, files: Path) -> None:
    reader.send(files / "a.png")
    dark = reader.picture()
    reader.page.locator("button.finding").first.click()
    lit = reader.picture()
    reader.page.get_by_label("Opacity of the map").fill("1")
    opaque = reader.picture()
    assert opaque != lit
    reader.page.locator(".switch").click()
    assert reader.picture() == dark
    reader.page.locator(".switch").click()
    assert reader.picture() == opaque


@pytest.mark.parametrize("way", ["drag", "wheel"])
def test_mouse(reader: Reader, files: Path, way: str) -> None:
    reader.send(files / "a.png")
    before = reader.picture()
    box = reader.view().bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    reader.page.mouse.move(x, y)
    if way == "wheel":
        reader.page.mouse.wheel(0, -300)
        reader.settle()
        assert reader.view().get_attribute("data-zoomed") == "true"
    else:
        reader.page.mouse.down(button="right")
        reader.page.mouse.move(x, y - 80)  # up lowers the level: brighter
        reader.page.mouse.up(button="right")
        assert greys(reader.picture()).mean() > greys(before).mean()
    assert reader.picture() != before
    reader.page.get_by_role("button", name="Reset").click()
    assert reader.picture() == before


def test_window_and_level_use_all_sixteen_bits(reader: Reader, files: Path) -> None:
    study = reader.send(files / "a.png")
    levels = reader.page.evaluate(
        "async id => Array.from((await (await import('./static/js/api.js')).pixels(id, 0)).pixels)",
        study["id"],
    )
    assert np.array_equal(levels, np.asarray(Image.open(files / "a.png")).ravel())
    shown = reader.page.evaluate(
        """async () => { const { lookup } = await import('./static/js/viewer/viewport.js');
        const table = lookup({ width: 256, level: 1000 }, false);
        return Array.from(table.subarray(800, 1200), value => value & 255); }"""
    )
    assert len(set(shown)) == 256  # a window of 1/256 of the range has every grey
    assert shown == sorted(shown)


def test_pinch(browser: Any, service: str, files: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    reader = Reader(context.new_page(), service)
    reader.come()
    reader.send(files / "a.png")
    box = reader.view().bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    client = context.new_cdp_session(reader.page)

    def touch(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if apart else []})

    def scale() -> int:
        return int(re.findall(r"(\d+) %", reader.view().locator(".view-state").inner_text())[-1])

    before = scale()
    touch("touchStart", 20)
    for apart in (30, 45, 60):
        touch("touchMove", apart)
    touch("touchEnd", 0)
    reader.settle()
    assert scale() == pytest.approx(3 * before, rel=0.02)  # from 20 to 60
    context.close()

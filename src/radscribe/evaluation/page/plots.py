"""Plots as inline SVG. Rows of marks use percentages, so their text keeps its size on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from radscribe.evaluation.metrics.base import Floats
from radscribe.evaluation.page.markup import Markup, join, tag, void

ROW = 20  # height of a row of marks
SQUARE, EDGE, TOP = 150, 24, 6  # side and margins of a square plot


@dataclass(frozen=True, slots=True)
class Row:
    """A mark with its interval, in a plot of rows."""

    label: str
    value: float
    interval: tuple[float, float] | None = None
    system: bool = False
    text: str | None = None


def svg(content: Sequence[Markup], label: str, **attributes: object) -> Markup:
    """Return a picture with a title for screen readers."""
    return tag("svg", tag("title", label), *content, role="img", **attributes)


def dots(rows: Sequence[Row], title: str) -> Markup:
    """Plot values with intervals on one scale from 0. A line marks the best of the others."""
    top = max([r.interval[1] if r.interval else r.value for r in rows] + [1e-9]) * 1.05
    best = max((r.value for r in rows if not r.system), default=None)
    cells: list[Markup] = []
    for row in rows:
        kind = " system" if row.system else ""
        drawn = [void_line("axis", 0, 100)]
        if best is not None:
            drawn.append(void_line("reach", 100 * best / top, None))
        if row.interval:
            low, high = (100 * max(edge, 0) / top for edge in row.interval)
            drawn.append(void_line(f"span{kind}", low, high))
        cx = f"{100 * max(row.value, 0) / top:.2f}%"
        drawn.append(tag("circle", cx=cx, cy=ROW / 2, r=4.5 if row.system else 3.5, class_=f"mark{kind}"))
        told = f"{row.label}: {row.value:.3f}"
        cells += [
            tag("div", row.label, class_=kind.strip() or None),
            svg(drawn, told, height=ROW),
            tag("div", f"{row.value:.3f}", class_=f"value{kind}"),
        ]
    return tag("div", tag("h3", title), tag("div", *cells, class_="rows"), class_="card")


def void_line(kind: str, start: float, end: float | None) -> Markup:
    """Return a horizontal line from `start` to `end` percent, or a vertical one at `start`."""
    first = f"{start:.2f}%"
    if end is None:
        return tag("line", x1=first, x2=first, y1=0, y2=ROW, class_=kind)
    return tag("line", x1=first, x2=f"{end:.2f}%", y1=ROW / 2, y2=ROW / 2, class_=kind)


def bars(rows: Sequence[tuple[str, float, float, str]], label: str) -> Markup:
    """Plot two bars per row, 0 to 1. A row is a label, the system's value, the other's value, and a text."""
    cells: list[Markup] = []
    for name, value, other, told in rows:
        drawn = [
            tag("rect", x=0, y=3, height=8, width=f"{100 * value:.2f}%", class_="bar-system", rx=1),
            tag("rect", x=0, y=12, height=4, width=f"{100 * other:.2f}%", class_="bar-other", rx=1),
            tag("line", x1=0, x2=0, y1=0, y2=ROW, class_="axis"),
        ]
        cells += [
            tag("div", name),
            svg(drawn, f"{name}: {value:.2f}, {label} {other:.2f}", height=ROW),
            tag("div", told, class_="value"),
        ]
    return tag("div", *cells, class_="rows")


def histogram(one: Sequence[int], other: Sequence[int], label: str) -> Markup:
    """Plot lengths of captions (bars) and of references (outline) in twenty bins."""
    width, height, left, bottom = 340, 170, 30, 24
    edges = np.linspace(0, max([*one, *other, 1]) + 1, 21)
    mine, theirs = np.histogram(one, edges)[0], np.histogram(other, edges)[0]
    top = max(int(mine.max()), int(theirs.max()), 1)
    wide, high = width - left - 4, height - bottom - 8
    step = wide / 20

    def y(count: float) -> float:
        return float(8 + high * (1 - count / top))

    drawn = [
        tag(
            "rect",
            x=f"{left + step * i + 1:.1f}",
            y=f"{y(count):.1f}",
            width=f"{step - 2:.1f}",
            height=f"{8 + high - y(count):.1f}",
            class_="bar-system",
        )
        for i, count in enumerate(mine)
    ]
    points = [f"{left},{8 + high}"]
    for i, count in enumerate(theirs):
        points += [f"{left + step * i:.1f},{y(count):.1f}", f"{left + step * (i + 1):.1f},{y(count):.1f}"]
    points.append(f"{left + wide},{8 + high}")
    drawn += [
        tag("polyline", points=" ".join(points), class_="outline"),
        tag("line", x1=left, x2=left + wide, y1=8 + high, y2=8 + high, class_="axis"),
        tag("text", "0", x=left, y=height - 8),
        tag("text", f"{edges[-1]:.0f} words", x=left + wide, y=height - 8, text_anchor="end"),
        tag("text", top, x=left - 4, y=14, text_anchor="end"),
    ]
    return svg(drawn, label, viewBox=f"0 0 {width} {height}", style="max-width:30rem")


def square(x: Floats, y: Floats, label: str, points: bool = False) -> Markup:
    """Plot a curve in the unit square with its diagonal. `points` marks each point."""
    side = SQUARE - EDGE - TOP

    def at(a: float, b: float) -> str:
        return f"{EDGE + side * a:.1f},{TOP + side * (1 - b):.1f}"

    floor = TOP + side
    drawn = [
        tag("rect", x=EDGE, y=TOP, width=side, height=side, fill="none", class_="axis"),
        tag("line", x1=EDGE, y1=floor, x2=EDGE + side, y2=TOP, class_="guide"),
        tag("polyline", points=" ".join(at(a, b) for a, b in zip(x, y, strict=True)), class_="curve"),
    ]
    if points:
        drawn += [
            tag("circle", cx=at(a, b).split(",")[0], cy=at(a, b).split(",")[1], r=2.8, class_="mark system")
            for a, b in zip(x, y, strict=True)
        ]
    drawn += [
        tag("text", "0", x=EDGE, y=SQUARE - 8),
        tag("text", "1", x=EDGE + side, y=SQUARE - 8, text_anchor="end"),
        tag("text", "1", x=EDGE - 5, y=TOP + 10, text_anchor="end"),
    ]
    return svg(drawn, label, viewBox=f"0 0 {SQUARE} {SQUARE}")


def figure(picture: Markup, *caption: object) -> Markup:
    """Return a picture with a caption."""
    return tag("figure", picture, tag("figcaption", *caption))


def image(uri: str, alt: str) -> Markup:
    """Return a picture that is part of the page."""
    return void("img", src=uri, alt=alt)


def key(kind: str, text: str) -> Markup:
    """Return a coloured square and its meaning."""
    return join([tag("span", class_=f"key {kind}"), text, " "])

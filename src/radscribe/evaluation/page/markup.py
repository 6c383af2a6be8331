"""HTML from text. Everything that is not `Markup` is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


class Markup(str):
    """A string that is already HTML."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Return text as HTML, and `Markup` unchanged."""
    return text if isinstance(text, Markup) else Markup(html.escape(str(text), quote=True))


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Join parts, with text escaped."""
    return Markup(between.join(escape(part) for part in parts))


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """Return an element. `class_` becomes `class`, underscores become hyphens, None leaves an attribute out.

    >>> tag("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(content)}</{name}>")


def void(name: str, /, **attributes: object) -> Markup:
    """Return an element without content, such as `img`."""
    return Markup(str(tag(name, **attributes)).removesuffix(f"</{name}>"))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], class_: str = "") -> Markup:
    """Return a table that scrolls sideways on a narrow screen. The first cell of a row is its heading."""
    top = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    whole = tag("table", tag("thead", top), tag("tbody", *body), class_=class_ or None)
    return tag("div", whole, class_="scroll", tabindex="0")

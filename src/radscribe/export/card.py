"""Sections of a bundle's model card."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from radscribe.bundle.format import CARD, BundleSpec, read, sha256, write


def with_section(card: str, heading: str, body: str) -> str:
    """A card whose section of that heading is `body`; one that it has is replaced, else it is the last.

    >>> with_section("# A\\n\\n## B\\n\\nold\\n\\n## C\\n\\nkept\\n", "B", "new")
    '# A\\n\\n## B\\n\\nnew\\n\\n## C\\n\\nkept\\n'
    """
    section = f"## {heading}\n\n{body.strip()}\n"
    found = re.search(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", card, re.M | re.S)
    if found is None:
        return f"{card.rstrip()}\n\n{section}"
    rest = card[found.end() :]
    return card[: found.start()] + section + ("\n" + rest if rest else "")


def set_section(folder: Path, heading: str, body: str) -> BundleSpec:
    """The same in a bundle, which stays whole."""
    spec = read(folder)
    path = folder / CARD
    text = path.read_text(encoding="utf-8") if path.is_file() else f"# {spec.name}\n"
    path.write_text(with_section(text, heading, body), encoding="utf-8")
    spec = msgspec.structs.replace(spec, files={**spec.files, CARD: sha256(path)})
    write(folder, spec)
    return spec

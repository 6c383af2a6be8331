"""The page: nothing of a caption becomes markup, nothing is fetched, warnings come first."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radscribe.evaluation import dataset, run
from radscribe.evaluation.findings.assertions import Labelled
from radscribe.evaluation.page.document import page
from radscribe.evaluation.page.examples import compare
from radscribe.evaluation.page.markup import Markup, tag
from radscribe.evaluation.records import Captions
from tests.evaluation.small import reports, write

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> \"' & No effusion."


class Reader(HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def html(tmp_path: Path) -> str:
    ids = write(tmp_path / "data")
    (tmp_path / "over").mkdir()
    for name in ids:
        Image.fromarray(np.full((60, 50), 128, np.uint8)).save(tmp_path / "data" / f"{name}.png")
        Image.new("RGB", (20, 20)).save(tmp_path / "over" / f"{name}.png")
    found = dataset.read(tmp_path / "data", "test", "findings")
    captions = [EVIL, *reports(11, 3)]
    result = run.run(found, [Captions("<b>mine</b>", captions)], [], run.options(rounds=50))
    return page(result, None, found.manifest.root, tmp_path / "over")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_captions_never_become_markup(html: str) -> None:
    reader = read(html)
    assert "script" not in reader.tags
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    assert "<script>alert(1)</script>" in reader.text
    assert not reader.open  # every element is closed, in order


def test_nothing_is_fetched(html: str) -> None:
    for name, value in read(html).attributes:
        assert name not in ("href", "srcset", "data", "action")
        if name == "src":
            assert value.startswith("data:image/jpeg;base64,")
    assert not re.search(r"https?://|url\(|@import", html)
    policy = next(value for name, value in read(html).attributes if name == "content" and "src" in value)
    assert policy.startswith("default-src 'none'")


def test_warnings_stand_before_every_number(html: str) -> None:
    text = read(html).text
    assert 0 < text.index("Read this first") < text.index("Beside what needs no model")
    assert text.index("Read this first") < text.index("findings invented")


def test_pictures_and_overlays_that_are_there_are_shown(html: str) -> None:
    examples = html.count("<article")
    assert examples == 9
    assert html.count("data:image/jpeg") == 2 * examples
    assert html.count("<figcaption>where the model looked") == examples


def test_words_are_marked_by_what_the_other_text_says() -> None:
    found = compare(
        "Small left pleural effusion. There is a pneumothorax. Right lower lobe atelectasis.",
        "Right pleural effusion. No pneumothorax. The heart is enlarged.",
        Labelled(),
    )
    assert found.findings["against"] == ["Effusion", "Pneumothorax"]
    assert found.findings["missed"] == ["Cardiomegaly"]
    assert found.findings["invented"] == ["Atelectasis"]
    assert '<mark class="invented"' in found.caption
    assert '<mark class="missed"' in found.reference
    assert '<mark class="missed"' not in found.caption
    assert found.wrong == 4
    plain = re.sub(r"<[^>]+>", "", found.caption)
    assert plain == "Small left pleural effusion. There is a pneumothorax. Right lower lobe atelectasis."


def test_markup_escapes_text_and_attributes_and_keeps_markup() -> None:
    made = tag("p", "a < b", Markup("<br>"), title='"x"', class_=None)
    assert made == '<p title="&quot;x&quot;">a &lt; b<br></p>'

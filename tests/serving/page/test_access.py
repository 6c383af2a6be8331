"""For every reader: keyboard alone, screen readers, narrow screens; and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import radscribe
from tests.serving.page.reader import DRAFT, Reader

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
PAGE = Path(radscribe.__file__).parent / "serving" / "page"


def tab_to(reader: Reader, selector: str, most: int = 80) -> None:
    """Press Tab until the focus is on what `selector` names."""
    for _ in range(most):
        if reader.page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        reader.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def test_from_file_to_accepted_with_the_keyboard_alone(reader: Reader, files: Path) -> None:
    page, press = reader.page, reader.page.keyboard.press
    tab_to(reader, "#choose")
    with page.expect_file_chooser() as chooser:
        press("Enter")
    chooser.value.set_files(str(files / "a.png"))
    reader.study()

    tab_to(reader, ".view")
    before = reader.picture()
    for there, back in (("+", "f"), ("i", "i"), ("Shift+ArrowUp", "r"), ("ArrowLeft", "f")):
        press(there)
        assert reader.picture() != before, there
        press(back)
        assert reader.picture() == before, back

    tab_to(reader, "button.word")
    assert reader.picture() != before  # the focus alone lights the map
    press("Enter")
    expect(page.locator("button.word[aria-pressed=true]")).to_have_count(1)
    press("Escape")
    tab_to(reader, "button.finding")
    press("Enter")
    expect(page.locator("button.finding[aria-pressed=true]")).to_have_count(1)

    tab_to(reader, "#edit")
    press("Control+End")
    page.keyboard.type(" By hand?")  # a question mark in a text is no call for help
    assert page.locator("dialog").count() == 0
    tab_to(reader, "#reviewer")
    page.keyboard.type("Dr Keys")
    tab_to(reader, "[data-decision=accept]")
    press("Enter")
    expect(page.locator(".reviews li")).to_have_count(1)
    expect(page.locator("#live")).to_have_text("Accepted")


def test_help_lists_the_keys_and_gives_the_focus_back(reader: Reader, files: Path) -> None:
    reader.send(files / "a.png")
    reader.view().focus()
    reader.page.keyboard.press("?")
    listed = reader.page.locator("dialog kbd").all_inner_texts()
    assert {"I", "R", "Shift →", "?"} <= set(listed)
    reader.page.keyboard.press("Escape")
    expect(reader.view()).to_be_focused()


def test_focus_can_be_seen(reader: Reader, files: Path) -> None:
    reader.send(files / "a.png")
    for selector in (".view", "button.word", "button.finding", "#edit"):
        tab_to(reader, selector)
        style = reader.page.evaluate("() => getComputedStyle(document.activeElement).outline")
        assert "solid 2px" in style, selector


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_no_serious_violation(reader: Reader, files: Path, theme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed (extra dev)"
    ).Axe()

    def check(state: str) -> None:
        violations = axe.run(reader.page).response["violations"]
        serious = [
            (v["id"], [n["html"][:120] for n in v["nodes"]])
            for v in violations
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], state

    if theme == "light":
        reader.page.get_by_role("button", name="Light").click()
    reader.page.get_by_text("Options").click()
    check("empty")
    reader.with_an_alternative()
    reader.send(files / "frontal.png", files / "lateral.png")
    reader.page.locator("#edit").fill("Something else.")
    reader.page.locator("#reviewer").fill("Dr Axe")
    reader.page.get_by_role("button", name="Accept as edited").click()
    expect(reader.page.locator(".reviews li")).to_have_count(1)
    reader.page.get_by_text("Alternatives").click()
    check("study")
    reader.send(files / "a.png")
    reader.page.locator("button.word").first.click()
    check("word")
    reader.send(files / "noise.png")
    check("refused")
    reader.page.get_by_role("button", name="Keys").click()
    check("help")
    reader.page.keyboard.press("Escape")
    reader.page.get_by_role("button", name="Model", exact=True).click()
    expect(reader.page.locator(".card code").first).to_be_visible()
    check("model")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (820, 1180), (390, 844)])
def test_no_width_scrolls_sideways_or_loses_the_disclaimer(
    browser: Browser, service: str, files: Path, width: int, height: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": height})
    reader = Reader(context.new_page(), service)
    reader.come()
    for send in (
        [],
        [files / "frontal.png", files / "lateral.png"],
        [files / "noise.png"],
        [files / "text.png"],
    ):
        if send:
            reader.send(*send)
        reader.page.mouse.wheel(0, 3000)
        reader.settle()
        expect(reader.page.get_by_text(DRAFT)).to_be_in_viewport()
        assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), send
    context.close()


def test_on_a_phone_the_image_stays_in_sight_while_a_finding_is_chosen(
    browser: Browser, service: str, files: Path
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    reader = Reader(context.new_page(), service)
    reader.come()
    reader.send(files / "a.png")
    dark = reader.picture()
    reader.page.locator("button.finding").nth(2).tap()
    assert reader.picture() != dark
    expect(reader.view()).to_be_in_viewport(ratio=0.9)
    uncovered = """element => { const box = element.getBoundingClientRect();
        return document.elementFromPoint(box.x + box.width / 2, box.y + 10) === element; }"""
    for field in ("#edit", "#reviewer"):  # but not where one writes
        reader.page.locator(field).tap()
        assert reader.page.locator(field).evaluate(uncovered)
    context.close()


def test_motion_stops_for_those_who_ask(reader: Reader) -> None:
    reader.page.emulate_media(reduced_motion="reduce")
    name = reader.page.evaluate(
        """() => { const bar = document.createElement('div'); bar.className = 'working';
        document.body.append(bar);
        return getComputedStyle(bar, '::after').animationName; }"""
    )
    assert name == "none"


def test_the_page_is_served_with_a_policy_and_keeps_it(reader: Reader) -> None:
    answer = reader.page.request.get(reader.base)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    html = answer.text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|\son\w+=", html)


def test_no_file_of_the_page_names_another_address() -> None:
    files = [path for path in PAGE.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg")]
    assert len(files) > 20
    for path in files:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|\beval\(|innerHTML", text), path

"""The reader's part: edit, decide, take along, find again, delete."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.serving.page.reader import ALTERNATIVE, Reader

if TYPE_CHECKING:
    from playwright.sync_api import Route

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


def test_edit_accept_and_find_in_the_history(reader: Reader, files: Path) -> None:
    study = reader.send(files / "a.png")
    draft = reader.draft
    reader.page.locator("#edit").fill(f"{draft} Old zygomatic plate.")
    expect(reader.page.locator(".review > .diff ins")).to_have_text("Old zygomatic plate.")
    reader.page.get_by_role("button", name="Accept as edited").click()
    expect(reader.page.get_by_role("alert")).to_have_text("Enter the name of the reviewer.")
    expect(reader.page.locator("#reviewer")).to_be_focused()
    reader.page.locator("#reviewer").fill("Dr Reader")
    reader.page.get_by_role("button", name="Accept as edited").click()
    expect(reader.page.locator(".reviews li")).to_have_count(1)

    kept = json.loads(reader.page.request.get(f"{reader.base}/v1/captions/{study['id']}").text())
    assert kept["caption"]["text"] == draft  # never overwritten
    assert [(r["text"], r["decision"], r["reviewer"]) for r in kept["reviews"]] == [
        (f"{draft} Old zygomatic plate.", "accept", "Dr Reader")
    ]

    reader.come()
    reader.page.get_by_label("Search earlier studies").fill("zygomatic")
    expect(reader.page.locator(".history li")).to_have_count(1)
    expect(reader.page.locator(".history li .status")).to_contain_text("accepted")
    reader.page.locator(".history li a").click()
    reader.study()
    assert reader.draft == draft
    assert reader.page.locator("#edit").input_value() == f"{draft} Old zygomatic plate."
    assert reader.page.locator("#reviewer").input_value() == "Dr Reader"  # remembered
    reader.page.get_by_text("Audit trail").click()
    expect(reader.page.locator(".trail li")).not_to_have_count(0)


def test_reject_keeps_the_draft_and_the_comment(reader: Reader, files: Path) -> None:
    reader.send(files / "b.png")
    reader.page.locator("#reviewer").fill("Dr Reader")
    reader.page.locator("#comment").fill("misses <b>everything</b>")
    reader.page.get_by_role("button", name="Reject").click()
    expect(reader.page.locator(".study-head .status")).to_contain_text("rejected")
    expect(reader.page.locator(".reviews")).to_contain_text("misses <b>everything</b>")


def test_a_look_at_another_study_loses_no_edit(reader: Reader, files: Path) -> None:
    study = reader.send(files / "a.png")
    reader.page.locator("#edit").fill("Half a sent")
    reader.send(files / "b.png")
    assert reader.page.locator("#edit").input_value() == reader.draft
    reader.page.locator(f".history a[data-id='{study['id']}']").click()
    expect(reader.page.locator("#edit")).to_have_value("Half a sent")
    expect(reader.page.locator(".review > .diff ins").first).to_be_visible()


def test_an_alternative_can_be_edited(reader: Reader, files: Path) -> None:
    reader.with_an_alternative()
    reader.send(files / "a.png")
    reader.page.get_by_text("Alternatives").click()
    reader.page.get_by_role("button", name="Edit this one").first.click()
    assert reader.page.locator("#edit").input_value() == ALTERNATIVE["text"]
    assert reader.page.locator(".review > .diff :is(ins, del)").count() > 0


def test_what_is_taken_along_says_what_it_is(reader: Reader, files: Path, tmp_path: Path) -> None:
    reader.send(files / "a.png")
    draft = reader.draft
    taken: dict[str, bytes] = {}
    for kind in ("Text", "JSON"):
        with reader.page.expect_download() as download:
            reader.page.locator(".exports").get_by_role("button", name=kind).click()
        assert download.value.suggested_filename == f"a.{'txt' if kind == 'Text' else kind.lower()}"
        download.value.save_as(tmp_path / kind)
        taken[kind] = (tmp_path / kind).read_bytes()
    assert reader.exported in taken["Text"].decode()
    assert "not verified, not for diagnosis" in taken["Text"].decode()
    assert json.loads(taken["JSON"])["caption"]["text"] == draft


def test_an_export_carries_the_draft_the_edit_and_what_the_confidence_refers_to(
    reader: Reader, files: Path, tmp_path: Path
) -> None:
    study = reader.send(files / "a.png")
    reader.page.locator("#edit").fill("Clear lungs, edited.")
    reader.page.locator("#reviewer").fill("Dr Reader")
    reader.page.get_by_role("button", name="Accept as edited").click()
    expect(reader.page.locator(".reviews li")).to_have_count(1)
    with reader.page.expect_download() as download:
        reader.page.locator(".exports").get_by_role("button", name="Text").click()
    download.value.save_as(tmp_path / "text")
    text = (tmp_path / "text").read_text()
    assert "Text accepted by Dr Reader\n\nClear lungs, edited." in text
    assert reader.exported in text
    asserts = any(token["status"] == "present" for token in study["caption"]["tokens"])
    assert ("does not refer to the edited text" in text) == asserts
    meaning = "Confidence in what it asserts" if asserts else "Probability that no finding is there"
    expect(reader.page.locator(".confidence")).to_contain_text(meaning)
    assert "Probability that no finding is there, by the model: " in text
    reader.page.emulate_media(media="print")
    expect(reader.page.locator("#draft")).to_be_visible()
    expect(reader.page.locator(".reviews")).to_contain_text("edited")
    pdf = reader.page.pdf()
    assert pdf.startswith(b"%PDF")


def test_sections_stand_apart_on_the_page_and_in_the_export(
    reader: Reader, files: Path, tmp_path: Path
) -> None:
    def sectioned(route: Route) -> None:
        answer = route.fetch()
        study = json.loads(answer.text())
        if study.get("caption"):
            sections = {"findings": "Large heart. Clear lungs.", "impression": "Cardiomegaly."}
            text = " ".join(sections.values())
            study["caption"] |= {"text": text, "sections": sections, "tokens": [], "confidence": None}
            study["caption"]["normality"] = 0.25
        route.fulfill(response=answer, json=study)

    reader.page.route(re.compile(r"/v1/captions/\w+(\?[^/]*)?$"), sectioned)
    reader.send(files / "a.png")
    expect(reader.page.locator("#draft .section-name")).to_have_text(["Findings", "Impression"])
    expect(reader.page.locator(".confidence")).to_have_text(re.compile("no finding is there.*25"))
    with reader.page.expect_download() as download:
        reader.page.locator(".exports").get_by_role("button", name="Text").click()
    download.value.save_as(tmp_path / "text")
    assert "Findings: Large heart. Clear lungs.\nImpression: Cardiomegaly." in (tmp_path / "text").read_text()


def test_a_copy_says_who_accepted_it(reader: Reader, files: Path) -> None:
    reader.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    reader.send(files / "a.png")
    copied = "() => navigator.clipboard.readText()"
    reader.page.get_by_role("button", name="Copy").click()
    expect(reader.page.locator(".exports [role=status]")).to_contain_text("Copied")
    assert reader.page.evaluate(copied).startswith(
        f"{reader.exported}\n\nDraft by a research model: not verified"
    )
    reader.page.locator("#edit").fill("Clear lungs.")
    reader.page.locator("#reviewer").fill("Dr Reader")
    reader.page.get_by_role("button", name="Accept as edited").click()
    expect(reader.page.locator(".reviews li")).to_have_count(1)
    reader.page.get_by_role("button", name="Copy").click()
    expect(reader.page.locator("#live")).to_contain_text("Copied")
    assert reader.page.evaluate(copied).startswith("Clear lungs.\n\nAccepted by Dr Reader")


def test_paper_is_light_without_controls_and_does_not_stretch_the_image(reader: Reader, files: Path) -> None:
    reader.send(files / "a.png")
    reader.page.emulate_media(media="print")
    for hidden in (".rail", ".viewer .tools", ".exports", "#edit"):
        expect(reader.page.locator(hidden)).to_be_hidden()
    for shown in (".disclaimer", "#draft", ".finding >> nth=0"):
        expect(reader.page.locator(shown)).to_be_visible()
    style = "([name, key]) => getComputedStyle(document.querySelector(name))[key]"
    assert reader.page.evaluate(style, ["body", "backgroundColor"]) == "rgb(255, 255, 255)"
    assert reader.page.evaluate(style, [".view canvas", "objectFit"]) == "contain"


def test_deleting_asks_first(reader: Reader, files: Path) -> None:
    study = reader.send(files / "b.png")
    reader.page.locator(".study-head").get_by_role("button", name="Delete").click()
    reader.page.get_by_role("button", name="Keep").click()
    assert reader.page.request.get(f"{reader.base}/v1/captions/{study['id']}").json()["deleted"] is None
    reader.page.locator(".study-head").get_by_role("button", name="Delete").click()
    reader.page.locator("dialog").get_by_role("button", name="Delete").click()
    reader.page.wait_for_selector("#choose")
    expect(reader.page.locator(f".history a[data-id='{study['id']}']")).to_have_count(0)
    reader.page.goto(f"{reader.base}/#/study/{study['id']}")
    expect(reader.page.locator("h1")).to_have_text("This study was deleted")


def test_the_history_has_pages(reader: Reader) -> None:
    def many(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        first = int(query.get("before", ["0"])[0])
        captions = [
            {"id": str(n), "status": "done", "created": "2026-01-01T00:00:00Z", "study": f"study {n}",
             "images": [], "reviews": [], "caption": {"text": "Clear."}}
            for n in range(first, min(first + 20, 45))
        ]  # fmt: skip
        end = first + 20
        route.fulfill(json={"captions": captions, "next": str(end) if end < 45 else None})

    reader.page.route("**/v1/captions?*", many)
    reader.come()
    rows = reader.page.locator(".history li")
    more = reader.page.get_by_role("button", name="Show more")
    expect(rows).to_have_count(20)
    more.click()
    expect(rows).to_have_count(40)
    more.click()
    expect(rows).to_have_count(45)
    expect(more).to_be_hidden()


def test_the_difference_of_two_texts_is_whole(reader: Reader) -> None:
    pairs = [
        ["a b c", "a c"],
        ["", "new"],
        ["gone", ""],
        ["The heart is big.", "The left lung is clear."],
        ["x", "x"],
    ]
    for before, after in pairs:
        parts = reader.page.evaluate(
            "async ([a, b]) => (await import('./static/js/diff.js')).diff(a, b)", [before, after]
        )
        assert "".join(text for kind, text in parts if kind != "added") == before
        assert "".join(text for kind, text in parts if kind != "removed") == after

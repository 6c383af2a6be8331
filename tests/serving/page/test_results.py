"""A study that came by DICOM: found by its accession number, its results sent, and again after the review."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.serving.page.conftest import FILMS, Serve
from tests.serving.page.reader import Reader

if TYPE_CHECKING:
    from playwright.sync_api import Browser

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytest.importorskip("pynetdicom", reason="receiving by DICOM needs the extra interop")

from benchmarks.interop.page import film, options  # noqa: E402
from benchmarks.serving.running import free_port  # noqa: E402
from tests.interop.receiving import send, until  # noqa: E402


@pytest.fixture
def hospital(browser: Browser, serve: Serve, tmp_path: Path) -> Iterator[tuple[Reader, int, Path]]:
    """A reader, the port of the DICOM node, and the folder for results. Another destination is down."""
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_bytes(base64.b64encode(bytes(32)))
    port = free_port()
    service = serve(*options(port, tmp_path), "--destination", f"hl7:127.0.0.1:{free_port()}")
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    reader = Reader(context.new_page(), service)
    reader.watch()
    yield reader, port, tmp_path / "out"
    context.close()
    assert reader.complaints == []


def test_from_the_modality_to_the_verified_result(hospital: tuple[Reader, int, Path]) -> None:
    reader, port, out = hospital
    image = film(FILMS / "00012628_000-effusion.jpg", "CHEST-4711")
    assert send(port, image) == [0]
    until(lambda: len(list(out.rglob("*.dcm"))) == 3, 60)

    reader.come()
    reader.page.get_by_label("Search earlier studies").fill("CHEST-4712")
    expect(reader.page.get_by_text("No study matches")).to_be_visible()
    reader.page.get_by_label("Search earlier studies").fill("CHEST-4711")
    expect(reader.page.locator(".history li")).to_have_count(1)
    reader.page.goto(f"{reader.base}/#/accession/CHEST-4711")  # as a PACS does
    reader.study()
    sent = reader.page.get_by_role("region", name="Sent to")
    expect(sent).to_contain_text("arrived: film, findings, report")
    expect(sent).to_contain_text("message waits after")
    behind = reader.page.get_by_role("region", name="Results not sent")
    expect(behind).to_contain_text("1 waiting")
    expect(behind.get_by_role("button", name="Send now")).to_be_visible()

    reader.page.locator("#edit").fill("Small left pleural effusion.")
    reader.page.locator("#reviewer").fill("Ada Reader")
    reader.page.get_by_role("button", name="Accept as edited").click()
    expect(sent).to_contain_text("Verified text (review 1)")
    expect(sent).to_contain_text("arrived: findings, report")
    assert len(list(out.rglob("*.dcm"))) == 5
    assert "Doe" not in reader.page.content()  # of the patient the page knows nothing

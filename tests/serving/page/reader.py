"""A reader at the page: what the tests do again and again."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page, Route

# Each image that is in sight has been painted, or says why not.
DRAWN = """() => [...document.querySelectorAll('.view:not([hidden])')].every(view =>
    ['.view-state', '.view-note'].some(part => /[:%]/.test(view.querySelector(part).textContent)))"""
ALTERNATIVE = {"text": "The lungs are clear. The heart is normal in size.", "log_probability": -9.0}
SECTIONS = ("Findings", "Impression")
DRAFT = "Draft, not verified, not for diagnosis"


@dataclass
class Reader:
    """The page in a browser, watched.

    Parameters
    ----------
    base : the service's address.
    addresses : of every request that the page made.
    complaints : errors and warnings of the console, exceptions, violations of the CSP.
    """

    page: Page
    base: str
    addresses: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Listen from now on."""
        self.page.on("request", lambda request: self.addresses.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._console)
        # Only while someone listens does the browser hand file choosers over; to begin takes it a moment.
        self.page.on("filechooser", lambda chooser: None)

    def with_an_alternative(self) -> None:
        """From now on each caption has one alternative, whether its bundle wrote one or not."""

        def add(route: Route) -> None:
            answer = route.fetch()
            study = json.loads(answer.text())
            if study.get("caption"):
                study["caption"]["alternatives"] = [ALTERNATIVE]
            route.fulfill(response=answer, json=study)

        self.page.route(re.compile(r"/v1/captions/\w+(\?[^/]*)?$"), add)

    def _console(self, message: ConsoleMessage) -> None:
        # That an answer had an error status is for the page to tell, as the tests check.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            self.complaints.append(message.text)

    def come(self) -> None:
        """Open the page."""
        self.page.goto(self.base)
        self.page.wait_for_selector("#choose")

    def send(self, *files: Path) -> dict[str, Any]:
        """Choose the files of one study and wait for it; gives what the service says of it."""
        self.page.locator("a.new").evaluate("link => link.click()")  # may be in the closed list of a phone
        if len(files) > 1:
            self.page.get_by_label("views of one study").check()
        self.page.set_input_files("#files", [str(file) for file in files])
        return self.study()

    def study(self) -> dict[str, Any]:
        """The study that is shown, when it is done and its images are drawn."""
        self.page.wait_for_selector(".report")
        self.page.wait_for_function(DRAWN)
        identity = self.page.url.rsplit("/", 1)[1]
        answer = self.page.request.get(f"{self.base}/v1/captions/{identity}?evidence=true")
        return dict(json.loads(answer.text()))

    @property
    def draft(self) -> str:
        """The text of the draft, without the names of its sections."""
        return " ".join(line for line in self._lines() if line not in SECTIONS)

    @property
    def exported(self) -> str:
        """The draft as exports write it: a line for each section."""
        return re.sub(rf"^({'|'.join(SECTIONS)})\n", r"\1: ", "\n".join(self._lines()), flags=re.M)

    def _lines(self) -> list[str]:
        return [line for line in self.page.locator("#draft").inner_text().split("\n") if line]

    def view(self, place: int = 0) -> Locator:
        """An image of the study."""
        return self.page.locator(".view").nth(place)

    def picture(self, place: int = 0) -> bytes:
        """What an image's canvas shows, as PNG: equal where it shows the same."""
        self.settle()
        url = self.view(place).locator("canvas").evaluate("canvas => canvas.toDataURL()")
        return base64.b64decode(url.partition(",")[2])

    def settle(self) -> None:
        """Wait until what was requested is painted."""
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

"""Send results to an archive that is down, then answers 500, then refuses a class, then takes everything.

    python -m benchmarks.interop.outage [--seconds 60] [--pictures FOLDER]

`radscribe serve` gets two films by DICOM and sends their results by STOW-RS to a stand-in that counts what it
stores. Each change of `GET /v1/results`, which the page shows, is a line; so are the metrics after each step.
The ten refusals of an object take nine minutes. Pictures of the page need Chromium.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydicom
from pydicom.uid import SecondaryCaptureImageStorage

from benchmarks.interop.page import FILM, film
from benchmarks.interop.receiving import free_port, wait_for
from tests.interop.receiving import send

STUDIES = 2
OBJECTS = 3 * STUDIES


class Archive(ThreadingHTTPServer):
    """An archive that stores, answers 500, or refuses secondary captures, as its mode says."""

    mode = "500"

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.stored: Counter[str] = Counter()  # requests by SOP instance UID
        self.answers: Counter[int] = Counter()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    """Takes one object per request."""

    server: Archive

    def do_POST(self) -> None:
        """Answer as the mode of the archive says."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        part = body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
        dataset = pydicom.dcmread(BytesIO(part), stop_before_pixels=True)
        refused = self.server.mode == "refuse" and dataset.SOPClassUID == SecondaryCaptureImageStorage
        status = 500 if self.server.mode == "500" else 415 if refused else 200
        self.server.answers[status] += 1
        if status == 200:
            self.server.stored[str(dataset.SOPInstanceUID)] += 1
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class Watch:
    """Prints what changes at the destination, with the time."""

    def __init__(self, url: str) -> None:
        self._url, self._started, self._last = url, time.monotonic(), ""

    def say(self, text: str) -> None:
        """Print a line with the time."""
        print(f"{time.monotonic() - self._started:4.0f} s  {text}", flush=True)

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Look every half second until the destination is in a state."""
        while True:
            (state,) = json.loads(_get(f"{self._url}/v1/results"))["destinations"]
            line = f"waiting {state['waiting']}, given up {state['given_up']}: {state['error']}"
            if line != self._last:
                self.say(line)
                self._last = line
            if condition(state):
                return
            time.sleep(0.5)

    def metrics(self) -> None:
        """Print the metrics of the results."""
        for line in _get(f"{self._url}/metrics").decode().splitlines():
            if re.match(r"radscribe_results_(?!.*_created)", line):
                print(f"          {line}", flush=True)


def _get(url: str, *, post: bool = False) -> bytes:
    request = urllib.request.Request(url, b"" if post else None, {"Origin": url.partition("/v1")[0]})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def picture(url: str, path: Path) -> None:
    """Picture the page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/#/accession/OUT-0")
        page.get_by_text("Results not sent").wait_for()
        page.wait_for_timeout(1000)
        page.screenshot(path=path)
        browser.close()


def show(url: str, http: int, dicom: int, archive_port: int, seconds: int, pictures: Path | None) -> Archive:
    """Take the archive through its states."""
    wait_for(http)
    watch = Watch(url)
    assert send(dicom, *(film(FILM, f"OUT-{number}") for number in range(STUDIES))) == [0] * STUDIES
    watch.say(f"{STUDIES} films are acknowledged; the archive is down")
    ends = time.monotonic() + seconds
    watch.until(lambda state: state["waiting"] == OBJECTS and time.monotonic() > ends)
    watch.metrics()
    if pictures:
        picture(url, pictures / "pacs-outage-down.png")
    archive = Archive(archive_port)
    watch.say("-- the archive is up, and answers 500")
    watch.until(lambda state: "500" in str(state["error"]))
    archive.mode = "refuse"
    watch.say("-- it stores, but refuses secondary captures")
    watch.until(lambda state: state["given_up"] == STUDIES and not state["waiting"])
    watch.metrics()
    if pictures:
        picture(url, pictures / "pacs-outage-given-up.png")
    archive.mode = "store"
    watch.say("-- it takes everything; somebody presses Send now")
    (state,) = json.loads(_get(f"{url}/v1/results"))["destinations"]
    _get(f"{url}/v1/results/retry?destination={quote(state['destination'], safe='')}", post=True)
    watch.until(lambda state: not state["waiting"] and not state["given_up"])
    watch.metrics()
    return archive


def main() -> int:
    """Run it; the status is 1 if an object was lost or stored twice."""
    parser = argparse.ArgumentParser(description="An archive that is down, answers 500, and refuses a class.")
    parser.add_argument("--seconds", type=int, default=60, help="Time that it is down. [default: 60]")
    parser.add_argument("--pictures", type=Path, help="Folder for pictures of the page.")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="radscribe-outage-"))
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_bytes(base64.b64encode(bytes(32)))
    http, dicom, to = free_port(), free_port(), free_port()
    command = [sys.executable, "-W", "ignore", "-m", "radscribe.cli.main", "serve", "--port", str(http)]
    command += ["--store", str(folder / "store"), "--threads", "1", "--listen", str(dicom), "--quiet", "0.5"]
    command += ["--destination", f"stow:http://127.0.0.1:{to}/dicom-web"]
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen([*command, "--identity-key", str(folder / "key")], stdout=log, stderr=log)
    try:
        archive = show(f"http://127.0.0.1:{http}", http, dicom, to, given.seconds, given.pictures)
    finally:
        service.terminate()
        service.wait()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"answers of the archive by status: {dict(archive.answers)}")
    print(f"stored: {len(archive.stored)} of {OBJECTS} objects, in {archive.stored.total()} requests")
    return not (len(archive.stored) == archive.stored.total() == OBJECTS)


if __name__ == "__main__":
    sys.exit(main())

"""Picture the page with a study that came in by DICOM and was reviewed.

    python -m benchmarks.interop.page docs/images/results.png

It starts `radscribe serve` with a DICOM node, a folder that takes results, and an HL7 receiver that is down.
Then it sends a film of NIH ChestX-ray14, opens it by its accession number and accepts its text. It needs
Chromium.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset

from benchmarks.interop.receiving import free_port, wait_for
from tests.interop.receiving import new_study, radiograph, send

FILM = Path("examples/films/00012628_000-effusion.jpg")


def film(path: Path, accession: str) -> Dataset:
    """A film as a computed radiograph of 8 bits."""
    levels = np.asarray(Image.open(path).convert("L"))
    values = {"Rows": levels.shape[0], "Columns": levels.shape[1], "PixelData": levels.tobytes()}
    made = radiograph(new_study(), "P4711", AccessionNumber=accession, PatientName="Doe^Jane")
    for keyword, value in values.items():
        setattr(made, keyword, value)
    made.ViewPosition = "PA"
    return made


def options(port: int, folder: Path) -> list[str]:
    """Options of `radscribe serve` to receive on a port and to send results to a folder."""
    received = ["--listen", str(port), "--quiet", "0.5", "--organisation", "St. Elsewhere"]
    return [*received, "--destination", f"folder:{folder / 'out'}", "--identity-key", str(folder / "key")]


def main() -> None:
    """Take the picture."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description="Picture the page with a study that came in by DICOM.")
    parser.add_argument("picture", type=Path)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="radscribe-page-"))
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_bytes(base64.b64encode(bytes(32)))
    dicom, http = free_port(), free_port()
    command = [sys.executable, "-m", "radscribe.cli.main", "serve", "--port", str(http)]
    command += ["--store", str(folder / "store"), "--threads", "1", *options(dicom, folder)]
    service = subprocess.Popen([*command, "--destination", f"hl7:127.0.0.1:{free_port()}"])
    try:
        wait_for(http)
        assert send(dicom, film(FILM, "CHEST-4711")) == [0]
        while len(list(folder.rglob("out/*/*.dcm"))) < 3:
            time.sleep(0.5)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            page.set_default_timeout(120_000)
            page.goto(f"http://127.0.0.1:{http}/#/accession/CHEST-4711")
            page.locator("#edit").fill("Small left pleural effusion.")
            page.locator("#reviewer").fill("Ada Reader")
            page.get_by_role("button", name="Accept as edited").click()
            page.get_by_text("arrived: findings, report").scroll_into_view_if_needed()
            page.wait_for_timeout(1000)
            page.screenshot(path=given.picture)
            browser.close()
    finally:
        service.terminate()
        service.wait()
        shutil.rmtree(folder, ignore_errors=True)
    shades = Image.open(given.picture).convert("RGB").quantize(96, dither=Image.Dither.NONE)
    shades.save(given.picture, optimize=True)
    print(f"{given.picture}: {given.picture.stat().st_size} bytes")


if __name__ == "__main__":
    main()

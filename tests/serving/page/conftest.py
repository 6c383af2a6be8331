"""One service for all tests of the page, one browser a module, one context a test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from radscribe import phantom
from radscribe.imaging.reader import read
from tests.serving.page.reader import Reader

FILMS = Path(__file__).parents[3] / "examples" / "films"

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Serve = Callable[..., str]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """`serve(option, ...)` starts `radscribe serve` on a free port and gives its address."""
    pytest.importorskip("fastapi", reason="the service needs the extra serve")
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        store = tmp_path_factory.mktemp("store")
        command = [sys.executable, "-m", "radscribe.cli.main", "serve", "--port", str(port)]
        with (store / "log").open("wb") as log:
            options = ("--store", str(store / "kept"), "--threads", "1", *options)
            running.append(subprocess.Popen([*command, *options], stdout=log, stderr=log))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and running[-1].poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
            else:
                return f"http://127.0.0.1:{port}"
        raise AssertionError((store / "log").read_text())

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(30)


@pytest.fixture(scope="session")
def service(serve: Serve) -> str:
    """Address of a service that anyone on this machine may use."""
    return serve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; the tests skip where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def reader(browser: Browser, service: str) -> Iterator[Reader]:
    """A reader who has opened the page; nothing may leave this machine or be complained of."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    reader = Reader(context.new_page(), service)
    reader.watch()
    reader.come()
    yield reader
    context.close()
    assert [a for a in reader.addresses if not a.startswith((service, "blob:", "data:"))] == []
    assert reader.complaints == []


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder: films `a.png` (16 bits), `a.dcm`, `b.png`, two drawn views, two bad files."""
    folder = tmp_path_factory.mktemp("files")
    first = read(FILMS / "00003437_000-no-finding.jpg").pixels
    Image.fromarray((first * 65535).astype(np.uint16)).save(folder / "a.png")
    Image.open(FILMS / "00012628_000-effusion.jpg").save(folder / "b.png")
    study = phantom.draw_study(3, size=256)
    phantom.save(study.frontal, folder / "frontal.png")
    phantom.save(study.lateral, folder / "lateral.png")
    write_dicom(first, folder / "a.dcm")
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    (folder / "text.png").write_text("this is not a picture")
    return folder


def write_dicom(pixels: np.ndarray[tuple[int, int], np.dtype[np.float32]], path: Path) -> None:
    """A chest as a computed radiograph with 12 bits."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = generate_uid(), generate_uid()
    dataset.PatientName = "Never^Shown"
    dataset.ViewPosition = "PA"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = (pixels * 4095).round().astype("<u2").tobytes()
    dcmwrite(path, dataset, enforce_file_format=True)

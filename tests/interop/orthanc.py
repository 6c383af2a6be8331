"""Debian's Orthanc with its DICOMweb plugin, for the time of a test, on loopback."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
PACKAGES = "Debian: make test-interop installs it"
# Sends each study on when nothing was added to it for a while: what the guide shows.
ROUTE = """
function OnStableStudy(studyId, tags, metadata)
  RestApiPost('/modalities/radscribe/store', DumpJson({Resources = {studyId}, Synchronous = false}, true))
end
"""


def tool(name: str) -> str:
    """The path of a program; the test skips where it is missing."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/lib/orthanc")
    if found is None:
        pytest.skip(f"needs {name} ({PACKAGES}), which is not installed")
    return found


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Orthanc:
    """A running server: title ORTHANC."""

    def __init__(self, dicom: int, http: int) -> None:
        self.dicom, self.http = dicom, http
        self.dicomweb = f"http://127.0.0.1:{http}/dicom-web"

    def get(self, path: str) -> Any:
        """The answer of its REST interface."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
            body: bytes = answer.read()
        return json.loads(body) if answer.headers.get_content_type() == "application/json" else body

    def instances(self) -> list[dict[str, Any]]:
        """The tags of all instances."""
        return [self.get(f"/instances/{i}/simplified-tags") for i in self.get("/instances")]


@contextmanager
def running(radscribe: int | None = None) -> Iterator[Orthanc]:
    """Start Orthanc; it routes stable studies to a node on the port `radscribe`."""
    program = tool("Orthanc")
    if not PLUGIN.exists():
        pytest.skip(f"needs orthanc-dicomweb ({PACKAGES}), which is not installed")
    server = Orthanc(free_port(), free_port())
    folder = Path(tempfile.mkdtemp(prefix="radscribe-orthanc-"))
    (folder / "route.lua").write_text(ROUTE)
    configuration = {
        "StorageDirectory": str(folder / "data"),
        "IndexDirectory": str(folder / "data"),
        "HttpPort": server.http,
        "DicomPort": server.dicom,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "DicomAlwaysAllowStore": True,
        "StableAge": 1,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "DicomModalities": {"radscribe": ["RADSCRIBE", "127.0.0.1", radscribe or 1]},
        "LuaScripts": [str(folder / "route.lua")] if radscribe else [],
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                server.get("/system")
                break
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((folder / "log").read_text()[-2000:]) from None
                time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)

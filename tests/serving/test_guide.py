"""The security guide states the limits and defaults of the code, and its proxy configuration works."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from radscribe.imaging.limits import MAX_PIXELS
from radscribe.serving import arrivals, credentials, security, sessions, upload
from radscribe.serving.cleaning import sandbox
from radscribe.serving.counters import Attempts
from radscribe.serving.queue import StudyQueue
from radscribe.serving.routes import dicomweb, images
from radscribe.serving.settings import MEGABYTE, ConnectionLimits, Limits, Settings

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "security.md"


def section(title: str) -> str:
    return GUIDE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def stated() -> dict[str, str]:
    """The default that the guide states for each limit."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]*\| [^|]*\|$", section("Limits"), re.M)
    return dict(rows[1:])


def test_each_limit_has_the_default_that_the_guide_states(tmp_path: Path) -> None:
    limits, connection, settings = Limits(), ConnectionLimits(), Settings(tmp_path)
    node = pytest.importorskip("radscribe.interop.node", reason="needs the extra interop").NodeSettings()
    megapixels = f"{round(MAX_PIXELS / 1e6)} megapixels"
    assert sandbox.Sandbox()._budget == MAX_PIXELS
    assert stated() == {
        "request line and headers": f"{connection.head_bytes >> 10} kB",
        "time for the head, from the connection or the last answer": f"{connection.head_seconds:g} s",
        "idle connection after an answer": f"{connection.idle_seconds} s",
        "open connections; a further one replaces the oldest idle one": f"{connection.connections:,}",
        "connections per client address (not the proxy on this machine)": str(connection.per_client),
        f"upload rate over each {connection.rate_seconds:g} s": f"{connection.rate >> 10} kB/s",
        "time for an upload": f"{limits.upload_seconds:g} s",
        "a client that does not read its answer": f"{connection.write_seconds:g} s",
        "file, request, files per study": f"{limits.file_bytes // MEGABYTE} MB, "
        f"{limits.request_bytes // MEGABYTE} MB, {limits.files}",
        "form parts": f"files + {upload.FIELDS}; no field twice",
        "[STOW-RS](hospital.md): instances per request": f"{dicomweb.MOST_INSTANCES:,}",
        "STOW-RS: requests at a time, and of one client": "6, 3",
        "STOW-RS: studies of one client that wait in the spool": str(arrivals.MOST_WAITING),
        "grouping of files: requests at a time, and of one client": "4, 2",
        "passwords hashed at a time": f"{security.HASHING.total_tokens:g}",
        "sessions of one user": str(sessions.MOST),
        "other request bodies": f"{security.BODY_BYTES // 1000} kB",
        "studies under way, per process": str(settings.queue),
        "studies per minute of one user or address, over all [replicas](replicas.md)": "none",
        "share of one user or address in the queue": "three quarters",
        "decoding processes; one client uses at most two": str(settings.intake_processes),
        "pixels per image, and decoded at a time": megapixels,
        "time for a file's header, then to decode it": f"{sandbox.HEADER_SECONDS:g} s, "
        f"{settings.intake_seconds:g} s",
        "address space of a decoding process": f"{sandbox.ADDRESS_SPACE >> 30} GB",
        "images decoded at a time to be shown or inverted": f"{images.DECODING.total_tokens:g}",
        "DICOM associations": str(node.associations),
        "DICOM instance": f"{node.instance_bytes // MEGABYTE} MB",
        "DICOM association without a message, and in all": f"{node.idle_seconds:g} s, "
        f"{node.lifetime_seconds / 3600:g} h",
        "free disk space": f"{settings.free_bytes >> 30} GB",
    }
    assert settings.client_rate is None
    queue = StudyQueue(settings.queue)
    assert queue._per_client * 4 == settings.queue * 3


def test_the_guide_states_the_strength_of_credentials_and_the_length_of_a_session() -> None:
    text = " ".join(section("Users and roles").split())
    attempts = Attempts.__init__.__defaults__
    assert attempts == (10, 300.0)
    for words in (
        f"at least {credentials.SHORTEST_PASSWORD} characters",
        f"ends after {credentials.SESSION_SECONDS // 3600} hours",
        f"After {attempts[0]} failed attempts",
        f"up to {attempts[1] / 60:g} minutes",
    ):
        assert words in text


def test_nginx_accepts_the_configuration_of_the_guide(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/bin")
    if nginx is None:
        pytest.skip("needs nginx (.ci/packages), which is not installed")
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            str(tmp_path / "key"),
            "-out",
            str(tmp_path / "cert"),
            "-subj",
            "/CN=xray.example",
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("needs openssl")
    (server,) = re.findall(r"```nginx\n(.*?)```", section("Hardening"), re.S)
    server = server.replace("/etc/ssl/xray.pem", str(tmp_path / "cert"))
    server = server.replace("/etc/ssl/private/xray.key", str(tmp_path / "key"))
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{server}}}\n"
    )
    tested = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", str(configuration)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stderr

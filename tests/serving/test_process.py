"""Real processes: what SIGKILL leaves, what SIGTERM finishes, what the command line says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.serving.running import RunningService, multipart
from radscribe import phantom
from radscribe.data.manifest import Manifest
from radscribe.imaging.reader import read
from radscribe.serving.store import reads
from radscribe.serving.store.store import Store


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chest") / "chest.png"
    phantom.save(phantom.draw(1, (), size=256), path)
    return path


def send(service: RunningService, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(service.address + path, body, {"Content-Type": kind} if kind else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def post(service: RunningService, chest: Path, **fields: str) -> tuple[int, Any]:
    kind, body = multipart(chest, **fields)
    return send(service, "/v1/captions", body, kind)


def all_done(service: RunningService, count: int) -> list[dict[str, Any]]:
    for _ in range(300):
        _, page = send(service, "/v1/captions?limit=100&status=done")
        if len(page["captions"]) == count:
            break
        time.sleep(0.1)
    found: list[dict[str, Any]] = page["captions"]
    return found


def test_a_kill_loses_no_study_and_a_restart_captions_each_once(tmp_path: Path, chest: Path) -> None:
    store = tmp_path / "store"
    with RunningService(store, "--threads", "1") as service:
        accepted = [post(service, chest, wait="false")[1]["id"] for _ in range(12)]
        service.kill()
    with RunningService(store, "--threads", "1") as service:
        assert {record["id"] for record in all_done(service, 12)} == set(accepted)
        for study_id in accepted:
            _, trail = send(service, f"/v1/captions/{study_id}/audit")
            assert [row["action"] for row in trail["audit"]] == ["accepted", "done"]


def test_sigterm_finishes_what_was_accepted_and_readyz_says_so(tmp_path: Path, chest: Path) -> None:
    store = tmp_path / "store"
    with RunningService(store, "--threads", "1") as service:
        answers: list[tuple[int, Any]] = []
        clients = [threading.Thread(target=lambda: answers.append(post(service, chest))) for _ in range(12)]
        for client in clients:
            client.start()
        while held(service) + len(answers) < len(clients):
            time.sleep(0.01)
        service.process.send_signal(signal.SIGTERM)
        states = set()
        while service.process.poll() is None:
            # No answer, or one that is no JSON: it has ended, or has not begun to.
            with contextlib.suppress(OSError, json.JSONDecodeError):
                states.add(send(service, "/readyz")[0])
            time.sleep(0.01)
        for client in clients:
            client.join()
    assert service.process.returncode == 0
    assert 503 in states
    assert [(status, body["status"]) for status, body in answers] == [(200, "done")] * 12
    left = Store(store)
    assert len(left.read(reads.page, status="done", limit=100)) == 12
    left.close()


def held(service: RunningService) -> int:
    with urllib.request.urlopen(f"{service.address}/metrics") as response:
        found = re.search(rb"^radscribe_queue_held (\d+)", response.read(), re.MULTILINE)
    return int(found[1]) if found else 0


def test_a_slow_upload_is_answered_408(tmp_path: Path) -> None:
    with (
        RunningService(tmp_path / "store", "--threads", "1", "--upload-time", "0.3") as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection,
    ):
        connection.sendall(
            b"POST /v1/captions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 408")


def test_a_file_that_is_too_large_is_answered_while_it_streams(tmp_path: Path) -> None:
    with (
        RunningService(tmp_path / "store", "--threads", "1", "--max-file", "1") as service,
        socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection,
    ):
        connection.sendall(
            b"POST /v1/captions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            b'Content-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        )
        connection.sendall(b"x" * 1_100_000)
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_who_sends_a_large_body_sees_why_it_is_refused(tmp_path: Path) -> None:
    """An answer before the end of the body must not be lost in a connection that is reset."""
    token, large = tmp_path / "token", tmp_path / "large"
    token.write_text("a-token-of-many-characters")
    large.write_bytes(b"x" * 20_000_000)
    kind, body = multipart(large)
    options = ("--threads", "1", "--max-file", "1", "--token-file", str(token))
    with RunningService(tmp_path / "store", *options) as service:
        for header, status in (("", 401), (f"Bearer {token.read_text()}", 413)):
            request = urllib.request.Request(
                f"{service.address}/v1/captions", body, {"Content-Type": kind, "Authorization": header}
            )
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(request, timeout=30)
            assert error.value.code == status


def test_reviews_are_exported_as_a_manifest(tmp_path: Path, chest: Path) -> None:
    store, out = tmp_path / "store", tmp_path / "reviewed"
    with RunningService(store, "--threads", "1") as service:
        ids = [post(service, chest)[1]["id"] for _ in range(3)]
        review = {"text": "There is a small left effusion. No pneumothorax.", "reviewer": "A. Reader"}
        for study_id, decision in zip(ids, ("accept", "reject"), strict=False):
            body = json.dumps({**review, "decision": decision}).encode()
            assert send(service, f"/v1/captions/{study_id}/review", body, "application/json")[0] == 201
        with urllib.request.urlopen(f"{service.address}/v1/reviewed.jsonl") as response:
            streamed = response.read()
    result = run("export-reviews", "--store", store, "--out", out)
    assert result.returncode == 0, result.stderr
    manifest = Manifest(out)
    manifest.validate()
    (study,) = list(manifest)
    assert study.id == ids[0]
    assert study.report is not None
    assert study.report.findings == review["text"]
    assert study.labels == {"Effusion": 1.0, "Pneumothorax": 0.0}
    assert np.array_equal(read(manifest.root / study.images[0].path).pixels, read(chest).pixels)
    assert streamed == (out / "manifest.jsonl").read_bytes()


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "radscribe.cli.main", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | environment, timeout=60
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "0.0.0.0"), "--token-file or --basic"),
        (("--basic", "nobody"), "USER:FILE"),
        (("--token-file", "missing"), "missing"),
        (("--database", "mysql://x/y"), "mysql"),
        (("--bundle", "missing"), "no such bundle"),
    ],
)
def test_what_is_wrong_at_the_start_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    result = run("serve", "--store", tmp_path / "store", *arguments)
    assert result.returncode in (1, 2)
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--store", tmp_path / "store", "--port", str(taken.getsockname()[1]))
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert "address already in use" in result.stderr

"""Attack your own service and print the cost.

    python -m benchmarks.serving.attacks [--only NAME] [--before SRC]

Each attack takes at most a minute and 100 MB, on a port of 127.0.0.1 that this command opened. With
`--before`, the same attacks also run against the `src` of another checkout, for comparison.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.serving.attacks import files
from benchmarks.serving.attacks.watch import Watch
from benchmarks.serving.running import RunningService, draw, multipart

MOST = 100_000_000  # bytes that an attack sends
SECONDS = 30.0


def flood(service: RunningService, head: bytes, part: bytes) -> str:
    """Send a part again and again until the service hangs up."""
    sent, ends = 0, time.monotonic() + SECONDS
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
        try:
            connection.sendall(head)
            while sent < MOST and time.monotonic() < ends:
                connection.sendall(part)
                sent += len(part)
        except OSError:
            return f"cut off after {sent / 1e6:.1f} MB"
    return f"{sent / 1e6:.0f} MB were taken"


def endless_headers(service: RunningService) -> str:
    """Header lines without end."""
    return flood(service, b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: yyyyyyyyyyyyyyyy\r\n" * 3000)


def endless_header(service: RunningService) -> str:
    """One header without end."""
    return flood(service, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"y" * 65536)


def idle_connections(service: RunningService) -> str:
    """1,200 connections that say nothing, held for 15 seconds."""
    held = []
    for _ in range(1200):
        try:
            held.append(socket.create_connection(("127.0.0.1", service.port), timeout=2))
        except OSError:
            break
    time.sleep(15)
    still = sum(_is_open(connection) for connection in held)
    for connection in held:
        connection.close()
    return f"{still} of {len(held)} open after 15 s"


def _is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        while connection.recv(65536):  # an answer, which may come before the end
            pass
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def send(service: RunningService, name: str, data: bytes, source: str = "127.0.0.1") -> tuple[int, float]:
    """Post a file; gives the status (0: no answer) and the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        kind, body = multipart(path)
    return post(service, kind, body, source)


def post(
    service: RunningService, kind: str, body: bytes, source: str = "127.0.0.1", path: str = "/v1/captions"
) -> tuple[int, float]:
    started = time.monotonic()
    connection = http.client.HTTPConnection(
        "127.0.0.1", service.port, timeout=2 * SECONDS, source_address=(source, 0)
    )
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        return answer.status, time.monotonic() - started
    except (OSError, http.client.HTTPException):
        return 0, time.monotonic() - started
    finally:
        connection.close()


def together(tasks: list[Callable[[], tuple[int, float]]]) -> str:
    """Run tasks at the same time; the statuses, and the longest time."""
    answers: list[tuple[int, float]] = []
    threads = [threading.Thread(target=lambda task=task: answers.append(task())) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sorted({status for status, _ in answers})
    return f"statuses {statuses}, longest {max(seconds for _, seconds in answers):.1f} s"


def dicom_sequence(service: RunningService) -> str:
    """A small deflated DICOM object with three million empty items."""
    data = files.dicom_bomb(3_000_000)
    status, seconds = send(service, "bomb.dcm", data)
    return f"{len(data) / 1000:.0f} kB: {status} after {seconds:.1f} s"


def tiff_directories(service: RunningService) -> str:
    """A TIFF of 50,000 frames."""
    data = files.tiff_of_frames(50_000)
    status, seconds = send(service, "frames.tif", data)
    return f"{len(data) / 1e6:.1f} MB: {status} after {seconds:.1f} s"


def large_pictures(service: RunningService) -> str:
    """Four pictures of 67 megapixels at a time."""
    data = files.large_picture()
    return together([lambda: send(service, "large.tif", data)] * 4)


def inverting(service: RunningService) -> str:
    """Six requests at a time to invert a stored picture of 36 megapixels."""
    send(service, "large.tif", files.large_picture(6000))
    with urllib.request.urlopen(f"{service.address}/v1/captions", timeout=30) as answer:
        path = f"/v1/captions/{json.load(answer)['captions'][0]['id']}/recaption?invert=true"
    return together([lambda: post(service, "text/plain", b"", path=path)] * 6)


def slow_uploads(service: RunningService) -> str:
    """130 uploads of one client that bring a byte per second, and an honest client beside them."""
    head = (
        b"POST /v1/captions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    held = []
    for _ in range(130):
        connection = socket.socket()
        connection.bind(("127.0.0.2", 0))
        connection.connect(("127.0.0.1", service.port))
        connection.sendall(head)
        held.append(connection)
    time.sleep(1)
    with tempfile.TemporaryDirectory() as folder:
        (chest,) = draw(Path(folder), 1, 256)
        status, seconds = send(service, "chest.png", chest.read_bytes())
    ends = time.monotonic() + 15
    while time.monotonic() < ends:
        for connection in held:
            try:
                connection.sendall(b"x")
            except OSError:
                continue
        time.sleep(1)
    left = sum(_is_open(connection) for connection in held)
    for connection in held:
        connection.close()
    return f"honest client: {status} after {seconds:.1f} s; {left} of 130 still open after 15 s"


def form_fields(service: RunningService) -> str:
    """A form with one field a million times."""
    kind, body = files.repeated_fields(1_000_000)
    status, seconds = post(service, kind, body)
    return f"{len(body) / 1e6:.0f} MB: {status} after {seconds:.1f} s"


TOKEN = "0123456789-abcdefghij"


def guessing(service: RunningService) -> str:
    """200 wrong tokens as fast as they go, at a service with a token."""
    answers: dict[int, int] = {}
    for n in range(200):
        status = ask(service, "/v1/captions", {"Authorization": f"Bearer {n}"})[0]
        answers[status] = answers.get(status, 0) + 1
    return ", ".join(f"{count} answered {status}" for status, count in sorted(answers.items()))


def stolen_cookie(service: RunningService) -> str:
    """Use a copy of the cookie after its owner has signed out."""
    _, headers = ask(service, "/v1/session", {"Authorization": f"Bearer {TOKEN}"}, "POST")
    cookie = headers.get("set-cookie", "").partition(";")[0]
    ask(service, "/v1/session", {"Cookie": cookie}, "DELETE")
    status, _ = ask(service, "/v1/captions", {"Cookie": cookie})
    return f"the copy is answered {status}"


def late_reviews(service: RunningService) -> str:
    """Twelve reviews at the moment of a deletion, and eight at the same time of one study."""
    late = 0
    for _ in range(12):
        path = example(service)
        threads = [
            threading.Thread(target=ask, args=(service, path, {}, "DELETE")),
            threading.Thread(target=review, args=(service, path)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with urllib.request.urlopen(f"{service.address}{path}/audit") as answer:
            late += json.load(answer)["audit"][-1]["action"] == "reviewed"
    path = example(service)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(review(service, path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return f"{late} of 12 came after the deletion; {statuses.count(201)} of 8 concurrent ones were kept"


def example(service: RunningService) -> str:
    request = urllib.request.Request(f"{service.address}/v1/examples/normal", b"", method="POST")
    with urllib.request.urlopen(request) as answer:
        return f"/v1/captions/{json.load(answer)['id']}"


def review(service: RunningService, path: str) -> int:
    body = json.dumps({"text": "Clear.", "decision": "accept", "reviewer": "Dr A"}).encode()
    return post(service, "application/json", body, path=f"{path}/review")[0]


def ask(
    service: RunningService, path: str, headers: dict[str, str], method: str = "GET"
) -> tuple[int, dict[str, str]]:
    request = urllib.request.Request(service.address + path, None, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {key.lower(): value for key, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return error.code, {}


ATTACKS = (
    endless_headers,
    endless_header,
    idle_connections,
    dicom_sequence,
    tiff_directories,
    large_pictures,
    inverting,
    slow_uploads,
    form_fields,
    guessing,
    stolen_cookie,
    late_reviews,
)
WITH_TOKEN = (guessing, stolen_cookie)


def attack(run: Callable[[RunningService], str], source: Path | None) -> None:
    """Start a service, attack it and print a line of the table."""
    if source is not None:
        os.environ["PYTHONPATH"] = str(source)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--threads", "1", "--keep-free", "0"]
        if run in WITH_TOKEN:
            token = Path(folder, "token")
            token.write_text(TOKEN)
            token.chmod(0o600)
            options += ["--token-file", str(token)]
        with RunningService(Path(folder, "store"), *options) as service:
            with Watch(service) as watch:
                outcome = run(service)
            alive = service.process.poll() is None
            unanswered = f", {watch.unanswered} unanswered" if watch.unanswered else ""
            print(
                f"| {(run.__doc__ or '').rstrip('.')} | {'before' if source else 'after'} | {outcome} "
                f"| {watch.before:.0f} → {watch.peak:.0f} MB | {watch.slowest:.2f} s{unanswered} "
                f"| {'alive' if alive else 'DEAD'} |",
                flush=True,
            )
            service.kill()  # an attack may still keep it busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[run.__name__ for run in ATTACKS], help="one attack")
    parser.add_argument("--before", type=Path, metavar="SRC", help="src of another checkout to compare with")
    arguments = parser.parse_args()
    print("| attack | | outcome | memory | slowest /healthz | service |\n|---|---|---|---|---|---|")
    own = os.environ.get("PYTHONPATH", "")
    for run in ATTACKS:
        if arguments.only in (None, run.__name__):
            if arguments.before is not None:
                attack(run, arguments.before)
            os.environ["PYTHONPATH"] = own
            attack(run, None)


if __name__ == "__main__":
    main()

"""Kill the service repeatedly during work: every accepted study must get exactly one caption.

    python -m benchmarks.serving.kill [--kills 5] [--clients 16] [--database URL]

Clients post without waiting and note each id. The service is killed at random moments and restarted on the
same store. At the end each noted id must have one draft in the audit trail.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

from benchmarks.serving.running import RunningService, draw, free_port, multipart

FILES, SIZE = 16, 256


def client(address: str, files: list[Path], accepted: list[str], ends: threading.Event, seed: int) -> None:
    """Post until the end; a service that is away is waited for."""
    chosen = random.Random(seed)
    while not ends.is_set():
        kind, body = multipart(chosen.choice(files), wait="false")
        request = urllib.request.Request(f"{address}/v1/captions", body, {"Content-Type": kind})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                accepted.append(json.loads(response.read())["id"])
        except (OSError, ValueError):  # killed, starting, or full: none was accepted that we know of
            time.sleep(0.05)


def wait_until_done(address: str) -> None:
    """Until nothing is queued or running."""
    for status in ("queued", "running"):
        while fetch(f"{address}/v1/captions?limit=1&status={status}")["captions"]:
            time.sleep(0.2)


def fetch(url: str) -> dict[str, list[dict[str, str]]]:
    with urllib.request.urlopen(url, timeout=30) as response:
        found: dict[str, list[dict[str, str]]] = json.loads(response.read())
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3, help="at most between kills")
    parser.add_argument("--database")
    arguments = parser.parse_args()
    options = ["--database", arguments.database] if arguments.database else []
    accepted: list[str] = []
    ends = threading.Event()
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        files = draw(folder / "images", FILES, SIZE)
        service = RunningService(folder / "store", *options, port=port)
        threads = [
            threading.Thread(target=client, args=(service.address, files, accepted, ends, seed))
            for seed in range(arguments.clients)
        ]
        for thread in threads:
            thread.start()
        for _ in range(arguments.kills):
            time.sleep(random.uniform(0.2, arguments.seconds))
            service.kill()
            service = RunningService(folder / "store", *options, port=port)
        ends.set()
        for thread in threads:
            thread.join()
        wait_until_done(service.address)
        drafts = Counter(
            sum(row["action"] in ("done", "refused", "failed") for row in trail)
            for trail in (fetch(f"{service.address}/v1/captions/{i}/audit")["audit"] for i in accepted)
        )
        statuses = Counter(str(fetch(f"{service.address}/v1/captions/{i}")["status"]) for i in accepted)
        service.stop()
    print(f"{arguments.kills} kills, {len(accepted)} studies accepted, by status: {dict(statuses)}")
    print(f"drafts of a study → studies: {dict(drafts)} (must be 1 alone)")
    return int(set(drafts) != {1})


if __name__ == "__main__":
    raise SystemExit(main())

"""Honest and hostile clients together: latency, memory, and whether every accepted study gets its draft.

    python -m benchmarks.serving.mixed [--minutes 3] [--alone 3] [--rounds 1] [--clients 6] [--pause 0.2]

In each round, honest clients are alone first, then with a third as many hostile ones, so a quarter of all are
hostile. Several rounds even out what else the machine does. Honest clients come from 127.0.0.1, hostile ones
from 127.0.0.2 upwards.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.serving.attacks import files
from benchmarks.serving.attacks.__main__ import post
from benchmarks.serving.attacks.watch import tree_memory
from benchmarks.serving.running import RunningService, draw, multipart


class Load:
    """Clients of one phase."""

    def __init__(self, service: RunningService, images: list[Path], ends: float, pause: float) -> None:
        self._service, self._ends, self._pause = service, ends, pause
        self._bodies = [multipart(image) for image in images]
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.hostile: Counter[int] = Counter()
        bomb, large = files.dicom_bomb(1_000_000), files.large_picture(4000)
        with tempfile.TemporaryDirectory() as folder:
            self._attacks = []
            for name, data in (
                ("bomb.dcm", bomb),
                ("large.tif", large),
                ("frames.tif", files.tiff_of_frames(5000)),
            ):
                path = Path(folder, name)
                path.write_bytes(data)
                self._attacks.append(multipart(path))
        self._attacks.append(files.repeated_fields(100_000))

    def honest(self, n: int) -> None:
        """Post films one after the other."""
        chosen = random.Random(n)
        while time.monotonic() < self._ends:
            status, seconds = post(self._service, *chosen.choice(self._bodies))
            self.statuses[status] += 1
            self.seconds.append(seconds)
            time.sleep(self._pause)

    def attacker(self, n: int) -> None:
        """Post hostile files, and now and then leave a connection half open."""
        chosen, held = random.Random(1000 + n), []
        while time.monotonic() < self._ends:
            status, _ = post(self._service, *chosen.choice(self._attacks), source=f"127.0.0.{2 + n}")
            self.hostile[status] += 1
            half = socket.create_connection(("127.0.0.1", self._service.port))
            half.sendall(b"POST /v1/captions HTTP/1.1\r\nHost: localhost\r\n")
            held.append(half)
            time.sleep(self._pause)
        for half in held:
            half.close()


def phase(
    service: RunningService, images: list[Path], seconds: float, honest: int, hostile: int, pause: float
) -> Load:
    """Run the clients, sample memory, and print a line."""
    load = Load(service, images, time.monotonic() + seconds, pause)
    threads = [threading.Thread(target=load.honest, args=(n,)) for n in range(honest)]
    threads += [threading.Thread(target=load.attacker, args=(n,)) for n in range(hostile)]
    memory = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        memory.append(service.resident())
        time.sleep(1)
    tree = tree_memory(service.process.pid)
    print(
        f"| {honest} honest, {hostile} hostile | {len(load.seconds)} | {dict(load.statuses)} "
        f"| {quantile(load.seconds, 50):.2f} s | {quantile(load.seconds, 99):.2f} s | {dict(load.hostile)} "
        f"| {memory[0]:.0f}, {max(memory):.0f}, {memory[-1]:.0f} MB | {tree:.0f} MB |",
        flush=True,
    )
    return load


def quantile(seconds: list[float], percent: int) -> float:
    """Return a percentile; 0 without any value."""
    return float(np.percentile(seconds, percent)) if seconds else 0.0


def unfinished(service: RunningService) -> tuple[int, int]:
    """Accepted studies, and those without a draft."""
    total, open_, before = 0, 0, ""
    while True:
        with urllib.request.urlopen(f"{service.address}/v1/captions?limit=100{before}") as answer:
            page = json.load(answer)
        total += len(page["captions"])
        open_ += sum(record["status"] in ("queued", "running") for record in page["captions"])
        if page["next"] is None:
            return total, open_
        before = f"&before={page['next']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="with hostile clients, in all rounds")
    parser.add_argument("--alone", type=float, default=3.0, help="minutes without, in all rounds")
    parser.add_argument("--rounds", type=int, default=1, help="times that both follow each other")
    parser.add_argument("--clients", type=int, default=6, help="honest clients")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds from an answer to the next request")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = draw(Path(folder, "images"), 8, 320)
        with RunningService(Path(folder, "store"), "--threads", "1", "--keep-free", "0") as service:
            print("| clients | honest answers | statuses | median | p99 | hostile statuses | memory | tree |")
            print("|---|---|---|---|---|---|---|---|")
            honest, hostile = arguments.clients, max(1, arguments.clients // 3)
            pause, rounds = arguments.pause, arguments.rounds
            loads = [phase(service, images, 10, 2, 0, pause)]  # warms up
            alone: list[float] = []
            beside: list[float] = []
            for _ in range(rounds):
                loads.append(phase(service, images, 60 * arguments.alone / rounds, honest, 0, pause))
                alone += loads[-1].seconds
                loads.append(phase(service, images, 60 * arguments.minutes / rounds, honest, hostile, pause))
                beside += loads[-1].seconds
            time.sleep(5)
            total, open_ = unfinished(service)
            slow, usual = quantile(beside, 99), quantile(alone, 99)
            print(
                f"p99 beside hostile clients is {slow:.2f} s, {slow / usual:.2f} times p99 without, "
                f"{usual:.2f} s (goal: at most 2)"
            )
            accepted = sum(load.statuses[code] + load.hostile[code] for load in loads for code in (200, 202))
            print(f"{accepted} were answered 200 or 202, {total} are in the store, {open_} have no draft")


if __name__ == "__main__":
    main()

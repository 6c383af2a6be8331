"""Throughput of `radscribe serve` against the bare engine, over the same files in one run.

    python -m benchmarks.serving.load [--seconds 60] [--clients 64] [--images FOLDER | --films SYNTAX]

SYNTAX is a transfer syntax of DICOM, such as uncompressed; the films have 5 megapixels.

First the engine alone captions the files for a while. Then clients post them over loopback, each waiting for
its caption before the next. Then the engine runs once more. Clients use the same cores. Every caption must
equal that of the engine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import radscribe
from benchmarks.imaging.reading_speed import SYNTAXES, film, write
from benchmarks.serving.running import RunningService, draw, multipart

FILES, SIZE = 64, 512
FILMS = 8  # of 5 megapixels
WARM_UP = 5.0  # seconds that do not count


@dataclass(frozen=True, slots=True)
class Pace:
    """Images per second, and milliseconds of processor time per image."""

    images: float
    processor: float


def draw_films(folder: Path, syntax: str) -> list[Path]:
    """Write films of 5 megapixels whose grey values differ a little."""
    pixels = film()
    files = [folder / f"{number}.dcm" for number in range(FILMS)]
    for number, file in enumerate(files):
        write(np.maximum(pixels, np.uint16(16 * number)), SYNTAXES[syntax], file)
    return files


def bare(files: list[Path], seconds: float) -> tuple[Pace, dict[str, str | None]]:
    """The pace of `Captioner.stream`, and the caption of each file."""
    captioner = radscribe.load()
    texts: dict[str, str | None] = {}
    captioner.caption(files[0])
    started, processor = time.perf_counter(), time.process_time()
    count = 0
    for caption in captioner.stream(itertools.cycle(files)):
        texts[Path(caption.files[0]).name] = caption.text
        count += 1
        if time.perf_counter() - started > seconds and len(texts) == len(files):
            break
    spent = time.process_time() - processor
    return Pace(count / (time.perf_counter() - started), 1000 * spent / count), texts


async def client(
    address: tuple[str, int],
    requests: list[tuple[str, bytes]],
    first: int,
    texts: dict[str, str | None],
    ends: float,
    seen: list[tuple[float, float, int]],
) -> int:
    """Post one file after the other until the time is over; returns the number of wrong captions."""
    reader, writer = await asyncio.open_connection(*address)
    wrong = 0
    for number in itertools.count(first):
        name, request = requests[number % len(requests)]
        started = time.perf_counter()
        if started > ends:
            break
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        body = await reader.readexactly(length)
        status = int(head.split(" ", 2)[1])
        seen.append((started, time.perf_counter() - started, status))
        if status == 200:
            wrong += json.loads(body)["caption"]["text"] != texts[name]
        elif status == 429:
            await asyncio.sleep(float(head.split("retry-after:", 1)[1].split("\r\n", 1)[0]))
    writer.close()
    return wrong


async def load(
    service: RunningService, files: list[Path], texts: dict[str, str | None], clients: int, seconds: float
) -> Pace:
    """Let clients post, and print what they saw."""
    requests = []
    for file in files:
        kind, body = multipart(file)
        head = (
            f"POST /v1/captions HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        requests.append((file.name, head.encode() + body))
    seen: list[tuple[float, float, int]] = []
    counts_from = time.perf_counter() + WARM_UP
    ends = counts_from + seconds
    address = ("127.0.0.1", service.port)
    tasks = [
        asyncio.create_task(client(address, requests, n * len(files) // clients, texts, ends, seen))
        for n in range(clients)
    ]
    await asyncio.sleep(WARM_UP)
    processor = service.processor_seconds()
    memory = []
    while time.perf_counter() < ends:
        await asyncio.sleep(1)
        memory.append(service.resident())
    processor = service.processor_seconds() - processor
    wrong = sum(await asyncio.gather(*tasks))
    done = [(at + took, took) for at, took, status in seen if status == 200]
    times = sorted(took for at, took in done if counts_from < at <= ends)
    half = len(memory) // 2
    print(f"{clients} clients: {len(times)} captions, {wrong} not the engine's")
    print(f"latency: p50 {times[len(times) // 2]:.3f} s, p99 {times[int(len(times) * 0.99)]:.3f} s")
    print(f"answers by status: {dict(Counter(status for _, _, status in seen))}")
    print(
        f"resident memory at most: {max(memory[:half]):.0f} MB in the first half, "
        f"{max(memory[half:]):.0f} MB in the second"
    )
    return Pace(len(times) / seconds, 1000 * processor / len(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--images", type=Path, help="folder of images; else phantoms are drawn")
    parser.add_argument("--films", choices=SYNTAXES, help="draw DICOM films of 5 megapixels")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.images:
            files = sorted(path for path in arguments.images.iterdir() if path.is_file())[:FILES]
        elif arguments.films:
            files = draw_films(Path(folder), arguments.films)
        else:
            files = draw(Path(folder) / "images", FILES, SIZE)
        size = sum(file.stat().st_size for file in files) / len(files) / 1024
        print(f"{len(files)} files of {size:.0f} kB")
        alone = arguments.seconds / 3
        before, texts = bare(files, alone)
        with RunningService(Path(folder) / "store") as service:
            served = asyncio.run(load(service, files, texts, arguments.clients, arguments.seconds))
        after, _ = bare(files, alone)
        for name, pace in (("engine before", before), ("service", served), ("engine after", after)):
            print(f"{name:14} {pace.images:6.1f} images/s, {pace.processor:5.1f} ms of processor time each")
        print(f"service / engine: {2 * served.images / (before.images + after.images):.2f} (goal 0.9)")


if __name__ == "__main__":
    main()

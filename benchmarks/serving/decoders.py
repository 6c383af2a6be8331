"""Send mutated images to the service: it must stay alive and answer in time if a decoder crashes or hangs.

python -m benchmarks.serving.decoders --count 2000 [--seed 1]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.data.data_manager import DATA_ROOT

from benchmarks.serving.attacks.__main__ import post
from benchmarks.serving.running import RunningService, multipart

CLIENTS = 4
DEADLINE = 45.0  # seconds: header, decoding, and the wait for a caption


def originals() -> list[tuple[str, bytes]]:
    """Small files of each format and codec."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 255, (96, 80), dtype=np.uint8)
    grey, deep = Image.fromarray(levels), Image.fromarray(levels.astype(np.uint16) * 257)
    found = []
    for kind, image, options in (
        ("PNG", grey, {}),
        ("PNG", deep, {}),
        ("JPEG", grey, {}),
        ("JPEG", grey.convert("RGB"), {"progressive": True}),
        ("TIFF", grey, {"compression": "tiff_lzw"}),
        ("TIFF", grey, {"compression": "jpeg"}),
        ("TIFF", deep, {"compression": "tiff_adobe_deflate"}),
        ("WEBP", grey.convert("RGB"), {}),
        ("BMP", grey, {}),
    ):
        buffer = BytesIO()
        image.save(buffer, format=kind, **options)
        found.append((f"a.{kind.lower()}", buffer.getvalue()))
    for path in sorted((Path(DATA_ROOT) / "test_files").glob("*.dcm")):
        if path.stat().st_size < 400_000:
            found.append((path.name, path.read_bytes()))
    return found


def mutated(data: bytes, chosen: random.Random) -> bytes:
    """Flip, cut, repeat and insert bytes."""
    changed = bytearray(data)
    for _ in range(chosen.choice((1, 2, 8, 64))):
        at = chosen.randrange(len(changed)) if changed else 0
        match chosen.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([chosen.randrange(256)])
            case 1:
                del changed[at : at + chosen.randrange(1, 64)]
            case 2:
                changed[at:at] = changed[at : at + chosen.randrange(1, 64)]
            case 3:
                changed[at : at + 4] = chosen.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))
            case _:
                changed[at:at] = bytes(chosen.randrange(256) for _ in range(chosen.randrange(1, 16)))
    return bytes(changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="files")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    arguments = parser.parse_args()
    chosen, found = random.Random(arguments.seed), originals()
    statuses: Counter[int] = Counter()
    slowest, late = 0.0, 0
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningService(Path(folder, "store"), "--threads", "1", "--keep-free", "0") as service,
    ):

        def send(n: int) -> tuple[int, float]:
            name, data = found[n % len(found)]
            path = Path(folder, f"{n}-{name}")
            path.write_bytes(mutated(data, chosen))
            kind, body = multipart(path)
            path.unlink()
            return post(service, kind, body)

        started = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for status, seconds in pool.map(send, range(arguments.count)):
                statuses[status] += 1
                slowest, late = max(slowest, seconds), late + (seconds > DEADLINE)
        alive = service.process.poll() is None
        memory = service.resident()
    print(
        f"{arguments.count} files in {time.monotonic() - started:.0f} s: statuses {dict(statuses)}; slowest "
        f"answer {slowest:.1f} s, {late} after {DEADLINE:.0f} s; the service is "
        f"{'alive' if alive else 'DEAD'} at {memory:.0f} MB"
    )


if __name__ == "__main__":
    main()

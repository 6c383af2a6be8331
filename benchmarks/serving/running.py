"""A real `radscribe serve` for measurements: started on a free port, watched, stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from radscribe import phantom

START_SECONDS = 300.0  # on a machine that does much else


class RunningService:
    """`radscribe serve` as a process; `with` stops it by SIGTERM."""

    def __init__(self, store: Path, *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = store.with_name(store.name + ".log")
        command = [sys.executable, "-m", "radscribe.cli.main", "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--store", str(store), "--port", str(self.port), *options],
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/readyz", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        self.process.kill()
        raise RuntimeError(f"the service did not start: {self.log.read_text()}")

    def resident(self) -> float:
        """Resident memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0

    def processor_seconds(self) -> float:
        """Processor time that it and its child processes used so far."""
        waiting, ticks = [self.process.pid], 0
        while waiting:
            place = Path(f"/proc/{waiting.pop()}")
            with suppress(OSError):  # a child that ended counts with its parent
                ticks += sum(map(int, (place / "stat").read_text().rsplit(")", 1)[1].split()[11:15]))
                for task in (place / "task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def __enter__(self) -> RunningService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def draw(folder: Path, count: int, size: int) -> list[Path]:
    """Frontal phantoms as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{seed:03}.png" for seed in range(count)]
    for seed, file in enumerate(files):
        phantom.save(phantom.draw(seed, size=size), file)
    return files


def multipart(file: Path, **fields: str) -> tuple[str, bytes]:
    """Content type and body of one study of one file."""
    boundary = "radscribe-benchmark-5f1e"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    parts += [head.encode(), file.read_bytes(), f"\r\n--{boundary}--\r\n".encode()]
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)

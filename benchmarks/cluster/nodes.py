"""A Ray cluster on this machine: each node is a `ray start` process on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TASK = b"ray::caption_shard"  # title of a worker process that captions
PATIENCE = 90.0  # seconds until a node must be up
OBJECTS = 100_000_000  # bytes of a node's store of objects


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster.

    Parameters
    ----------
    address : str
        Address of its head.
    nodes : list of Popen
        The `ray start` processes; the first one is the head.
    """

    address: str
    nodes: list[subprocess.Popen[bytes]]

    def busy_workers(self) -> list[int]:
        """Return the process ids of workers that caption a shard now."""
        processes = _processes()
        parents = {pid: parent for pid, (parent, _) in processes.items()}
        ours = {node.pid for node in self.nodes}
        return [
            pid
            for pid, (_, title) in processes.items()
            if title.startswith(TASK) and ours & set(_ancestors(pid, parents))
        ]

    def kill_last_node(self) -> int:
        """Kill the last node that is left, but never the head, with all that it runs; return its number."""
        number = max(n for n, node in enumerate(self.nodes) if n and node.poll() is None)
        _end([self.nodes[number]])
        return number


@contextmanager
def ray_nodes(count: int, cores: int = 1) -> Iterator[Cluster]:
    """Start a cluster, and stop its processes at the end.

    Parameters
    ----------
    count : int
        Number of nodes.
    cores : int
        Number of tasks that a node runs at once.
    """
    with tempfile.TemporaryDirectory(prefix="rs", dir="/tmp", ignore_cleanup_errors=True) as place:
        port = _free_port()
        address = f"{_host(0)}:{port}"
        head = [
            "--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={place}",
        ]  # fmt: skip
        nodes: list[subprocess.Popen[bytes]] = []
        try:
            for number in range(count):
                nodes.append(_start(number, head if number == 0 else [f"--address={address}"], cores))
                if number == 0:
                    _wait_for(port, nodes[0])
            yield Cluster(address, nodes)
        finally:
            _end(nodes)


def _end(nodes: list[subprocess.Popen[bytes]]) -> None:
    """End the nodes and all processes that they started, at once: a node would drain for half a minute."""
    processes = _processes()
    parents = {pid: parent for pid, (parent, _) in processes.items()}
    ours = {node.pid for node in nodes}
    for pid in [*ours, *(pid for pid in processes if ours & set(_ancestors(pid, parents)))]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for node in nodes:
        node.wait()


def _start(number: int, place: list[str], cores: int) -> subprocess.Popen[bytes]:
    ray = Path(sys.executable).with_name("ray")
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DISABLE_MEMORY_MONITOR": "1",
    }
    common = [
        "--block", f"--node-ip-address={_host(number)}", f"--num-cpus={cores}",
        f"--object-store-memory={OBJECTS}",
        "--disable-usage-stats",
    ]  # fmt: skip
    return subprocess.Popen(
        [str(ray), "start", *place, *common],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_for(port: int, head: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and head.poll() is None:
        with suppress(OSError), socket.create_connection((_host(0), port), 1):
            return
        time.sleep(0.2)
    raise RuntimeError(f"ray start did not come up on port {port}")


def _host(number: int) -> str:
    """An address of the loopback device. Ray replaces 127.0.0.1 by the machine's own."""
    return f"127.0.0.{2 + number}"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((_host(0), 0))
        return int(listener.getsockname()[1])


def _processes() -> dict[int, tuple[int, bytes]]:
    """Parent and command line of each process."""
    found: dict[int, tuple[int, bytes]] = {}
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            found[int(place.name)] = (parent, (place / "cmdline").read_bytes())
    return found


def _ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid in parents and pid:
        pid = parents[pid]
        yield pid

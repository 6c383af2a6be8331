"""Receiving by DICOM: the rate beside dcmtk's storescp, and a count of drafts after kills.

    python -m benchmarks.interop.receiving rate --instances 60 --side 2000
    python -m benchmarks.interop.receiving kills --studies 200 --kills 5

Both need dcmtk's storescu, and `rate` its storescp. Senders and receivers share this machine's cores.
storescp syncs nothing itself, so it runs `sync` after each file; radscribe syncs the file and its folder.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.interop.receiving import new_study, part10, radiograph

SERVE = """
import logging, sys
from pathlib import Path
from radscribe.interop.node import NodeSettings
from radscribe.serving.service import Service
from radscribe.serving.settings import Settings
from tests.interop.receiving import CountingEngine
node = NodeSettings(port=int(sys.argv[2]))
settings = Settings(
    store=Path(sys.argv[1]), node=node, quiet_seconds=1, free_bytes=0, intake_processes=1
)
Service(settings, lambda: CountingEngine())
__import__("signal").pause()
"""
NODE = """
import sys
from pathlib import Path
from radscribe.interop.node import Node, NodeSettings
from radscribe.interop.spool import Spool
Node(NodeSettings(port=int(sys.argv[2])), Spool(Path(sys.argv[1])))
__import__("signal").pause()
"""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until something listens on a port."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def rate(instances: int, side: int, rounds: int) -> None:
    """Send the same files to both receivers in turn; each syncs every file."""
    folder = Path(tempfile.mkdtemp(prefix="radscribe-rate-"))
    (folder / "in").mkdir()
    for number in range(instances):
        image = radiograph(new_study(), size=side)
        (folder / "in" / f"{number}.dcm").write_bytes(part10(image))
    files = sorted(map(str, (folder / "in").iterdir()))
    megabytes = sum(Path(file).stat().st_size for file in files) / 1e6
    best: dict[str, float] = {}
    for turn in range(rounds):
        for name in ("storescp", "radscribe"):
            place, port = folder / f"{name}-{turn}", free_port()
            place.mkdir()
            command = [sys.executable, "-c", NODE, str(place), str(port)]
            if name == "storescp":
                command = ["storescp", "-od", str(place), "-xcr", "sync #p/#f #p", "-xs", str(port)]
            receiver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(port)
            started = time.perf_counter()
            subprocess.run(["storescu", "-aec", "RADSCRIBE", "127.0.0.1", str(port), *files], check=True)
            seconds = time.perf_counter() - started
            receiver.terminate()
            receiver.wait()
            kept = sum(1 for path in place.rglob("*") if path.is_file() and path.stat().st_size > side * side)
            assert kept == instances, f"{name} kept {kept} of {instances}"
            best[name] = max(best.get(name, 0.0), megabytes / seconds)
            print(f"{name}: {instances} instances, {megabytes:.0f} MB in {seconds:.2f} s", flush=True)
    print(
        f"best of {rounds}: radscribe {best['radscribe']:.0f} MB/s, storescp {best['storescp']:.0f} MB/s, ",
        end="",
    )
    print(f"ratio {best['radscribe'] / best['storescp']:.2f}")
    shutil.rmtree(folder)


def kills(studies: int, count: int, associations: int) -> None:
    """Interleave studies of two images over associations, killing the node in between."""
    folder = Path(tempfile.mkdtemp(prefix="radscribe-kills-"))
    port = free_port()
    work: list[tuple[str, Path]] = []
    for number in (1, 2):
        for index in range(studies):
            study = f"1.2.826.0.1.3680043.10.{index + 1}"
            path = folder / f"{index}-{number}.dcm"
            path.write_bytes(part10(radiograph(study, f"P{index % 20}", number)))
            work.append((study, path))
    lock, acknowledged = threading.Lock(), Counter[str]()

    def sender() -> None:
        while True:
            with lock:
                if not work:
                    return
                study, path = work.pop(0)
            command = ["storescu", "-to", "10", "-aec", "RADSCRIBE", "127.0.0.1", str(port), str(path)]
            while subprocess.run(command, capture_output=True).returncode:
                time.sleep(0.2)  # as a PACS does: it tries again until it is acknowledged
            with lock:
                acknowledged[study] += 1

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "ignore", "-c", SERVE, str(folder / "store"), str(port)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    node = start()
    senders = [threading.Thread(target=sender) for _ in range(associations)]
    for thread in senders:
        thread.start()
    killed = 0
    while any(thread.is_alive() for thread in senders) or killed < count:
        wait_for(port)
        time.sleep(0.5 + 0.3 * (killed % 5))
        if killed < count:
            node.send_signal(signal.SIGKILL)
            node.wait()
            killed += 1
            node = start()
            print(f"kill {killed}: {sum(acknowledged.values())} instances acknowledged", flush=True)
    from radscribe.serving.store import reads
    from radscribe.serving.store.database import open_for_reading

    spool, end = folder / "store" / "spool", time.monotonic() + 300
    while list(spool.rglob("*.dcm")) and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(2)
    node.terminate()
    node.wait()
    with open_for_reading(folder / "store", None) as engine, engine.connect() as connection:
        found = []
        before = None
        while page := reads.page(connection, before=before, limit=500):
            found += page
            before = page[-1].id
    newest = [study for study in found if study.superseded_by is None]
    images = Counter(len(study.images) for study in newest)
    print(f"{studies} studies, {sum(acknowledged.values())} instances acknowledged, {killed} kills")
    print(f"newest drafts: {len(newest)}, by images: {dict(images)}")
    print(f"by status: {dict(Counter(study.status for study in newest))}")
    print(f"drafts that a later image superseded: {len(found) - len(newest)}")
    shutil.rmtree(folder)


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in {
        "rate": {"instances": 60, "side": 2000, "rounds": 3},
        "kills": {"studies": 200, "kills": 5, "associations": 8},
    }.items():
        sub = commands.add_parser(name)
        for option, default in options.items():
            sub.add_argument(f"--{option}", type=int, default=default)
    given = parser.parse_args()
    if given.command == "rate":
        rate(given.instances, given.side, given.rounds)
    else:
        kills(given.studies, given.kills, given.associations)


if __name__ == "__main__":
    main()

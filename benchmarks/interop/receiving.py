"""Receiving by DICOM: the rate beside dcmtk's storescp, and a count of drafts and results after kills.

    python -m benchmarks.interop.receiving rate --instances 60 --side 2000
    python -m benchmarks.interop.receiving kills --studies 1000 --kills 20

Both need dcmtk. Senders and receivers share this machine's cores. storescp syncs nothing itself, so it
runs `sync` after each file; radscribe syncs the file and its folder. `kills` sends the results to
storescp, and its engine only counts images.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pydicom
from pydicom import Dataset

from radscribe.interop.identity import IdentityKey
from radscribe.interop.results.record import KINDS, derived_uid, version
from radscribe.serving.store import identities, outbox, reads
from radscribe.serving.store.database import open_for_reading
from tests.interop.receiving import CountingEngine, data_set, new_study, part10, radiograph

ROOT = "1.2.826.0.1.3680043.10."
PATIENTS = 20

SERVE = """
import logging, sys
from pathlib import Path
from radscribe.interop.destinations import destination
from radscribe.interop.identity import IdentityKey
from radscribe.interop.node import NodeSettings
from radscribe.serving.service import Service
from radscribe.serving.settings import Settings
from tests.interop.receiving import CountingEngine
node = NodeSettings(port=int(sys.argv[2]), idle_seconds=120)
settings = Settings(
    store=Path(sys.argv[1]), node=node, quiet_seconds=2, free_bytes=0, intake_processes=1,
    identity_key=IdentityKey(bytes(32)), destinations=tuple(map(destination, sys.argv[3:])),
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


def dcmtk(name: str) -> str:
    """Path of a program of dcmtk. pynetdicom has programs of the same names, beside Python's own."""
    scripts = sysconfig.get_path("scripts")
    path = os.pathsep.join(place for place in os.get_exec_path() if place != scripts)
    if (found := shutil.which(name, path=path)) is None:
        raise SystemExit(f"needs {name}: install dcmtk")
    return found


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
                command = [dcmtk("storescp"), "-od", str(place), "-xcr", "sync #p/#f #p", "-xs", str(port)]
            receiver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for(port)
            started = time.perf_counter()
            sending = [dcmtk("storescu"), "-aec", "RADSCRIBE", "127.0.0.1", str(port), *files]
            subprocess.run(sending, check=True)
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


def study_uid(index: int) -> str:
    """The study instance UID of a study of the benchmark; its patient is `index % PATIENTS`."""
    return f"{ROOT}{index + 1}"


def misplaced(result: Dataset) -> list[str]:
    """What is wrong with the place of a result: its patient, or the images that it names."""
    index = int(result.StudyInstanceUID.rpartition(".")[2]) - 1
    wrong = []
    if result.PatientID != f"P{index % PATIENTS}":
        wrong.append(f"{result.SOPInstanceUID} is of another patient")
    for element in result.iterall():
        named = str(element.value)
        refers = element.keyword == "ReferencedSOPInstanceUID" and named.startswith(ROOT)
        if refers and not named.startswith(f"{result.StudyInstanceUID}."):
            wrong.append(f"{result.SOPInstanceUID} names an image of another study")
    return wrong


def work_list(studies: int, folder: Path, dice: random.Random) -> list[Path]:
    """Files of two images of each study, interleaved with those of neighbours; one in ten of them is late."""
    placed = []
    for index in range(studies):
        for number in (1, 2):
            late = number == 2 and dice.random() < 0.1
            place = dice.uniform(0, studies) if late else index + dice.uniform(0, 20)
            path = folder / f"{index}-{number}.dcm"
            path.write_bytes(part10(radiograph(study_uid(index), f"P{index % PATIENTS}", number, 64)))
            placed.append((place, path))
    return [path for _, path in sorted(placed)]


def kills(studies: int, count: int, associations: int) -> bool:
    """Interleave studies of two images over associations, and kill the service between them.

    Each instance is sent until it is acknowledged, and never after. Half of the kills come while images
    arrive, half while drafts are written and results are sent.
    """
    folder = Path(tempfile.mkdtemp(prefix="radscribe-kills-"))
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    port, to, dice = free_port(), free_port(), random.Random(1)
    storescu = dcmtk("storescu")
    work = work_list(studies, folder / "in", dice)
    lock, acknowledged = threading.Lock(), 0
    # It writes one file per object received, so duplicates are visible.
    archive = subprocess.Popen(
        [dcmtk("storescp"), "-od", str(folder / "out"), "+uf", "-aet", "ARCHIVE", str(to)],
        env={**os.environ, "TCP_NODELAY": "1"},  # otherwise each of its answers waits 40 ms
    )

    def sender() -> None:
        nonlocal acknowledged
        while True:
            with lock:
                if not work:
                    return
                path = work.pop(0)
            patience = ["-to", "60", "-ta", "300", "-td", "300"]
            command = [storescu, *patience, "-aec", "RADSCRIBE", "127.0.0.1", str(port), str(path)]
            while subprocess.run(command, capture_output=True).returncode:
                time.sleep(0.3)  # as a PACS does: it tries again until it is acknowledged
            with lock:
                acknowledged += 1

    def start() -> subprocess.Popen[bytes]:
        places = [str(folder / "store"), str(port), f"dicom:ARCHIVE@127.0.0.1:{to}"]
        command = [sys.executable, "-W", "ignore", "-c", SERVE, *places]
        log = (folder / "log").open("ab")
        return subprocess.Popen(command, stdout=log, stderr=log)

    started = time.monotonic()
    node = start()
    senders = [threading.Thread(target=sender) for _ in range(associations)]
    for thread in senders:
        thread.start()
    for killed in range(1, count + 1):
        wait_for(port)
        if killed <= count // 2:
            goal = 2 * studies * killed // (count // 2 + 1)
            while acknowledged < goal:
                time.sleep(0.02)
        else:
            time.sleep(dice.uniform(1, 12))
        node.send_signal(signal.SIGKILL)
        node.wait()
        print(f"{time.monotonic() - started:.0f} s, kill {killed}: {acknowledged} acknowledged, ", end="")
        print(f"{results(folder)} results", flush=True)
        node = start()
    for thread in senders:
        thread.join()
    spool, end = folder / "store" / "spool", time.monotonic() + 3600
    while time.monotonic() < end:
        time.sleep(5)
        with open_for_reading(folder / "store", None) as engine, engine.connect() as connection:
            left = (
                reads.unfinished(connection),
                sum(n for n, _ in outbox.unsent(connection, "waiting").values()),
            )
        if not any(left) and not any(spool.rglob("*.dcm")):
            break
    node.terminate()
    node.wait()
    archive.terminate()
    archive.wait()
    print(
        f"{time.monotonic() - started:.0f} s: {studies} studies of {PATIENTS} patients, ",
        f"{acknowledged} instances ",
        sep="",
        end="",
    )
    print(f"acknowledged over {associations} associations, {count} kills", flush=True)
    right = report(folder, studies)
    shutil.rmtree(folder)
    return right


def results(folder: Path) -> int:
    """Number of objects at the destination."""
    return sum(1 for _ in (folder / "out").iterdir())


def report(folder: Path, studies: int) -> bool:
    """Compare the drafts with what was acknowledged, and the destination with the drafts."""
    key = IdentityKey(bytes(32))
    with open_for_reading(folder / "store", None) as engine, engine.connect() as connection:
        found, before = [], None
        while page := reads.page(connection, before=before, limit=500):
            found += page
            before = page[-1].id
        identity = {study.id: identities.find(connection, study.id) for study in found}
    uids = {
        study_id: key.open(row.sealed, study_id).study_instance_uid
        for study_id, row in identity.items()
        if row is not None and row.sealed is not None
    }
    newest = [study for study in found if study.superseded_by is None]
    per_study = Counter(uids[study.id] for study in newest)
    expected = {
        derived_uid(CountingEngine.bundle, uids[study.id], kind, version(study.id, 0)): kind
        for study in found
        for kind in KINDS
    }
    print(f"drafts: {len(found)}, of which a later image superseded {len(found) - len(newest)}; ", end="")
    print(f"by status: {dict(Counter(study.status for study in found))}")
    print(f"newest drafts by images: {dict(Counter(len(study.images) for study in newest))}; ", end="")
    print(f"studies with one newest draft: {sum(n == 1 for n in per_study.values())}")
    arrived: dict[str, set[str]] = {}  # UID → digests of what came with it
    wrong: list[str] = []
    for path in (folder / "out").iterdir():
        dataset = pydicom.dcmread(path)
        wrong += misplaced(dataset)
        content = hashlib.sha256(data_set(dataset)).hexdigest()
        arrived.setdefault(str(dataset.SOPInstanceUID), set()).add(content)
    print(f"destination: {len(arrived)} objects, {len(expected.keys() - arrived.keys())} missing, ", end="")
    print(f"{len(arrived.keys() - expected.keys())} that no draft has; ", end="")
    differ = sum(len(digests) > 1 for digests in arrived.values())
    print(f"sent again: {results(folder) - len(arrived)}, with other bytes: {differ}")
    print(f"in a wrong study or patient: {len(wrong)}")
    return (
        set(per_study.values()) == {1}
        and len(per_study) == studies
        and all(len(study.images) == 2 and study.status == "done" for study in newest)
        and arrived.keys() == expected.keys()
        and not differ
        and not wrong
    )


def main() -> int:
    """Run one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in {
        "rate": {"instances": 60, "side": 2000, "rounds": 3},
        "kills": {"studies": 1000, "kills": 20, "associations": 8},
    }.items():
        sub = commands.add_parser(name)
        for option, default in options.items():
            sub.add_argument(f"--{option}", type=int, default=default)
    given = parser.parse_args()
    if given.command == "rate":
        rate(given.instances, given.side, given.rounds)
    else:
        return not kills(given.studies, given.kills, given.associations)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Send malformed associations, PDUs and data sets to the node, and count threads, files, memory and answers.

python -m benchmarks.interop.fuzz --cases 5000

A case changes bytes of the association request, of a PDU or of the data set; aborts in the middle; sends half
a PDU and stays; or opens an association that it never ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import tempfile
import threading
import time
from pathlib import Path

from pydicom import Dataset

from radscribe.interop.node import Node, NodeSettings
from radscribe.interop.spool import Spool
from tests.interop.receiving import data_set, new_study, radiograph, send

IMPLICIT, EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
CR = b"1.2.840.10008.5.1.4.1.1.1"


def item(kind: int, content: bytes) -> bytes:
    """An item of an association request (PS3.8 9.3.2)."""
    return bytes([kind, 0]) + len(content).to_bytes(2, "big") + content


def request() -> bytes:
    """A-ASSOCIATE-RQ for CR in explicit VR little endian."""
    context = item(0x20, bytes([1, 0, 0, 0]) + item(0x30, CR) + item(0x40, EXPLICIT))
    user = item(0x50, item(0x51, (16384).to_bytes(4, "big")) + item(0x52, b"1.2.3"))
    fixed = b"\0\1\0\0" + b"RADSCRIBE".ljust(16) + b"FUZZ".ljust(16) + bytes(32)
    body = fixed + item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return b"\1\0" + len(body).to_bytes(4, "big") + body


def data(content: bytes, control: int) -> bytes:
    """A P-DATA-TF PDU with one value."""
    value = (len(content) + 2).to_bytes(4, "big") + bytes([1, control]) + content
    return b"\4\0" + len(value).to_bytes(4, "big") + value


def element(tag: int, value: bytes) -> bytes:
    """A command element in implicit VR."""
    value += b"\0" * (len(value) % 2)
    return b"\0\0" + tag.to_bytes(2, "little") + len(value).to_bytes(4, "little") + value


def store(content: bytes, instance: bytes) -> bytes:
    """A whole C-STORE request."""
    rest = element(2, CR) + element(0x100, b"\1\0") + element(0x110, b"\1\0") + element(0x700, b"\0\0")
    rest += element(0x800, b"\0\0") + element(0x1000, instance)
    return data(element(0, len(rest).to_bytes(4, "little")) + rest, 3) + data(content, 2)


def mutated(content: bytes, dice: random.Random) -> bytes:
    """Bytes changed, cut out, repeated or cut off."""
    changed = bytearray(content)
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(max(1, len(changed)))
        match dice.randrange(4):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del changed[at : at + dice.randint(1, 20)]
            case 2:
                changed[at:at] = changed[at : at + dice.randint(1, 40)]
            case _:
                changed[at : at + 4] = dice.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"])
    return bytes(changed[: dice.randrange(len(changed) + 1)] if dice.random() < 0.2 else changed)


KINDS = ("request", "pdu", "data", "abort", "half", "endless")
STAYING = 40  # connections that stay open, until the node cuts them off
MEGABYTE = 1 << 20


def attack(port: int, image: Dataset, dice: random.Random, staying: list[socket.socket]) -> str:
    """One case; returns what was mutated.

    Parameters
    ----------
    staying : list of socket
        Takes the connections that the peer does not close.
    """
    good = data_set(image)
    instance = str(image.SOPInstanceUID).encode()
    opening, body, kind = request(), store(good, instance), dice.choice(KINDS)
    if kind in ("half", "endless"):
        peer = socket.create_connection(("127.0.0.1", port), 5)
        staying.append(peer)
        peer.settimeout(0.5)
        with contextlib.suppress(OSError):
            peer.sendall(opening)
            peer.recv(4096)
            peer.sendall(body[: dice.randrange(1, len(body))] if kind == "half" else b"")
        return kind
    if kind == "request":
        opening = mutated(opening, dice)
    elif kind == "pdu":
        body = mutated(body, dice)
    elif kind == "data":
        body = store(mutated(good, dice), instance)
    else:
        body = body[: dice.randrange(len(body))]
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.settimeout(0.05 if kind != "data" else 0.5)
        try:
            peer.sendall(opening)
            if kind != "request":
                peer.recv(4096)
                peer.sendall(body)
            if kind == "abort":
                peer.sendall(b"\7\0\0\0\0\4\0\0\0\0")
            peer.recv(4096)
        except OSError:
            pass
    return kind


def open_files() -> int:
    """Number of open files of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _waited(node: Node) -> bool:
    """Wait until the node has cut off every connection; False if it does not within 30 s."""
    end = time.monotonic() + 30
    while node.associations and time.monotonic() < end:
        time.sleep(0.1)
    return not node.associations


def _is_open(peer: socket.socket) -> bool:
    """Whether the other side still holds a connection."""
    try:
        while peer.recv(4096):
            pass
    except TimeoutError:
        return True
    except OSError:
        pass
    return False


def main() -> None:
    """Run the cases; ends with an error if the node is not as it was before."""
    parser = argparse.ArgumentParser(description="Fuzz the DICOM node.")
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    dice = random.Random(given.seed)
    folder = Path(tempfile.mkdtemp(prefix="radscribe-fuzz-"))
    settings = NodeSettings(port=0, idle_seconds=2, associations=64, instance_bytes=1 << 20)
    node = Node(settings, Spool(folder))
    warm = given.cases // 5  # allocators and caches have grown by then
    before = threading.active_count(), open_files(), 0
    kinds = dict.fromkeys(KINDS, 0)
    staying: list[socket.socket] = []
    for case in range(given.cases):
        for _ in range(200):
            try:
                kinds[attack(node.port, radiograph(new_study(), number=case), dice, staying)] += 1
                break
            except OSError:  # all places are taken until the idle ones are cut off
                time.sleep(0.05)
        while len(staying) > STAYING:
            staying.pop(0).close()
        if case == warm:
            before = (*before[:2], memory())
        if case % 500 == 0:
            rss = memory() // MEGABYTE
            print(f"case {case}: {rss} MB, {threading.active_count()} threads", flush=True)
    unended = len(staying)
    kept_open = sum(_is_open(peer) for peer in staying) if _waited(node) else unended
    for peer in staying:
        peer.close()
    time.sleep(1)
    after = threading.active_count(), open_files(), memory()
    print(f"{given.cases} cases: {kinds}; node: {dict(node.counts)}")
    print(f"threads {before[0]} -> {after[0]}, open files {before[1]} -> {after[1]}, ", end="")
    print(f"memory after case {warm}: {before[2] // MEGABYTE} -> {after[2] // MEGABYTE} MB")
    print(f"connections that never ended: {unended}, cut off by the node: {unended - kept_open}")
    assert send(node.port, radiograph(new_study())) == [0], "the node does not answer any more"
    assert after[0] <= before[0], "threads are left"
    assert after[1] <= before[1] + 4, "files are left open"
    assert kept_open == 0, "connections that never end stay open"
    assert after[2] <= before[2] + 30 * MEGABYTE, "memory has grown"
    assert not list(folder.rglob("*.partial")), "partial files are left"
    print("the node answers as before")
    node.close()


if __name__ == "__main__":
    main()

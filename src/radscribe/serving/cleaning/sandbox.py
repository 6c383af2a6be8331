"""Cleaning in child processes: a file that crashes, stalls or bloats a decoder costs that file alone.

A child decodes one file at a time, with a limit on its address space and a deadline. Only the child runs
decoders in native code on bytes of a client; what it writes is read without them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from radscribe.errors import ImageError
from radscribe.imaging.radiograph import View
from radscribe.serving.cleaning.clean import clean

ADDRESS_SPACE = 3 << 30  # bytes; libraries map about 1 GB of it
HEADER_SECONDS = 8.0  # until a child has read a header, which no sound file takes
FILES = 500  # per child, then it is replaced: leaks of a decoder end with it
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# Else glibc gives the memory of a film back at once, and page faults of the next one cost more than a copy.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
# Of the environment; a password of the database is not among it.
PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The content of the output file of a child; see `CleanImage`."""

    sha256: str
    suffix: str
    height: int
    width: int
    view: View
    patient: tuple[str, str, str]


class Sandbox:
    """Child processes that clean files.

    Parameters
    ----------
    processes : int
        Children that run at most; they start when they are needed.
    seconds : float
        Deadline for decoding one file.
    pixels : int
        Pixels that all children together decode at a time; further ones wait.
    """

    def __init__(self, processes: int = 3, seconds: float = 20.0, pixels: int = 1 << 26) -> None:
        self.seconds = seconds
        self._processes = processes
        self._budget, self._left = pixels, pixels
        self._changed = threading.Condition()
        self._idle: list[_Child] = []
        self._running = 0
        self._closed = False

    def clean(
        self, source: IO[bytes], target: IO[bytes], name: str, max_pixels: int, *, keep_identifiers: bool
    ) -> Cleaned:
        """Clean one file.

        Parameters
        ----------
        source, target : file
            The upload, and where the cleaned file goes; both have a descriptor.
        name : str
            The client's name for the file.
        max_pixels : int
            Larger pictures are refused.
        keep_identifiers : bool
            Copy the file as it is, after the same checks.

        Returns
        -------
        Cleaned
            The result of the child process.

        Raises
        ------
        ImageError
            As `clean`; or the decoder crashed, took too long, or needed too much memory.
        OSError
            The target cannot be written.
        """
        child = self._take()
        try:
            with self._pixels_of_budget() as grant:
                answer = child.run(
                    {"name": name, "max_pixels": max_pixels, "keep_identifiers": keep_identifiers},
                    (source.fileno(), target.fileno()),
                    grant,
                    self.seconds,
                )
        except TimeoutError:
            child.kill()
            raise ImageError(
                "takes too long to decode", subject=name, remedy="export it uncompressed or smaller"
            ) from None
        except (EOFError, OSError):
            child.kill()
            raise ImageError("crashes its decoder", subject=name, remedy="export it again") from None
        finally:
            self._give(child)
        if "errno" in answer:
            raise OSError(answer["errno"], "a cleaned file cannot be written")
        if "problem" in answer:
            raise ImageError(answer["problem"], subject=name, remedy=answer["remedy"])
        return Cleaned(**answer)

    def close(self) -> None:
        """End the children; callers that wait for one get an error."""
        with self._changed:
            self._closed = True
            for child in self._idle:
                child.kill()
            self._idle.clear()
            self._changed.notify_all()

    def _take(self) -> _Child:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._idle or self._running < self._processes)
            if self._closed:
                raise ImageError("was not read, as the service stops", remedy="send it again")
            self._running += 1
            if self._idle:
                return self._idle.pop()
        try:
            return _Child()
        except BaseException:
            with self._changed:
                self._running -= 1
                self._changed.notify()
            raise

    def _give(self, child: _Child) -> None:
        with self._changed:
            self._running -= 1
            if self._closed or child.files >= FILES:
                child.kill()
            elif child.alive:
                self._idle.append(child)
            self._changed.notify()

    @contextmanager
    def _pixels_of_budget(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that waits until so many pixels may be decoded; release them at the end."""
        held = 0

        def grant(pixels: int) -> None:
            nonlocal held
            wanted = min(pixels, self._budget)
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._left >= wanted)
                self._left -= wanted
                held += wanted

        try:
            yield grant
        finally:
            with self._changed:
                self._left += held
                self._changed.notify_all()


class _Child:
    """One child and the socket to it."""

    def __init__(self) -> None:
        self.files = 0
        self._socket, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a decoder's own child dies with it
                env={key: os.environ[key] for key in PASSED_ON if key in os.environ}
                | ONE_THREAD
                | KEEP_MEMORY,
            )
        finally:
            theirs.close()
        self._ready = False

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def run(
        self, task: dict[str, Any], descriptors: tuple[int, int], grant: Callable[[int], None], seconds: float
    ) -> Any:
        """Run a task; raises TimeoutError, or EOFError or OSError if the child died."""
        self.files += 1
        if not self._ready:  # starting imports numpy and pydicom, which is not the file's fault
            self._receive(60)
            self._ready = True
        socket.send_fds(self._socket, [json.dumps(task).encode() + b"\n"], descriptors)
        answer = self._receive(HEADER_SECONDS)
        if "pixels" in answer:
            grant(answer["pixels"])
            self._socket.sendall(b"\n")
            answer = self._receive(seconds)
        return answer

    def _receive(self, seconds: float) -> Any:
        end = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            self._socket.settimeout(max(0.001, end - time.monotonic()))
            part = self._socket.recv(65536)
            if not part:
                raise EOFError
            line += part
        self._socket.settimeout(None)
        return json.loads(line)

    def kill(self) -> None:
        """End the child and every process that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._socket.close()


def main(descriptor: int) -> None:
    """The child: clean files until the parent hangs up."""
    import warnings

    import pydicom.config

    warnings.simplefilter("ignore")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    _limit()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  what a decoder prints may quote the file
        os.dup2(nowhere.fileno(), 2)
    with socket.socket(fileno=descriptor) as parent:
        parent.sendall(b"{}\n")
        while True:
            message, descriptors, _, _ = socket.recv_fds(parent, 65536, 2)
            if not message:
                return
            source, target = descriptors
            try:
                answer = _work(json.loads(message), source, target, parent)
            finally:
                os.close(source)
                os.close(target)
            parent.sendall(json.dumps(answer).encode() + b"\n")


def _limit() -> None:
    import resource

    # The soft limit alone: a decoder in a process of its own sets another one.
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _work(task: dict[str, Any], source: int, target: int, parent: socket.socket) -> dict[str, Any]:
    announced = False

    def announce(pixels: int) -> None:
        nonlocal announced
        if not announced:
            announced = True
            parent.sendall(json.dumps({"pixels": pixels}).encode() + b"\n")
            if not parent.recv(1):
                os._exit(0)

    too_much = {"problem": "needs too much memory to decode", "remedy": "export it smaller"}
    digest = hashlib.sha256()
    try:
        with open(source, "rb", closefd=False) as upload:
            image = clean(
                upload,
                task["name"],
                task["max_pixels"],
                keep_identifiers=task["keep_identifiers"],
                announce=announce,
            )
            for piece in image.pieces(upload):
                digest.update(piece)
                try:
                    _write(target, piece)
                except OSError as error:
                    return {"errno": error.errno or errno.EIO}
    except MemoryError:
        return too_much
    except ImageError as error:
        if isinstance(error.__cause__, MemoryError):
            return too_much
        return {"problem": error.problem, "remedy": error.remedy}
    return {
        "sha256": digest.hexdigest(),
        "suffix": image.suffix,
        "height": image.height,
        "width": image.width,
        "view": image.view,
        "patient": image.patient,
    }


def _write(target: int, piece: bytes | memoryview) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(target, view) :]


if __name__ == "__main__":
    main(int(sys.argv[1]))

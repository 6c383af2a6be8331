"""A PostgreSQL server of its own, in a temporary folder, for tests and measurements."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def programs() -> Path | None:
    """The folder of the server's programs, or None if none is installed."""
    found = [shutil.which("initdb"), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")))]
    return next((Path(path).resolve().parent for path in found if path), None)


class Postgres:
    """A running server that listens on a socket in its folder alone.

    Parameters
    ----------
    durable : bool
        Whether commits reach the disk; tests need it not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        found = programs()
        if found is None:
            raise FileNotFoundError("PostgreSQL's server is not installed; run .ci/packages")
        self._programs = found
        # The server does not run as root; Debian's package makes this user.
        self._user = "postgres" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="radscribe-pg-"))
        self._durable = durable
        if self._user:
            shutil.chown(self.folder, self._user)
        self._run("initdb", "-D", "data", "-U", "radscribe", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://radscribe@/postgres?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        fsync = "on" if self._durable else "off"
        options = f"-k {self.folder} -c listen_addresses= -c fsync={fsync} -c max_connections=100"
        self._run("pg_ctl", "-D", "data", "-w", "-o", options, "-l", "log", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server, cutting off its clients."""
        self._run("pg_ctl", "-D", "data", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop the server and remove its folder."""
        self.stop("immediate")
        shutil.rmtree(self.folder)

"""Settings of a service."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from radscribe.errors import UsageError
from radscribe.imaging.limits import MAX_PIXELS
from radscribe.serving.credentials import Credentials

if TYPE_CHECKING:
    from radscribe.interop.destinations.destination import Destination
    from radscribe.interop.identity import IdentityKey
    from radscribe.interop.node import NodeSettings
    from radscribe.serving.oidc import Provider

MEGABYTE = 1 << 20
UNKNOWN_ORGANISATION = "not stated"  # a verified document must name one
MAX_BEAM = 10  # what one request may cost


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request."""

    file_bytes: int = 64 * MEGABYTE
    request_bytes: int = 256 * MEGABYTE
    files: int = 8
    pixels: int = MAX_PIXELS
    upload_seconds: float = 60.0  # until the whole body is here; else 408
    wait_seconds: float = 30.0  # for the caption; then 202 and where to ask for it


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of a connection until its request is parsed.

    Parameters
    ----------
    connections : int
        Open at a time; a further one replaces the oldest idle one.
    per_client : int
        Open at a time from one address other than this machine's.
    head_bytes : int
        Of the request line and the headers; else 431.
    head_seconds : float
        From the connection, or the last answer, to the end of the next head.
    idle_seconds : int
        An idle connection is kept open after an answer.
    rate : int
        Bytes per second of a body at least, over each `rate_seconds`; else 408.
    rate_seconds : float
        Interval over which the rate is measured.
    write_seconds : float
        A client that reads nothing of its answer for so long is cut off.
    """

    connections: int = 1000
    per_client: int = 128
    head_bytes: int = 1 << 16
    head_seconds: float = 10.0
    idle_seconds: int = 5
    rate: int = 8 << 10
    rate_seconds: float = 10.0
    write_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve.

    Parameters
    ----------
    store : Path
        Folder for images and, without `database`, the SQLite file.
    images : str, optional
        Folder or bucket of images (default: `images` in `store`).
    database : str, optional
        SQLAlchemy URL (default: SQLite in `store`).
    bundle, threads : str, int, optional
        As for `radscribe.load`.
    guard : str, optional
        A captioner to guard, as for `radscribe.guard`; the bundle then checks what it writes.
    credentials : Credentials
        Tokens and users that may use the service (default: anyone on this machine).
    queue : int
        Maximum studies under way, uploads included. Further ones are answered 429.
    client_rate : int, optional
        Maximum studies per minute from one client, over all replicas (default: no limit).
    retain_days : float, optional
        Age at which a study is erased (default: never).
    free_bytes : int
        Minimum free space on the disks of the store and of temporary files; below it, uploads get 507.
    keep_identifiers : bool
        Keep files as they came instead of cleaning them.
    allowed_hosts : tuple of str
        Further names that the Host header may have while the service listens on loopback.
    proxies : tuple of str
        Addresses or networks of proxies whose X-Forwarded-For is believed, besides this machine's.
    drain_seconds : float
        Time to finish accepted studies after SIGTERM. The next start continues with the others.
    stuck_seconds : float
        Time without a caption, while studies are with the engine, after which /readyz returns 503.
    intake_processes, intake_seconds : int, float
        Processes that decode uploads, and the deadline for one file.
    oidc : Provider, optional
        Identity provider to sign in at.
    destinations : tuple of Destination
        Where results go of studies that come in by DICOM.
    identity_key : IdentityKey, optional
        Encrypts the identities of these studies; needed with `destinations`.
    organisation : str
        The verifying organisation of reviewed results.
    node : NodeSettings, optional
        How to receive studies by DICOM (default: by STOW-RS only).
    quiet_seconds : float
        Time without a further instance, after which a study that comes in by DICOM is complete.
    audit_reads : bool
        Record every view of a study in the audit trail.

    Raises
    ------
    UsageError
        The host is not loopback, or there are further names, without credentials.
    """

    store: Path
    images: str | None = None
    database: str | None = None
    bundle: str | None = None
    guard: str | None = None
    threads: int | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    credentials: Credentials = field(default_factory=Credentials)
    allowed_hosts: tuple[str, ...] = ()
    queue: int = 128
    client_rate: int | None = None
    retain_days: float | None = None
    free_bytes: int = 1024 * MEGABYTE
    keep_identifiers: bool = False
    proxies: tuple[str, ...] = ()
    drain_seconds: float = 30.0
    stuck_seconds: float = 120.0
    intake_processes: int = 3
    oidc: Provider | None = None
    audit_reads: bool = False
    destinations: tuple[Destination, ...] = ()
    identity_key: IdentityKey | None = field(default=None, repr=False)
    organisation: str = UNKNOWN_ORGANISATION
    node: NodeSettings | None = None
    quiet_seconds: float = 10.0
    intake_seconds: float = 20.0
    limits: Limits = field(default_factory=Limits)
    connection_limits: ConnectionLimits = field(default_factory=ConnectionLimits)

    def __post_init__(self) -> None:
        for proxy in self.proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise UsageError(
                    "is no address and no network", subject=f"--proxy {proxy}", remedy="give 10.0.0.0/8"
                ) from None
        # A further name is one by which a proxy on this machine is reached by others.
        if (self.allowed_hosts or not self.on_loopback) and not self.credentials:
            raise UsageError(
                "others could reach the service without a password",
                subject=f"--host {self.host}"
                + "".join(f" --allow-host {name}" for name in self.allowed_hosts),
                remedy="add users (radscribe users add), --token-file or --basic, or stay on 127.0.0.1",
            )

    @property
    def oidc_is_secure(self) -> bool:
        """Whether the public address of the page uses TLS."""
        return self.oidc is not None and self.oidc.public_url.startswith("https:")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def hosts(self) -> frozenset[str] | None:
        """Names that the Host header may have, without the port; None if any name is accepted.

        On loopback, another site could otherwise reach the service through a name of its own that resolves to
        127.0.0.1 (DNS rebinding). On other addresses such a site lacks the credentials.
        """
        if not self.on_loopback and not self.allowed_hosts:
            return None
        own = (self.host.strip("[]").lower(), "localhost", "127.0.0.1", "::1")
        return frozenset(own) | {name.lower() for name in self.allowed_hosts}

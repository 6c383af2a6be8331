"""The DICOM node: C-ECHO and C-STORE for radiographs, into the spool."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    EnhancedSRStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from radscribe.errors import DataError, UsageError
from radscribe.imaging.codecs import SUPPORTED
from radscribe.interop.spool import Spool, describe

log = logging.getLogger(__name__)
VERIFICATION = "1.2.840.10008.1.1"
# Digital X-ray for processing is left out on purpose: its grey values are the detector's, not a film's.
CLASSES = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    SecondaryCaptureImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
)
# Taken and dropped, so that a PACS can route whole studies: results among them are of no use to a captioner.
DROPPED = (BasicTextSRStorage, EnhancedSRStorage, ComprehensiveSRStorage, Comprehensive3DSRStorage)
# In the order of preference: a sender that offers several in one context gets the first.
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    *sorted(SUPPORTED),
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
SUCCESS, OUT_OF_RESOURCES, NO_MATCH, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000  # PS3.4 B.2.3
PDU = 256 << 10  # bytes that a peer may send at once
LOG_SECONDS = 10.0
TICK = 0.5


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How to listen.

    Parameters
    ----------
    ae_title : str
        Application entity title; associations that call another one are rejected.
    callers : tuple of str
        Titles that may send (default: any, on loopback only).
    networks : tuple of str
        Addresses or networks that may connect (default: any).
    certificate, certificate_key : Path, optional
        TLS certificate chain and key, PEM.
    client_ca : Path, optional
        Certificates that a client's certificate must be signed by (default: clients need none).
    associations : int
        Open at a time; further ones are rejected as "temporary congestion".
    instance_bytes : int
        Largest instance; an association that sends a larger one is aborted.
    idle_seconds : float
        Time without a complete message, after which an association is aborted.
    lifetime_seconds : float
        Longest duration of an association.

    Raises
    ------
    UsageError
        The address is reachable from outside, and no callers are named.
    """

    host: str = "127.0.0.1"
    port: int = 11112
    ae_title: str = "RADSCRIBE"
    callers: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    certificate: Path | None = None
    certificate_key: Path | None = None
    client_ca: Path | None = None
    associations: int = 16
    instance_bytes: int = 64 << 20
    idle_seconds: float = 30.0
    lifetime_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for title in (self.ae_title, *self.callers):
            if not (1 <= len(title) <= 16 and title.isascii() and title.isprintable() and "\\" not in title):
                raise UsageError(
                    "is not an application entity title",
                    subject=repr(title),
                    remedy="give 1 to 16 ASCII letters",
                )
        for network in self.networks:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise UsageError(
                    "is not a network", subject=network, remedy="give an address or one like 10.1.0.0/16"
                ) from None
        if not self.on_loopback and not self.callers:
            raise UsageError(
                "anybody in the network could send studies",
                subject=self.host or "the wildcard address",
                remedy="name who may send with --allow-ae, or stay on 127.0.0.1",
            )
        if bool(self.certificate) != bool(self.certificate_key):
            raise UsageError("needs both --tls-cert and --tls-key", subject="TLS")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the node."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


class Node:
    """A service class provider that runs in threads until `close`.

    Parameters
    ----------
    has_room : callable
        Whether the disk has space for another instance.

    Raises
    ------
    UsageError
        The address is not free, or a certificate cannot be read.
    """

    def __init__(
        self, settings: NodeSettings, spool: Spool, has_room: Callable[[], bool] = lambda: True
    ) -> None:
        from pynetdicom import AE, _config, evt

        # The library's log quotes data sets.
        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
        _config.LOG_HANDLER_LEVEL = "none"
        self.settings, self._spool, self._has_room = settings, spool, has_room
        self.counts: Counter[str] = Counter()  # received, refused, rejected, aborted
        self._logged = 0.0
        self._lock = threading.Lock()
        entity = AE(settings.ae_title)
        entity.require_called_aet = True
        entity.require_calling_aet = list(settings.callers)
        entity.maximum_associations = settings.associations
        entity.maximum_pdu_size = PDU
        entity.network_timeout = entity.acse_timeout = entity.dimse_timeout = settings.idle_seconds
        entity.add_supported_context(VERIFICATION)
        for sop_class in CLASSES + DROPPED:
            entity.add_supported_context(sop_class, list(SYNTAXES))
        handlers: list[Any] = [
            (evt.EVT_C_ECHO, lambda event: SUCCESS),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_DIMSE_RECV, _message_complete),
            (evt.EVT_REJECTED, lambda event: self._count("rejected", "an association was rejected")),
            (evt.EVT_ABORTED, lambda event: self._count("aborted", "an association was aborted")),
        ]
        server_class, handler_class = _server_classes(self)
        try:
            context = _tls(settings)
            self._server = entity.make_server(
                (settings.host.strip("[]"), settings.port),
                ssl_context=context,
                evt_handlers=handlers,
                server_class=server_class,
                request_handler=handler_class,
            )
        except OSError as error:
            raise UsageError(
                f"the node cannot listen: {error.strerror or type(error).__name__}",
                subject=f"{settings.host}:{settings.port}",
                remedy="choose another address or port, or check the certificate",
            ) from error
        entity._servers.append(self._server)  # where its `shutdown` looks for it
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(TICK,), name="node", daemon=True),
            threading.Thread(target=self._end_old_ones, name="node-clock", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def port(self) -> int:
        """Port that the node listens on."""
        return int(self._server.server_address[1])

    @property
    def associations(self) -> int:
        """Number of open associations."""
        return len(self._server.active_associations)

    def count(self, what: str) -> int:
        """Number of instances "received" or "refused", or of associations "rejected" or "aborted"."""
        return self.counts[what]

    def close(self) -> None:
        """Stop accepting and end open associations. Acknowledged instances are already on disk."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._server.shutdown()
        for association in self._server.active_associations:
            _hang_up(association)
        for thread in self._threads:
            thread.join()

    def _store(self, event: Any) -> int:
        """Write an instance to the spool; the status is sent when it is safe there."""
        request = event.request
        if request.AffectedSOPClassUID in DROPPED:
            return SUCCESS
        if not self._has_room():
            return self._refuse(OUT_OF_RESOURCES, "the disk is full")
        data = request.DataSet.getbuffer()
        try:
            instance = describe(data, event.context.transfer_syntax)
            if instance.sop_instance != str(request.AffectedSOPInstanceUID):
                return self._refuse(NO_MATCH, "the command names another instance than the data set")
            self._spool.add(instance, data)
        except DataError as error:
            return self._refuse(NOT_UNDERSTOOD, error.problem)
        except OSError as error:
            return self._refuse(OUT_OF_RESOURCES, error.strerror or "the disk failed")
        with self._lock:
            self.counts["received"] += 1
        return SUCCESS

    def _refuse(self, status: int, why: str) -> int:
        self._count("refused", f"an instance was refused: {why}")
        return status

    def _count(self, what: str, line: str) -> None:
        with self._lock:
            self.counts[what] += 1
            if quiet := time.monotonic() - self._logged < LOG_SECONDS:
                return
            self._logged = time.monotonic()
        if not quiet:
            log.warning("%s (%s)", line, ", ".join(f"{n} {name}" for name, n in self.counts.items()))

    def _admits(self, address: str) -> bool:
        """Whether a peer may connect, and there is room for its connection."""
        if self._server_full():
            return False
        if not self.settings.networks:
            return True
        peer = ipaddress.ip_address(address.partition("%")[0])
        peer = getattr(peer, "ipv4_mapped", None) or peer
        return any(peer in ipaddress.ip_network(network) for network in self.settings.networks)

    def _server_full(self) -> bool:
        # Twice as many connections as associations: those beyond are rejected with a reason.
        return self.associations >= 2 * self.settings.associations

    def _end_old_ones(self) -> None:
        while not self._closing.wait(TICK):
            associations: list[Any] = self._server.active_associations
            for association in associations:
                if time.monotonic() - association.opened > self.settings.lifetime_seconds:
                    _hang_up(association)


def _message_complete(event: Any) -> None:
    event.assoc.unfinished_bytes = 0


def _hang_up(association: Any) -> None:
    """Close the connection of an association; its threads notice and end."""
    raw = association.dul.socket and association.dul.socket.socket
    try:
        if raw:
            raw.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already


def _tls(settings: NodeSettings) -> ssl.SSLContext | None:
    if settings.certificate is None or settings.certificate_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # PS3.15 B.12
    context.load_cert_chain(settings.certificate, settings.certificate_key)
    if settings.client_ca is not None:
        context.load_verify_locations(settings.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _server_classes(node: Node) -> tuple[Any, Any]:
    """Server and handler with bounds on what a peer may cost, which the library's own lack."""
    from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

    settings = node.settings

    class BoundedSocket(AssociationSocket):  # type: ignore[misc, unused-ignore]
        """Reads a PDU in large parts, within a time and a size."""

        def recv(self, nr_bytes: int) -> bytearray:
            association: Any = self.assoc
            association.unfinished_bytes += nr_bytes
            if nr_bytes > PDU + 64 or association.unfinished_bytes > settings.instance_bytes + 2 * PDU:
                raise OSError("too large")
            buffer = bytearray(nr_bytes)
            view, end = memoryview(buffer), time.monotonic() + settings.idle_seconds
            count = 0
            raw: Any = self.socket
            while count < nr_bytes:
                raw.settimeout(max(0.01, end - time.monotonic()))
                got = raw.recv_into(view[count:])
                if not got:
                    break
                count += got
            view.release()
            del buffer[count:]
            return buffer

    class Handler(RequestHandler):  # type: ignore[misc, unused-ignore]
        """Makes associations on bounded sockets, after the TLS handshake."""

        def handle(self) -> None:
            if isinstance(self.request, ssl.SSLSocket):
                try:
                    self.request.do_handshake()
                except OSError:
                    node._count("rejected", "a TLS handshake failed")
                    self.request.close()
                    return
            super().handle()

        def _create_association(self) -> Any:
            association: Any = super()._create_association()
            association.opened, association.unfinished_bytes = time.monotonic(), 0
            association.dul.socket.__class__ = BoundedSocket  # a second one would announce itself twice
            act = association.dul.state_machine.do_action

            def guarded(event: str) -> None:
                # Messages that it cannot decode end the library's thread, which prints their values.
                try:
                    act(event)
                except Exception:  # noqa: BLE001
                    node._count("aborted", "a message could not be decoded")
                    _hang_up(association)
                    # As the library does after errors that it expects.
                    association.is_aborted, association.is_established = True, False
                    association._kill = association.dul._kill_thread = True

            association.dul.state_machine.do_action = guarded
            return association

    class Server(ThreadedAssociationServer):  # type: ignore[misc, unused-ignore]
        """Never waits for one peer, and logs its errors as one line each."""

        daemon_threads = True
        request_queue_size = 64

        def get_request(self) -> tuple[Any, Any]:
            listening: Any = self.socket
            connection, address = listening.accept()
            connection.settimeout(settings.idle_seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.ssl_context:
                connection = self.ssl_context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            return connection, address

        def verify_request(self, request: Any, client_address: Any) -> bool:
            if node._admits(client_address[0]):
                return True
            node._count("rejected", "a connection was refused")
            return False

        def handle_error(self, request: Any, client_address: Any) -> None:
            node._count("aborted", "a connection failed")

    return Server, Handler

"""The audit trail as DICOM audit messages (PS3.15 A.5) in syslog's form (RFC 5424)."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from sqlalchemy import Connection, Row, select

from radscribe._version import __version__
from radscribe.errors import RadscribeError, UsageError
from radscribe.serving.store.tables import audit

SECONDS = 10.0
PRIORITY = 10 * 8 + 5  # facility security/authorisation, severity notice (PS3.15 A.5.1.1)
DCM = "DCM"
# Action of the trail → event id (PS3.16 CID 400), its action code (A.5.2: create, read, update, delete,
# execute), and an event type.
EVENTS: dict[str, tuple[tuple[str, str], str, str]] = {
    "accepted": (("110107", "Import"), "C", ""),
    "read": (("110103", "DICOM Instances Accessed"), "R", ""),
    "reviewed": (("110103", "DICOM Instances Accessed"), "U", ""),
    "deleted": (("110105", "DICOM Study Deleted"), "D", ""),
    "erased": (("110105", "DICOM Study Deleted"), "D", ""),
    "signed in": (("110114", "User Authentication"), "E", "110122:Login"),
    "signed out": (("110114", "User Authentication"), "E", "110123:Logout"),
}
# What an event is about (PS3.15 A.5.1.2): type and role of the object, code and meaning of its id.
REPORT = ("2", "3", "9", "Report Number")
USER = ("1", "11", "11", "User Identifier")
SERVICE = ("2", "13", "12", "URI")
SECURITY = (("110113", "Security Alert"), "E", "110137:User Security Attributes Changed")
EVENTS |= dict.fromkeys(("user changed", "user removed", "token made"), SECURITY)
OTHER = (("110100", "Application Activity"), "E", "")


def messages(connection: Connection, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """The trail from a row on.

    Parameters
    ----------
    after : int
        Id of the last row that is left out.

    Yields
    ------
    id : int
        Id of the row.
    message : bytes
        A syslog message without a line break.
    """
    rows = select(audit).where(audit.c.id > after).order_by(audit.c.id)
    for row in connection.execute(rows.execution_options(yield_per=1000)):
        yield row.id, _syslog_line(row)


def write(found: Iterable[tuple[int, bytes]], send: Callable[[bytes], object], last: int) -> int:
    """Send messages; returns the id of the last row."""
    for number, message in found:
        send(message)
        last = number
    return last


def to_xml(row: Row[tuple[object, ...]]) -> bytes:
    """A row as an AuditMessage element."""
    (code, name), action, event_type = EVENTS.get(row.action, OTHER)
    if row.action == "read" and not row.study_id:  # of several studies at once
        code, name, action = "110112", "Query", "E"
    message = ElementTree.Element("AuditMessage")
    event = ElementTree.SubElement(
        message,
        "EventIdentification",
        EventActionCode=action,
        EventDateTime=row.at,
        EventOutcomeIndicator="4" if row.action == "failed" else "0",
    )
    _coded(event, "EventID", code, name)
    if event_type:
        _coded(event, "EventTypeCode", *event_type.split(":"))
    person = ElementTree.SubElement(
        message,
        "ActiveParticipant",
        UserID=row.actor,
        UserIsRequestor="true",
    )
    if row.actor == "service":
        _coded(person, "RoleIDCode", "110150", "Application")
    source = ElementTree.SubElement(
        message,
        "AuditSourceIdentification",
        AuditEnterpriseSiteID="radscribe",
        AuditSourceID=socket.gethostname(),
    )
    ElementTree.SubElement(source, "AuditSourceTypeCode", {"csd-code": "4"})  # an application server
    details = json.loads(row.details)
    if row.study_id:
        _object(message, row.study_id, "study", REPORT, {"action": row.action, **details})
    elif "user" in details:
        user = str(details.pop("user"))
        _object(message, user, user, USER, {"action": row.action, **details})
    elif details:
        _object(message, row.action, "radscribe", SERVICE, {"action": row.action, **details})
    ElementTree.indent(message, "")
    xml: bytes = ElementTree.tostring(message, encoding="utf-8")
    return xml.replace(b"\n", b"")


def _object(
    message: ElementTree.Element, number: str, name: str, kind: tuple[str, str, str, str], details: Any
) -> None:
    type_code, role, code, text = kind
    found = ElementTree.SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=number,
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )
    _coded(found, "ParticipantObjectIDTypeCode", code, text, "RFC-3881")
    ElementTree.SubElement(found, "ParticipantObjectName").text = name
    for key, value in details.items():
        ElementTree.SubElement(found, "ParticipantObjectDetail", type=key, value=_base64(value))


def _coded(parent: ElementTree.Element, tag: str, code: str, text: str, system: str = DCM) -> None:
    ElementTree.SubElement(
        parent, tag, {"csd-code": code, "codeSystemName": system, "originalText": text, "displayName": text}
    )


def _base64(value: object) -> str:
    return base64.b64encode(str(value).encode()).decode()


def _syslog_line(row: Row[tuple[object, ...]]) -> bytes:
    host = "".join(c for c in socket.gethostname() if 33 <= ord(c) <= 126) or "-"
    # The message id is fixed by PS3.15 A.5.1.1: IHE's and DICOM's receivers filter by it.
    head = f"<{PRIORITY}>1 {row.at} {host} radscribe/{__version__} {os.getpid()} DICOM+RFC3881 - "
    return head.encode() + b"\xef\xbb\xbf" + to_xml(row)


@contextmanager
def syslog(address: str, *, tls: bool = False, udp: bool = False) -> Iterator[Callable[[bytes], object]]:
    """Connect to a syslog server; yields a function that sends one message.

    Parameters
    ----------
    address : str
        HOST:PORT.
    tls : bool
        TLS (RFC 5425) instead of plain TCP; both count octets (RFC 6587).
    udp : bool
        A datagram per message (RFC 5426). Nobody learns whether it arrives.

    Raises
    ------
    UsageError
        The address is not HOST:PORT.
    RadscribeError
        The server does not accept the messages.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError("is not HOST:PORT", subject=address, remedy="name a server, as in log.example:6514")
    try:
        if udp:
            with _datagrams(host.strip("[]"), int(port)) as connected:
                yield connected.send
            return
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS) as plain:
            connection = (
                ssl.create_default_context().wrap_socket(plain, server_hostname=host) if tls else plain
            )
            yield lambda message: connection.sendall(b"%d %s" % (len(message), message))
            connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        raise RadscribeError(
            f"the syslog server does not take messages: {error.strerror or type(error).__name__}",
            subject=address,
            remedy="check the address, and --tls",
        ) from error


def _datagrams(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    connected = socket.socket(family, kind, protocol)
    connected.settimeout(SECONDS)
    connected.connect(address)
    return connected

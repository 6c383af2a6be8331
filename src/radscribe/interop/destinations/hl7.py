"""HL7 v2 over MLLP: `hl7:host:port`, one ORU^R01 of version 2.5.1 per result."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime

import hl7

from radscribe.interop import codes
from radscribe.interop.codes import Code
from radscribe.interop.destinations.destination import SECONDS, Address, Destination, Parcel
from radscribe.interop.results.record import Kind, Result, as_date, as_time, as_zone
from radscribe.interop.results.report import notes

START, END = b"\x0b", b"\x1c\r"
MOST = 1 << 16  # bytes of an acknowledgement
# Table 0085 and 0123: results that are stored and not verified, final ones, and a correction of final ones.
UNVERIFIED, FINAL, CORRECTED = "R", "F", "C"


class Hl7Destination(Destination):
    """A receiver of HL7 v2 messages.

    Options: ``application`` and ``facility`` (of the receiver), ``tls=yes``, ``ca``, ``cert`` and ``key``.
    """

    kinds = ("message",)
    options = frozenset({"application", "facility", "tls", "ca", "cert", "key"})

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        host, _, port = address.place.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise address.wrong("is not host:port", "for example: hl7:10.0.0.7:2575")
        self._host, self._port = host.strip("[]"), int(port)
        self._tls = address.tls()

    def send(self, kind: Kind, parcel: Parcel) -> None:
        """Send the message of a result and wait for its acknowledgement."""
        options = self.address.options
        text = message(parcel.result, options.get("application", ""), options.get("facility", ""))
        try:
            with socket.create_connection((self._host, self._port), SECONDS) as plain:
                plain.settimeout(SECONDS)
                wrapped = self._tls.wrap_socket(plain, server_hostname=self._host) if self._tls else plain
                with wrapped as connection:
                    connection.sendall(START + text.encode() + END)
                    answer = self._read(connection)
        except OSError as error:
            raise self.failed(f"does not answer: {error.strerror or error}") from error
        code = acknowledged(answer)
        if code not in ("AA", "CA"):
            # "Reject" is for reasons that are not in the message, such as a receiver that is down (2.9.2.2).
            raise self.failed(
                f"does not accept the message: {code or 'no acknowledgement'}", refused=code in ("AE", "CE")
            )

    def _read(self, connection: socket.socket) -> bytes:
        answer = b""
        while not answer.endswith(END) and len(answer) < MOST:
            part = connection.recv(4096)
            if not part:
                break
            answer += part
        return answer


def acknowledged(answer: bytes) -> str:
    """Return the code of an acknowledgement (MSA-1), or nothing if it is none."""
    try:
        read = hl7.parse(answer.strip(b"\x0b\x1c\r\n ").decode("utf-8", "replace") + "\r")
        return str(read.segment("MSA")[1])[:2]
    except (KeyError, IndexError, ValueError, hl7.HL7Exception):
        return ""


def message(result: Result, application: str = "", facility: str = "") -> str:
    """Make the message of a result; the same one at each retry.

    Parameters
    ----------
    application, facility : str
        Of the receiver: MSH-5 and MSH-6.
    """
    return "\r".join("|".join(fields) for fields in _segments(result, application, facility)) + "\r"


def _segments(result: Result, application: str, facility: str) -> Iterator[list[str]]:
    identity, at = result.identity, _time(result.at)
    status = UNVERIFIED
    if result.review is not None:
        status = CORRECTED if result.review.corrects else FINAL
    control = result.uid("hl7").rpartition(".")[2][-20:]
    receiver = [_escaped(application), _escaped(facility)]
    yield [
        *("MSH", "^~\\&", "RADSCRIBE", "", *receiver, at, "", "ORU^R01^ORU_R01", control, "P", "2.5.1"),
        *("", "", "", "", "", "UNICODE UTF-8"),
    ]
    patient = f"{_escaped(identity.patient_id)}^^^{_escaped(identity.issuer_of_patient_id)}"
    name = "^".join(_escaped(part) for part in identity.patient_name.partition("=")[0].split("^"))
    sex = identity.sex if identity.sex in ("M", "F", "O") else ""
    yield ["PID", "1", "", patient.rstrip("^"), "", name, "", as_date(identity.birth_date), sex]
    reader = "" if result.review is None else f"^{_escaped(result.review.reviewer)}"
    day = as_date(identity.study_date)
    clock = day and as_time(identity.study_time).partition(".")[0]
    observed = day + clock + (identity.timezone if clock and as_zone(identity.timezone) is not None else "")
    order = ["OBR", "1", "", _escaped(identity.accession_number), _coded(codes.REPORT), "", "", observed]
    yield [*order, *[""] * 14, at, "", "RAD", status, *[""] * 6, reader]
    for number, (kind, what, group, value, units) in enumerate(_observations(result), 1):
        state = UNVERIFIED if kind == "NM" else status  # a reader verifies the text, not a probability
        yield ["OBX", str(number), kind, what, group, value, units, "", "", "", "", state, "", "", at]


def _observations(result: Result) -> Iterator[tuple[str, str, str, str, str]]:
    """Type, code, group, value and units of each OBX."""
    study = Code("113014", "DCM", "DICOM Study")
    yield "ST", _coded(study), "", _escaped(result.identity.study_instance_uid), ""
    for note in notes(result):
        yield "TX", _coded(Code("121106", "DCM", "Comment")), "", _escaped(note), ""
    for section, text in (
        (codes.FINDINGS_SECTION, result.findings),
        (codes.IMPRESSION_SECTION, result.impression),
    ):
        if text:
            yield "TX", _coded(section), "", _escaped(text), ""
    for group, finding in enumerate(result.results, 1):
        of = str(group)
        yield "CWE", _coded(codes.FINDING), of, _coded(codes.code_of(finding.name).code), ""
        if finding.side is not None:
            yield "CWE", _coded(codes.LATERALITY), of, _coded(codes.SIDES[finding.side]), ""
        if finding.status is not None:
            yield "CWE", _coded(codes.PRESENCE_OF), of, _coded(codes.PRESENCE[finding.status]), ""
        if finding.probability is not None:
            number = f"{finding.probability:.5f}".rstrip("0").rstrip(".")
            yield "NM", _coded(codes.PROBABILITY), of, number, _coded(codes.NO_UNITS)


def _coded(code: Code) -> str:
    return f"{_escaped(code.value)}^{_escaped(code.meaning)}^{code.scheme}"


def _time(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}+0000"


def _escaped(text: str) -> str:
    """A value without the characters that delimit (2.5.1, chapter 2.7)."""
    signs = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": "", "\n": "\\.br\\"}
    return "".join(signs.get(c, c) for c in text if c.isprintable() or c == "\n")

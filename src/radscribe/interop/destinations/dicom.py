"""C-STORE to an archive: `dicom:AETITLE@host:port`."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from typing import Any

from pydicom import Dataset
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)
from pynetdicom import AE
from pynetdicom.association import Association

from radscribe.interop.destinations.destination import SECONDS, Address, Destination, Parcel
from radscribe.interop.results.record import Kind

PLACE = re.compile(
    r"(?P<title>[\x21-\x5b\x5d-\x7e][\x20-\x5b\x5d-\x7e]{0,15})@(?P<host>[^@]+):(?P<port>\d{1,5})"
)
CLASSES = (ComprehensiveSRStorage, BasicTextSRStorage, SecondaryCaptureImageStorage)
DUPLICATE = 0x0111  # PS3.7 C.5.7: the archive has this very instance already


def out_of_resources(status: int) -> bool:
    """Whether a status says that the archive has no room at the moment (PS3.4 B.2.3)."""
    return status >> 8 == 0xA7


class DicomDestination(Destination):
    """An archive that takes objects by C-STORE, over one association as long as objects are due.

    Options: ``calling`` (our AE title, default RADSCRIBE), ``tls=yes``, ``ca``, ``cert`` and ``key`` (files).
    """

    options = frozenset({"calling", "tls", "ca", "cert", "key"})

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        match = PLACE.fullmatch(address.place)
        if match is None or not 0 < int(match["port"]) < 65536:
            raise address.wrong("is not AETITLE@host:port", "for example: dicom:PACS@10.0.0.7:104")
        self._title, self._port = match["title"], int(match["port"])
        self._host = match["host"].strip("[]")
        self._calling = address.options.get("calling", "RADSCRIBE")
        if not 0 < len(self._calling) <= 16:
            raise address.wrong("has a calling AE title that is not of 1 to 16 characters")
        self._tls = address.tls()
        self._association: Association | None = None

    def send(self, kind: Kind, parcel: Parcel) -> None:
        """Send one object over the association of the one before, or over a new one."""
        dataset = parcel.dicom(kind)
        status = self._store(dataset) if self._association is not None else None
        if status is None:  # the archive may have ended the association meanwhile
            self.close()
            self._association = self._associate(dataset.SOPClassUID.name)
            status = self._store(dataset)
        if status is None:
            self.close()
            raise self.failed("broke the association off")
        if status not in (0, DUPLICATE) and status >> 12 != 0xB:  # 0xBxxx: stored, with a remark
            raise self.failed(
                f"refuses a {dataset.SOPClassUID.name} with status 0x{status:04X}",
                refused=not out_of_resources(status),
            )

    def close(self) -> None:
        """Release the association."""
        if self._association is not None and self._association.is_established:
            self._association.release()
        self._association = None

    def _associate(self, name: str) -> Association:
        """Open an association for all classes; one of them, by this name, is to be sent."""
        ae = AE(self._calling)
        ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = SECONDS
        for uid in CLASSES:
            ae.add_requested_context(uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        tls = None if self._tls is None else (self._tls, self._host)
        try:
            association = ae.associate(self._host, self._port, ae_title=self._title, tls_args=tls)
        except (OSError, ssl.SSLError) as error:
            raise self.failed(f"does not answer: {error}") from error
        if not association.is_established:
            if association.is_rejected:
                raise self.failed(f"rejects the association of {self._calling} to {self._title}")
            if association.rejected_contexts:
                raise self.failed(f"does not take the class {name}", refused=True)
            raise self.failed("does not answer")
        connection: Any = association.dul.socket
        with suppress(OSError, AttributeError):  # it may have been closed again
            # A request is several writes: each would wait for the acknowledgement of the one before.
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return association

    def _store(self, dataset: Dataset) -> int | None:
        """Send an object; return the status, None if the association is or gets broken."""
        assert self._association is not None
        uid = dataset.SOPClassUID
        if all(context.abstract_syntax != uid for context in self._association.accepted_contexts):
            raise self.failed(f"does not take the class {uid.name}", refused=True)
        try:
            answer = self._association.send_c_store(dataset)
        except RuntimeError:  # it is not established any more
            return None
        status = answer.get("Status")
        return None if status is None else int(status)

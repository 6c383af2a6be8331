"""C-STORE to an archive: `dicom:AETITLE@host:port`."""

from __future__ import annotations

import re
import ssl

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE

from radscribe.interop.destinations.destination import SECONDS, Address, Destination, Parcel
from radscribe.interop.results.record import Kind

PLACE = re.compile(
    r"(?P<title>[\x21-\x5b\x5d-\x7e][\x20-\x5b\x5d-\x7e]{0,15})@(?P<host>[^@]+):(?P<port>\d{1,5})"
)
DUPLICATE = 0x0111  # PS3.7 C.5.7: the archive has this very instance already


def out_of_resources(status: int) -> bool:
    """Whether a status says that the archive has no room at the moment (PS3.4 B.2.3)."""
    return status >> 8 == 0xA7


class DicomDestination(Destination):
    """An archive that takes objects by C-STORE.

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

    def send(self, kind: Kind, parcel: Parcel) -> None:
        """Send one object over an association of its own."""
        dataset = parcel.dicom(kind)
        ae = AE(self._calling)
        ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = SECONDS
        ae.add_requested_context(dataset.SOPClassUID, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        tls = None if self._tls is None else (self._tls, self._host)
        try:
            association = ae.associate(self._host, self._port, ae_title=self._title, tls_args=tls)
        except (OSError, ssl.SSLError) as error:
            raise self.failed(f"does not answer: {error}") from error
        if not association.is_established:
            if association.is_rejected:
                raise self.failed(f"rejects the association of {self._calling} to {self._title}")
            if association.rejected_contexts:
                raise self.failed(f"does not take the class {dataset.SOPClassUID.name}", refused=True)
            raise self.failed("does not answer")
        try:
            answer = association.send_c_store(dataset)
        except ValueError as error:
            raise self.failed(f"does not take the class {dataset.SOPClassUID.name}", refused=True) from error
        finally:
            association.release()
        status = answer.get("Status")
        if status is None:
            raise self.failed("broke the association off")
        if status not in (0, DUPLICATE) and status >> 12 != 0xB:  # 0xBxxx: stored, with a remark
            raise self.failed(
                f"refuses a {dataset.SOPClassUID.name} with status 0x{status:04X}",
                refused=not out_of_resources(status),
            )

"""STOW-RS to an archive: `stow:https://host/dicom-web`."""

from __future__ import annotations

import json
from io import BytesIO

from radscribe.interop.destinations.destination import Parcel
from radscribe.interop.destinations.dicom import DUPLICATE, out_of_resources
from radscribe.interop.destinations.http import HttpDestination, refuses
from radscribe.interop.results.record import Kind

BOUNDARY = "radscribe-7c0f1d3b9a5e"
FAILED, REASON = "00081198", "00081197"  # Failed SOP Sequence, Failure Reason


class StowDestination(HttpDestination):
    """An archive that takes objects by STOW-RS (PS3.18 10.5)."""

    def send(self, kind: Kind, parcel: Parcel) -> None:
        """Send one object."""
        dataset = parcel.dicom(kind)
        file = BytesIO()
        dataset.save_as(file, enforce_file_format=True)
        body = b"\r\n".join(
            (
                f"--{BOUNDARY}".encode(),
                b"Content-Type: application/dicom",
                b"",
                file.getvalue(),
                f"--{BOUNDARY}--".encode(),
                b"",
            )
        )
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
            "Accept": "application/dicom+json",
        }
        status, answer = self.post(f"/studies/{dataset.StudyInstanceUID}", body, headers)
        reasons = _reasons(answer)
        if reasons and all(reason == DUPLICATE for reason in reasons):
            return
        if status not in (200, 202) or reasons:
            codes = ", ".join(f"0x{reason:04X}" for reason in reasons)
            detail = f" and failure reason {codes}" if codes else ""
            raise self.failed(
                f"refuses a {dataset.SOPClassUID.name} with status {status}{detail}",
                refused=not all(map(out_of_resources, reasons)) if reasons else refuses(status),
            )


def _reasons(answer: bytes) -> list[int]:
    """Why instances were not stored; empty if the answer names none."""
    try:
        response = json.loads(answer)
        response = response[0] if isinstance(response, list) else response
        return [int(item[REASON]["Value"][0]) for item in response.get(FAILED, {}).get("Value", ())]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return []

"""A folder on disk: `folder:/path`, with a folder per study and a file per object."""

from __future__ import annotations

from pathlib import Path

from radscribe.errors import OutputError
from radscribe.files import atomic_write
from radscribe.interop.destinations.destination import Address, Destination, Parcel
from radscribe.interop.results.record import Kind


class FolderDestination(Destination):
    """A folder, which another program may import from. A file appears there whole."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._folder = Path(address.place)

    def send(self, kind: Kind, parcel: Parcel) -> None:
        """Write one object."""
        dataset = parcel.dicom(kind)
        folder = self._folder / _name(dataset.StudyInstanceUID)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with atomic_write(folder / f"{kind}-{dataset.SOPInstanceUID}.dcm") as file:
                dataset.save_as(file, enforce_file_format=True)
        except (OSError, OutputError) as error:
            reason = error.problem if isinstance(error, OutputError) else error.strerror
            raise self.failed(f"cannot be written: {reason}") from error


def _name(uid: str) -> str:
    """A UID as the name of a folder: the study's, which another system chose."""
    return "".join(c for c in uid if c.isdigit() or c == ".").strip(".") or "study"

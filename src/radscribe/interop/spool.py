"""The spool: instances that came in and are not with the service yet, each on disk before it is acknowledged.

The folder is the truth. A process that dies loses nothing that it acknowledged; the next one finds the files.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import secrets
import threading
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID
from pydicom.uid import DeflatedExplicitVRLittleEndian as DEFLATED

from radscribe._version import __version__
from radscribe.errors import DataError, ImageError, RadscribeError
from radscribe.imaging.dicom_file import file_meta, parse
from radscribe.interop.identity import IdentityKey, patient_of

SUFFIX = ".dcm"
PARTIAL = ".partial"
KEY_FILE = "key"
LOCK = "lock"
HEAD = 1 << 20  # bytes of a data set that hold its attributes
SPOOLS = 64  # processes that share a folder
OWN = "radscribe"  # in Manufacturer or ManufacturerModelName of what radscribe made


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance as it came in.

    Parameters
    ----------
    study : str
        Digest of the study's UID and the patient: two patients never share a study.
    name : str
        Digest of the SOP instance UID.
    content : str
        Digest of transfer syntax and data set.
    """

    study: str
    name: str
    content: str
    study_uid: str
    sop_class: str
    sop_instance: str
    syntax: str

    def __repr__(self) -> str:
        """Show only digests: no UID gets into a log."""
        return f"Instance({self.study}, {self.name})"


@dataclass(frozen=True, slots=True)
class Spooled:
    """An instance in the spool."""

    path: Path
    name: str
    content: str

    def read(self) -> tuple[Dataset, bool]:
        """Return the header, and whether the instance is an image that radscribe did not make itself."""
        with self.path.open("rb") as file:
            parsed = parse(file, "", strict=False)
        made_by = (str(parsed.dataset.get(k) or "") for k in ("Manufacturer", "ManufacturerModelName"))
        own = any(OWN in value.lower() for value in made_by)
        return parsed.dataset, parsed.pixels is not None and not own


def describe(data: bytes | memoryview, syntax: str) -> Instance:
    """Read which study and instance a data set is of.

    Parameters
    ----------
    data : bytes
        The data set, without file meta information.
    syntax : str
        UID of its transfer syntax.

    Raises
    ------
    DataError
        The data set cannot be read, or names no study or instance. The error quotes no value.
    """
    try:
        # The attributes come before the pixels, which are not copied for them.
        dataset = _head(data[:HEAD], syntax) if syntax != DEFLATED else _head(data, syntax)
        if "StudyInstanceUID" not in dataset:
            dataset = _head(data, syntax)
        study, sop = (str(dataset.get(k) or "").strip() for k in ("StudyInstanceUID", "SOPInstanceUID"))
        patient = patient_of(dataset)
        sop_class = str(dataset.get("SOPClassUID") or "").strip()
    except ImageError as error:
        raise DataError(error.problem) from None
    except Exception:  # noqa: BLE001  the boundary to pydicom, which raises many kinds and quotes values
        raise DataError("is a data set that cannot be read") from None
    if not study or not sop:
        raise DataError("names no study or no instance")
    content = hashlib.sha256(f"{syntax}\0".encode())
    content.update(data)
    return Instance(
        _digest(study, *patient), _digest(sop), content.hexdigest()[:32], study, sop_class, sop, str(syntax)
    )


def _head(data: bytes | memoryview, syntax: str) -> Dataset:
    head = BytesIO()
    write_meta(head, "1.2", "1.2", syntax)
    head.write(data)
    return parse(head, "", strict=False).dataset


def without_meta(data: bytes | bytearray) -> tuple[memoryview, str]:
    """Split a DICOM file: the data set, and the UID of its transfer syntax.

    Raises
    ------
    DataError
        The file has no file meta information.
    """
    try:
        start, syntax = file_meta(BytesIO(data[:HEAD]), "")
    except ImageError as error:
        raise DataError(error.problem) from None
    if data[128:132] != b"DICM" or syntax is None:
        raise DataError("is no DICOM file with file meta information")
    return memoryview(data)[start:], str(syntax)


def write_meta(file: BytesIO, sop_class: str, sop_instance: str, syntax: str) -> None:
    """Write preamble and file meta information (PS3.10 7.1)."""
    from pydicom.dataset import FileMetaDataset

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance)
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    meta.ImplementationVersionName = f"RADSCRIBE {__version__}"[:16]
    file.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(DicomIO(file), meta)


class Spool:
    """A folder of instances by study, with a lock.

    Parameters
    ----------
    folder : Path
        Folder for the spools of all processes that share a store. This process takes the first free one, and
        with it what a process that died has left there.

    Attributes
    ----------
    digests : IdentityKey
        Key of the digests that stay with a study in the database. All processes have the same.

    Raises
    ------
    RadscribeError
        The folder cannot be written, or no spool is free.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._arrived: dict[str, float] = {}  # study → when its newest instance came (monotonic)
        self._fresh: set[Path] = set()  # study folders whose own entry is not on disk yet
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.digests = _digest_key(folder / KEY_FILE)
            self.folder, self._descriptor = _first_free(folder)
            for partial in self.folder.glob(f"*/*{PARTIAL}"):  # what a crash left incomplete
                partial.unlink()
            now, wall = time.monotonic(), time.time()
            for study in self.folder.iterdir():
                if study.is_dir():
                    newest = max((f.stat().st_mtime for f in study.iterdir()), default=wall)
                    self._arrived[study.name] = now - max(0.0, wall - newest)
            _sync(folder)
        except OSError as error:
            raise RadscribeError(
                f"cannot hold what comes in: {error.strerror}", subject=folder, remedy="name another --store"
            ) from error

    def __len__(self) -> int:
        return len(self._arrived)

    def close(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)

    def add(self, instance: Instance, data: bytes | memoryview) -> None:
        """Write an instance durably: no crash loses it after this returns. An existing file is kept.

        Raises
        ------
        OSError
            The disk is full or fails.
        """
        folder = self.folder / instance.study
        path = folder / f"{instance.name}-{instance.content}{SUFFIX}"
        with self._lock:
            # A study that is being removed and one that comes again must not meet.
            made = not folder.is_dir()
            folder.mkdir(mode=0o700, exist_ok=True)
            self._arrived[instance.study] = time.monotonic()
        if made:
            _sync(self.folder)
        head = BytesIO()
        write_meta(head, instance.sop_class or "1.2", instance.sop_instance, instance.syntax)
        if not path.exists():
            partial = folder / f"{secrets.token_hex(8)}{PARTIAL}"
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                for part in (head.getbuffer(), memoryview(data)):
                    while part:
                        part = part[os.write(descriptor, part) :]
                os.fsync(descriptor)
                partial.replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    partial.unlink()
                raise
            finally:
                os.close(descriptor)
        _sync(folder)
        with self._lock:
            self._arrived[instance.study] = time.monotonic()

    def waits(self, study: str) -> bool:
        """Whether instances of a study are in the spool."""
        return study in self._arrived

    def quiet(self, seconds: float) -> list[str]:
        """Return the studies to which nothing was added for some seconds, the longest wait first."""
        limit = time.monotonic() - seconds
        with self._lock:
            waiting = sorted((at, study) for study, at in self._arrived.items())
        return [study for at, study in waiting if at <= limit]

    def instances(self, study: str) -> list[Spooled]:
        """Return the instances of a study in the order in which they came."""
        found: list[tuple[int, Spooled]] = []
        for path in (self.folder / study).glob(f"*{SUFFIX}"):
            name, _, content = path.stem.partition("-")
            found.append((path.stat().st_mtime_ns, Spooled(path, name, content)))
        return [spooled for _, spooled in sorted(found, key=lambda pair: (pair[0], pair[1].path))]

    def remove(self, study: str, instances: list[Spooled]) -> None:
        """Remove instances that the service has taken; others that came meanwhile stay."""
        for spooled in instances:
            spooled.path.unlink(missing_ok=True)
        with self._lock, contextlib.suppress(OSError):  # it is not empty
            (self.folder / study).rmdir()
            del self._arrived[study]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _digest_key(path: Path) -> IdentityKey:
    """The key in a file, which is made if it is missing."""
    if not path.exists():
        partial = path.with_name(f"{secrets.token_hex(8)}{PARTIAL}")
        partial.touch(mode=0o600)
        partial.write_bytes(base64.b64encode(secrets.token_bytes(32)))
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)  # whoever comes first
        partial.unlink()
    return IdentityKey.from_file(path)


def _first_free(folder: Path) -> tuple[Path, int]:
    for number in range(SPOOLS):
        spool = folder / str(number)
        spool.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / f"{number}.{LOCK}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return spool, descriptor
    raise RadscribeError(f"{SPOOLS} processes use it", subject=folder, remedy="name another --store")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

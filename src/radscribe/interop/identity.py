"""The attributes by which a result finds its patient and study, and the key that encrypts them."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from pydicom import Dataset

from radscribe.errors import DataError, RadscribeError, UsageError

KEY_BYTES = 32
KEY_VARIABLE = "RADSCRIBE_IDENTITY_KEY"
NONCE_BYTES = 12  # NIST SP 800-38D 5.2.1.1
VERSION = b"\x01"  # of the sealed form: version, nonce, AES-256-GCM of JSON
HOW_TO_MAKE = "make one: (umask 077; openssl rand -base64 32 > identity.key)"


@dataclass(frozen=True, slots=True)
class InstanceReference:
    """An image of the original study.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid, series_instance_uid : str
        As in the original; empty if it has none.
    rows, columns : int
        Size of the original image; 0 if it states none.
    path : str or None
        File with the pixels: as read from disk, or its name in the store's folder of images.
    """

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    rows: int
    columns: int
    path: str | None = None


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """Patient and study of the original images. Text is decoded; an attribute that is missing is empty.

    Parameters
    ----------
    patient_name : str
        With "^" between its components and "=" between its alphabetic, ideographic and phonetic forms.
    birth_date, study_date, study_time : str
        As in DICOM: YYYYMMDD, HHMMSS.
    timezone : str
        Offset of the dates and times from UTC, as in DICOM: "+0900".
    specific_character_set : str
        Of the original, with backslashes between several values. Its texts are not in it any more.
    instances : tuple of InstanceReference
        In the order of series and instance number.
    """

    study_instance_uid: str
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    accession_number: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    referring_physician: str = ""
    study_description: str = ""
    timezone: str = ""
    specific_character_set: str = ""
    instances: tuple[InstanceReference, ...] = ()

    def __repr__(self) -> str:
        """Show no attribute, so that none gets into a log or a traceback."""
        return f"StudyIdentity({len(self.instances)} instances)"

    def with_paths(self, paths: dict[str, str]) -> StudyIdentity:
        """Return a copy with other files.

        Parameters
        ----------
        paths : dict of str to str
            SOP instance UID → file. Instances without an entry get None.
        """
        instances = tuple(replace(i, path=paths.get(i.sop_instance_uid)) for i in self.instances)
        return replace(self, instances=instances)

    def merged(self, earlier: StudyIdentity) -> StudyIdentity:
        """Return a copy with the instances and attributes of an earlier state of the study that it lacks."""
        mine = {i.sop_instance_uid for i in self.instances}
        before = tuple(i for i in earlier.instances if i.sop_instance_uid not in mine)
        lacking = {
            name: getattr(earlier, name)
            for name in ATTRIBUTES
            if not getattr(self, name) and name != "specific_character_set"
        }
        return replace(self, instances=(*before, *self.instances), **lacking)


ATTRIBUTES = {
    "study_instance_uid": "StudyInstanceUID",
    "patient_id": "PatientID",
    "issuer_of_patient_id": "IssuerOfPatientID",
    "patient_name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "accession_number": "AccessionNumber",
    "study_id": "StudyID",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "referring_physician": "ReferringPhysicianName",
    "study_description": "StudyDescription",
    "timezone": "TimezoneOffsetFromUTC",
    "specific_character_set": "SpecificCharacterSet",
}


def identity_of(datasets: Iterable[Dataset]) -> StudyIdentity:
    """Collect the identity of a study from its instances.

    Parameters
    ----------
    datasets : iterable of Dataset
        Instances of one study; their pixels are not needed. An instance that comes twice counts once.

    Returns
    -------
    StudyIdentity
        Each attribute from the first instance that has it.

    Raises
    ------
    DataError
        The instances are of several studies or of several patients, or name no study. The error quotes no
        value.
    """
    attributes: dict[str, str] = {}
    patients: set[tuple[str, ...]] = set()
    instances: dict[str, tuple[tuple[str, int, str], InstanceReference]] = {}
    for number, dataset in enumerate(datasets):
        for name, keyword in ATTRIBUTES.items():
            value = _text(dataset, keyword)
            known = attributes.get(name)
            if not known:
                attributes[name] = value
            elif value and value != known and name == "study_instance_uid":
                raise DataError("the instances are of several studies", remedy="send each study on its own")
        patients |= {patient} if any(patient := patient_of(dataset)) else set()
        if len(patients) > 1:
            raise DataError("the instances are of several patients", remedy="send each study on its own")
        reference = InstanceReference(
            _text(dataset, "SOPClassUID"),
            _text(dataset, "SOPInstanceUID"),
            _text(dataset, "SeriesInstanceUID"),
            _number(dataset, "Rows"),
            _number(dataset, "Columns"),
            _path(dataset),
        )
        order = (
            reference.series_instance_uid,
            _number(dataset, "InstanceNumber"),
            reference.sop_instance_uid,
        )
        instances.setdefault(reference.sop_instance_uid or f"#{number}", (order, reference))
    if not attributes.get("study_instance_uid"):
        raise DataError("the instances name no study", remedy="export them again")
    ordered = sorted(instances.values(), key=lambda pair: pair[0])
    return StudyIdentity(**attributes, instances=tuple(reference for _, reference in ordered))


def patient_of(dataset: Dataset) -> tuple[str, ...]:
    """Tell patients apart: id and issuer or, without an id, name and birth date; all empty without any."""
    keywords = ("PatientID", "IssuerOfPatientID")
    if not _text(dataset, "PatientID"):
        keywords = ("PatientName", "PatientBirthDate")
    return tuple(_text(dataset, keyword) for keyword in keywords)


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as text; empty if it is missing or pydicom cannot decode it."""
    try:
        value = dataset.get(keyword)
        if value is None:
            return ""
        parts = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
        text = str(value) if keyword.endswith("Name") else "\\".join(map(str, parts))
        return "".join(c for c in text if c.isprintable()).strip()
    except Exception:  # noqa: BLE001  pydicom raises many kinds on damaged values
        return ""


def _number(dataset: Dataset, keyword: str) -> int:
    text = _text(dataset, keyword)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _path(dataset: Dataset) -> str | None:
    name = getattr(dataset, "filename", None)
    return str(name) if isinstance(name, (str, Path)) and str(name) else None


class IdentityKey:
    """Encrypts identities (AES-256-GCM), and makes digests by which an identity is found without decrypting.

    Parameters
    ----------
    secret : bytes
        32 random bytes.
    """

    def __init__(self, secret: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise RadscribeError(
                "identities are encrypted with cryptography, which is not installed",
                remedy='run: pip install ".[interop]" in the checkout',
            ) from None
        if len(secret) != KEY_BYTES:
            raise UsageError(f"a key of identities has {KEY_BYTES} bytes", remedy=HOW_TO_MAKE)
        # One key for each purpose (NIST SP 800-108): a digest does not reveal the cipher's key.
        self._cipher = AESGCM(hmac.digest(secret, b"radscribe identity: seal", "sha256"))
        self._digest = hmac.digest(secret, b"radscribe identity: digest", "sha256")

    def __repr__(self) -> str:
        return "IdentityKey()"

    @classmethod
    def from_text(cls, text: str, subject: str | Path) -> IdentityKey:
        """Read a key in base64.

        Raises
        ------
        UsageError
            The text is not the base64 of 32 bytes.
        """
        try:
            secret = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != KEY_BYTES:
            raise UsageError(
                f"holds no key of {KEY_BYTES} bytes in base64", subject=subject, remedy=HOW_TO_MAKE
            )
        return cls(secret)

    @classmethod
    def from_file(cls, path: Path) -> IdentityKey:
        """Read a key from a file.

        Raises
        ------
        UsageError
            The file cannot be read, can be read by other users, or holds no key.
        """
        try:
            text = path.read_text(encoding="ascii")
            mode = path.stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not text"
            raise UsageError(f"cannot be read: {reason}", subject=path, remedy=HOW_TO_MAKE) from error
        if mode & 0o077:
            raise UsageError("can be read by other users", subject=path, remedy=f"run: chmod 600 {path}")
        return cls.from_text(text, path)

    @classmethod
    def configured(cls, path: Path | None) -> IdentityKey:
        """Return the key of a file or, without one, of the environment variable RADSCRIBE_IDENTITY_KEY.

        Raises
        ------
        UsageError
            There is neither, or the key is not one.
        """
        if path is not None:
            return cls.from_file(path)
        text = os.environ.get(KEY_VARIABLE)
        if not text:
            raise UsageError(
                "sending results needs a key that encrypts the identity of each study",
                remedy=f"give --identity-key FILE or set {KEY_VARIABLE}; {HOW_TO_MAKE}",
            )
        return cls.from_text(text, KEY_VARIABLE)

    def seal(self, identity: StudyIdentity, study: str) -> bytes:
        """Encrypt an identity.

        Parameters
        ----------
        study : str
            Id of the study in the store. Only with the same id can the identity be opened again.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, msgspec.json.encode(identity), study.encode())

    def open(self, sealed: bytes, study: str) -> StudyIdentity:
        """Decrypt an identity.

        Raises
        ------
        RadscribeError
            It was encrypted with another key, for another study, or was altered.
        """
        from cryptography.exceptions import InvalidTag

        nonce, cipher = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            if sealed[:1] != VERSION or len(nonce) != NONCE_BYTES:
                raise InvalidTag
            plain = self._cipher.decrypt(nonce, cipher, study.encode())
        except InvalidTag:
            raise RadscribeError(
                "the identity cannot be decrypted", subject=study, remedy="give the key that encrypted it"
            ) from None
        return msgspec.json.decode(plain, type=StudyIdentity)

    def digest(self, kind: str, value: str) -> str:
        """Return a keyed digest of a UID or number; the same value gives the same digest.

        Parameters
        ----------
        kind : str
            What the value is, such as "accession number": digests of different kinds never match.
        """
        return hmac.digest(self._digest, f"{kind}\0{value}".encode(), "sha256").hex()

"""The identity of a study: collected, encrypted, and deleted with the study."""

from __future__ import annotations

import base64
import itertools
import logging
from pathlib import Path

import pytest
from pydicom import Dataset

from radscribe.errors import DataError, RadscribeError, UsageError
from radscribe.interop.identity import IdentityKey, StudyIdentity, identity_of
from radscribe.serving.store import identities, writes
from radscribe.serving.store.identities import IdentityRow
from radscribe.serving.store.records import ImageRow, new_id
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import now

SECRET = bytes(range(32))


def instance(number: int, **values: object) -> Dataset:
    dataset = Dataset()
    given: dict[str, object] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1",
        "SOPInstanceUID": f"1.2.3.{number}",
        "SeriesInstanceUID": "1.2.3",
        "StudyInstanceUID": "1.2",
        "PatientID": "P1",
        "PatientName": "Muster^Ute",
        "AccessionNumber": "A7",
        "InstanceNumber": number,
        "Rows": 10,
        "Columns": 20,
        **values,
    }
    for keyword, value in given.items():
        setattr(dataset, keyword, value)
    return dataset


def test_attributes_and_instances_in_their_order() -> None:
    found = identity_of([instance(10, AccessionNumber=""), instance(9), instance(10)])
    assert (found.patient_name, found.accession_number, found.study_description) == ("Muster^Ute", "A7", "")
    assert [i.sop_instance_uid for i in found.instances] == ["1.2.3.9", "1.2.3.10"]
    assert (found.instances[0].rows, found.instances[0].columns) == (10, 20)


def test_names_are_decoded() -> None:
    dataset = instance(1, SpecificCharacterSet=["", "ISO 2022 IR 87"])
    raw = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    dataset.PatientName = raw.decode("iso2022_jp")
    found = identity_of([dataset])
    assert found.patient_name == "Yamada^Tarou=山田^太郎"
    assert found.specific_character_set == "\\ISO 2022 IR 87"


@pytest.mark.parametrize(
    "other",
    [
        {"StudyInstanceUID": "1.9"},
        {"PatientID": "P2"},
        {"IssuerOfPatientID": "elsewhere"},
        {"PatientID": "", "PatientName": "Muster^Ute"},
    ],
)
def test_two_studies_or_patients_are_never_one(other: dict[str, str]) -> None:
    with pytest.raises(DataError, match="of several") as raised:
        identity_of([instance(1), instance(2, **other)])
    assert "P1" not in str(raised.value)


def test_a_study_without_uid_is_refused() -> None:
    with pytest.raises(DataError, match="name no study"):
        identity_of([instance(1, StudyInstanceUID="")])


def test_no_attribute_shows_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    found = identity_of([instance(1)])
    logging.getLogger().warning("%s %r", found, found)
    assert "Muster" not in caplog.text
    assert "P1" not in caplog.text


def test_only_the_same_key_and_study_open_it() -> None:
    key, found = (
        IdentityKey(SECRET),
        identity_of([instance(1), instance(2)]).with_paths({"1.2.3.2": "ab.dcm"}),
    )
    sealed = key.seal(found, "study 1")
    assert key.open(sealed, "study 1") == found
    assert b"Muster" not in sealed
    altered = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for other, data, study in (
        (key, sealed, "study 2"),
        (key, altered, "study 1"),
        (key, sealed[:5], "study 1"),
        (IdentityKey(bytes(32)), sealed, "study 1"),
    ):
        with pytest.raises(RadscribeError, match="cannot be decrypted"):
            other.open(data, study)


def test_digests_depend_on_key_kind_and_value() -> None:
    digests = [
        IdentityKey(secret).digest(kind, value)
        for secret, kind, value in itertools.product((SECRET, bytes(32)), ("a", "b"), ("1", "2"))
    ]
    assert len(set(digests)) == 8
    assert IdentityKey(SECRET).digest("a", "1") == digests[0]


def test_a_key_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, text = tmp_path / "key", base64.b64encode(SECRET).decode()
    path.write_text(text + "\n")
    path.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        IdentityKey.configured(path)
    path.chmod(0o600)
    want = IdentityKey(SECRET).digest("a", "1")
    assert IdentityKey.configured(path).digest("a", "1") == want
    monkeypatch.setenv("RADSCRIBE_IDENTITY_KEY", text)
    assert IdentityKey.configured(None).digest("a", "1") == want
    monkeypatch.setenv("RADSCRIBE_IDENTITY_KEY", "too short")
    with pytest.raises(UsageError, match="no key of 32 bytes"):
        IdentityKey.configured(None)
    monkeypatch.delenv("RADSCRIBE_IDENTITY_KEY")
    with pytest.raises(UsageError, match="openssl rand"):
        IdentityKey.configured(None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_the_identity_goes_with_the_study(store: Store) -> None:
    key = IdentityKey(SECRET)
    ids = sorted(new_id() for _ in range(3))
    for study_id in ids:
        row = IdentityRow(study_id, "s", {"i": "c"}, "a", key.seal(StudyIdentity("1.2"), study_id))
        images = [ImageRow(0, "a.dcm", error="none")]
        store.write(writes.add_study, study_id, now(), "", "{}", images, "dicom").result()
        store.write(identities.add, row).result()
    assert store.read(identities.by_accession, "a") == ids[::-1]
    store.delete(ids[2], "somebody")
    newest = store.read(identities.newest, "s")
    assert newest is not None
    assert (newest.study_id, newest.instances) == (ids[1], {"i": "c"})
    assert newest.sealed is not None
    assert key.open(newest.sealed, ids[1]).study_instance_uid == "1.2"
    assert store.read(identities.find, ids[2]) is None
    assert store.sweep(1e-9) == 3
    assert store.read(identities.find, ids[0]) is None
    store.close()

"""The spool: what it acknowledges is on disk, once."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from radscribe.errors import DataError
from radscribe.interop.spool import Spool, describe, without_meta
from tests.interop.receiving import data_set, new_study, part10, radiograph

EXPLICIT = str(ExplicitVRLittleEndian)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def test_an_instance_that_comes_twice_is_there_once(spool: Spool) -> None:
    data = data_set(radiograph(new_study()))
    instance = describe(data, EXPLICIT)
    for _ in range(2):
        spool.add(instance, data)
    (only,) = spool.instances(instance.study)
    assert only.path.read_bytes().endswith(data)
    assert only.read()[1]
    assert spool.quiet(0) == [instance.study]
    assert spool.quiet(60) == []


def test_another_content_of_an_instance_is_kept_beside_it(spool: Spool) -> None:
    study = new_study()
    versions = [data_set(radiograph(study, StudyDescription=text)) for text in ("one", "two")]
    instances = [describe(data, EXPLICIT) for data in versions]
    for instance, data in zip(instances, versions, strict=True):
        spool.add(instance, data)
    assert instances[0].name == instances[1].name
    assert [s.content for s in spool.instances(instances[0].study)] == [i.content for i in instances]


def test_what_came_while_the_service_took_a_study_stays(spool: Spool) -> None:
    study = new_study()
    first, second = (data_set(radiograph(study, number=n)) for n in (1, 2))
    instance = describe(first, EXPLICIT)
    spool.add(instance, first)
    taken = spool.instances(instance.study)
    spool.add(describe(second, EXPLICIT), second)
    spool.remove(instance.study, taken)
    (left,) = spool.instances(instance.study)
    assert left.path.read_bytes().endswith(second)
    spool.remove(instance.study, [left])
    assert (len(spool), list(spool.folder.iterdir())) == (0, [])


def test_the_next_process_finds_what_was_acknowledged(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    data = data_set(radiograph(new_study()))
    instance = describe(data, EXPLICIT)
    first.add(instance, data)
    (first.folder / instance.study / "half.partial").write_bytes(b"half")
    beside = Spool(tmp_path)
    assert (beside.folder != first.folder, len(beside)) == (True, 0)
    key = first.digests.digest("a", "b")
    first.close()
    again = Spool(tmp_path)
    assert again.folder == first.folder
    assert [s.name for s in again.instances(instance.study)] == [instance.name]
    assert not list(again.folder.glob("*/*.partial"))
    assert again.digests.digest("a", "b") == key == beside.digests.digest("a", "b")


def test_a_full_disk_leaves_nothing_behind(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_set(radiograph(new_study()))
    instance = describe(data, EXPLICIT)

    def full(descriptor: int, part: memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        spool.add(instance, data)
    assert spool.instances(instance.study) == []
    assert list((spool.folder / instance.study).iterdir()) == []


def test_two_patients_never_share_a_study() -> None:
    study = new_study()
    keys = {describe(data_set(radiograph(study, patient)), EXPLICIT).study for patient in ("P1", "P2")}
    assert len(keys) == 2


def test_a_deflated_data_set_is_read() -> None:
    dataset = radiograph(new_study())
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data, syntax = without_meta(part10(dataset))
    assert syntax == str(DeflatedExplicitVRLittleEndian)
    assert describe(data, syntax).sop_instance == dataset.SOPInstanceUID


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"\x08\x00\x18\x00UI\xff\xff1.2"])
def test_what_names_no_study_is_refused(data: bytes) -> None:
    with pytest.raises(DataError):
        describe(data, EXPLICIT)


def test_a_file_without_meta_information_is_refused() -> None:
    with pytest.raises(DataError, match="meta information"):
        without_meta(data_set(radiograph(new_study())))

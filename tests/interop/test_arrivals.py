"""From the spool to drafts: one for each study, whatever happens in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from radscribe.interop.destinations import destination
from radscribe.interop.identity import IdentityKey
from radscribe.interop.spool import Spool, describe
from radscribe.serving.arrivals import Arrivals
from radscribe.serving.options import CaptionOptions, CaptionRequest
from radscribe.serving.problems import Problem
from radscribe.serving.service import Service
from radscribe.serving.store import identities
from radscribe.serving.store.reads import StoredStudy
from tests.interop.conftest import Receive
from tests.interop.receiving import DX, data_set, drafts, new_study, radiograph, send, until

REQUEST = CaptionRequest(CaptionOptions(), "", False)


def port(service: Service) -> int:
    assert service.node is not None
    return service.node.port


def settled(service: Service, count: int) -> list[str]:
    """Texts of the drafts, when the spool is empty and there are so many."""
    until(lambda: not len(service.arrivals.spool) and len(drafts(service)) >= count)
    return [study.text or "" for study in drafts(service)]


def test_associations_of_a_study_are_one_study(receive: Receive) -> None:
    service, study = receive(), new_study()
    for number in (1, 2):
        assert send(port(service), radiograph(study, number=number)) == [0]
    assert settled(service, 1) == ["2 images."]
    (draft,) = drafts(service)
    assert [image.name for image in draft.images] == ["CR 1-1.dcm", "CR 1-2.dcm"]


def test_what_is_sent_again_makes_no_draft(receive: Receive) -> None:
    service, image = receive(), radiograph(new_study())
    send(port(service), image)
    settled(service, 1)
    assert send(port(service), image) == [0]
    assert settled(service, 1) == ["1 images."]


def test_a_late_instance_makes_a_draft_that_supersedes_the_first(receive: Receive) -> None:
    service, study = receive(), new_study()
    send(port(service), radiograph(study, number=1))
    settled(service, 1)
    send(port(service), radiograph(study, number=2), radiograph(study, number=1))
    assert settled(service, 2) == ["1 images.", "2 images."]
    first, second = drafts(service)
    assert (first.supersedes, second.supersedes) == (None, first.id)
    send(port(service), radiograph(study, number=2, StudyDescription="corrected", PixelData=bytes(256)))
    assert settled(service, 3)[2] == "2 images."
    third = drafts(service)[2]
    assert third.supersedes == second.id
    assert third.images[0].file == first.images[0].file
    assert third.images[1].file != second.images[1].file


def test_two_patients_of_one_study_uid_are_two_studies(receive: Receive) -> None:
    service, study = receive(), new_study()
    send(port(service), radiograph(study, "P1", 1), radiograph(study, "P2", 2))
    assert settled(service, 2) == ["1 images.", "1 images."]


def test_own_results_are_taken_and_dropped(receive: Receive) -> None:
    service, study = receive(), new_study()
    mine = radiograph(study, number=9, ManufacturerModelName="radscribe")
    assert send(port(service), mine) == [0]
    until(lambda: not len(service.arrivals.spool))
    assert send(port(service), radiograph(study), mine) == [0, 0]
    assert settled(service, 1) == ["1 images."]


def test_an_unreadable_image_becomes_a_failed_study(receive: Receive) -> None:
    service = receive()
    send(port(service), radiograph(new_study(), Rows=60000, Columns=60000))
    settled(service, 1)
    (study,) = drafts(service)
    assert study.status == "failed"
    assert study.images[0].error


def test_a_crash_after_the_commit_makes_no_second_draft(receive: Receive, tmp_path: Path) -> None:
    study = new_study()
    service = receive()
    remove, Spool.remove = Spool.remove, lambda *arguments: None  # type: ignore[method-assign]
    try:
        send(port(service), radiograph(study))
        until(lambda: drafts(service))
        service.close()
    finally:
        Spool.remove = remove  # type: ignore[method-assign]
    assert list((tmp_path / "store" / "spool").rglob("*.dcm"))
    again = receive()
    assert settled(again, 1) == ["1 images."]
    assert not list((tmp_path / "store" / "spool").rglob("*.dcm"))


def test_what_was_acknowledged_before_a_stop_is_captioned_after_it(receive: Receive) -> None:
    service = receive(quiet_seconds=60)
    assert send(port(service), radiograph(new_study())) == [0]
    service.close()
    assert settled(receive(), 1) == ["1 images."]


def test_identities_are_kept_only_for_a_destination(receive: Receive, tmp_path: Path) -> None:
    service, study = receive(quiet_seconds=3600), new_study()
    key = IdentityKey(bytes(32))
    with_key = Arrivals(tmp_path / "keyed", service.store, service.queue, service.intake, 0.3, key)
    without = Arrivals(tmp_path / "plain", service.store, service.queue, service.intake, 0.3)
    for arrivals, uid in ((with_key, study), (without, new_study())):
        data = data_set(radiograph(uid, SOPClassUID=DX))
        arrivals.spool.add(describe(data, "1.2.840.10008.1.2.1"), data)
    until(lambda: len(drafts(service)) == 2)
    rows = [service.store.read(identities.find, draft.id) for draft in drafts(service)]
    sealed = [row for row in rows if row is not None and row.sealed is not None]
    assert len(sealed) == 1
    assert sealed[0].sealed is not None
    found = key.open(sealed[0].sealed, sealed[0].study_id)
    assert (found.study_instance_uid, found.patient_id) == (study, "P1")
    assert found.instances[0].path == next(
        d.images[0].file for d in drafts(service) if d.id == sealed[0].study_id
    )
    with_key.close()
    without.close()
    data = data_set(radiograph(study, number=2, AccessionNumber=""))
    again = Arrivals(tmp_path / "keyed", service.store, service.queue, service.intake, 0.3, key)
    again.spool.add(describe(data, "1.2.840.10008.1.2.1"), data)
    until(lambda: len(drafts(service)) == 3)
    newest = service.store.read(identities.find, drafts(service)[-1].id)
    assert newest is not None
    assert newest.sealed is not None
    merged = key.open(newest.sealed, newest.study_id)
    assert [i.sop_instance_uid[-3:] for i in merged.instances] == ["1.1", "1.2"]
    assert merged.accession_number == found.accession_number
    assert newest.accession_key == sealed[0].accession_key
    again.close()


def test_a_study_that_is_captioned_again_keeps_its_identity(receive: Receive, tmp_path: Path) -> None:
    key, out = IdentityKey(bytes(32)), tmp_path / "out"
    service = receive(identity_key=key, destinations=(destination(f"folder:{out}"),))
    study = new_study()
    send(port(service), radiograph(study, size=64))
    settled(service, 1)
    (first,) = drafts(service)

    def again(of: StoredStudy) -> None:
        service.queue.reserve("reader")
        identify = service.arrivals.identity_again(of)
        service.intake.recaption(of, REQUEST, "reader", "reader", invert=True, identify=identify)

    again(first)
    settled(service, 2)
    second = drafts(service)[1]
    assert second.supersedes == first.id
    assert second.images[0].file != first.images[0].file
    until(lambda: len(list(out.rglob("*.dcm"))) == 6)
    made = [dcmread(file) for file in out.rglob("report-*.dcm")]
    assert {(made.StudyInstanceUID, made.PatientID) for made in made} == {(study, "P1")}
    before = next(made for made in made if "PredecessorDocumentsSequence" not in made)
    after = next(made for made in made if "PredecessorDocumentsSequence" in made)
    assert before.SOPInstanceUID in str(after.PredecessorDocumentsSequence)
    # An image that is late belongs to the newest draft; one of an old draft would overtake it.
    send(port(service), radiograph(study, number=2, size=64))
    assert settled(service, 3)[2] == "2 images."
    third = drafts(service)[2]
    assert (third.supersedes, third.images[0].file) == (second.id, second.images[0].file)
    until(lambda: len(list(out.rglob("report-*.dcm"))) == 3)
    named = [str(dcmread(file).get("PredecessorDocumentsSequence")) for file in out.rglob("report-*.dcm")]
    assert any(str(after.SOPInstanceUID) in uids for uids in named)
    with pytest.raises(Problem, match=third.id):
        service.arrivals.identity_again(second)


def test_an_upload_that_is_captioned_again_has_no_identity(receive: Receive) -> None:
    service = receive()
    assert service.arrivals.identity_again(StoredStudy("1" * 26, "", None, "done", "", "{}", 0, None)) is None

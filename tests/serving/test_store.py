"""The store's rules, against SQLite and PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from unittest.mock import Mock
from xml.etree import ElementTree

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool

from radscribe.cli.audit import command as audit_command
from radscribe.errors import RadscribeError, UsageError
from radscribe.serving import audit_messages, export
from radscribe.serving.problems import Problem
from radscribe.serving.store import chain, leases, reads, writes
from radscribe.serving.store.images import ImageFolder
from radscribe.serving.store.records import Draft, ImageRow, new_id
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import audit, images, metadata, now, studies


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    opened = Store(tmp_path / "store", database)
    yield opened
    opened.close()


def add(store: Store, name: str = "", data: bytes = b"picture", created: str | None = None) -> str:
    """A queued study of one image."""
    study_id, file = new_id(), store.images.name(data, ".png")
    store.images.put(file, data)
    rows = [ImageRow(0, "a.png", file, None, "PA", 10, 20)]
    store.write(writes.add_study, study_id, created or now(), name, "{}", rows, "me").result()
    return study_id


def finish(store: Store, study_id: str, said: str = "The lungs are clear.") -> str | None:
    draft = Draft("done", "b@1", json.dumps({"text": said}).encode(), said, None, (("Effusion", 0.5),))
    return store.write(writes.finish, study_id, draft).result()


def review(store: Store, study_id: str, said: str, decision: str = "accept") -> None:
    seen = store.read(reads.find, study_id)
    assert seen is not None
    store.write(
        writes.add_review, study_id, len(seen.reviews), "A. Reader", decision, said, "", "me"
    ).result()


def ids(store: Store, **conditions: object) -> list[str]:
    return [study.id for study in store.read(reads.page, **conditions)]  # type: ignore[arg-type]


def actions(store: Store, study_id: str) -> list[str]:
    return [row["action"] for row in store.read(reads.audit_of, study_id)]


def test_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_migration_that_fails_halfway_leaves_nothing(
    tmp_path: Path, database: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(op, "create_index", Mock(side_effect=OSError("the disk is full")))
        with pytest.raises(RadscribeError, match="the disk is full"):
            Store(tmp_path / "store", database)
    Store(tmp_path / "store", database).close()


def test_an_error_of_the_database_tells_no_text(store: Store) -> None:
    draft = Draft("done", "b@1", b"{}", "said of a patient", None, (("x" * 10, 0.5), ("x" * 10, 0.5)))
    with pytest.raises(IntegrityError) as error:
        store.write(writes.finish, add(store), draft).result()
    assert "patient" not in str(error.value)


def test_a_study_comes_back_as_it_was_written(store: Store) -> None:
    study_id = add(store, "bed 1")
    finish(store, study_id)
    study = store.read(reads.find, study_id)
    assert study is not None
    told = study.to_dict()
    assert (told["status"], told["study"]) == ("done", "bed 1")
    image = {"n": 0, "name": "a.png", "view": "PA", "height": 10, "width": 20, "error": None}
    assert told["images"] == [image]
    assert json.loads(bytes(told["caption"])) == {"text": "The lungs are clear."}


def test_a_draft_is_written_once(store: Store) -> None:
    study_id = add(store)
    assert finish(store, study_id, "first") is not None
    assert finish(store, study_id, "second") is None
    study = store.read(reads.find, study_id)
    assert study is not None
    assert study.text == "first"
    assert actions(store, study_id) == ["accepted", "done"]


def test_a_review_never_touches_the_draft_and_every_change_is_in_the_trail(store: Store) -> None:
    study_id = add(store)
    finish(store, study_id, "the draft")
    review(store, study_id, "edited")
    review(store, study_id, "edited again", "reject")
    study = store.read(reads.find, study_id)
    assert study is not None
    assert study.text == "the draft"
    assert [(r["text"], r["decision"]) for r in study.reviews] == [
        ("edited", "accept"),
        ("edited again", "reject"),
    ]
    assert store.delete(study_id, "me")
    assert not store.delete(study_id, "me")
    assert actions(store, study_id) == ["accepted", "done", "reviewed", "reviewed", "deleted"]


def change(store: Store, statement: str) -> None:
    store.writer.submit(lambda connection: connection.execute(text(statement))).result()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'another' WHERE id = 2",
        "UPDATE audit SET details = '{}' WHERE id = 2",
        "DELETE FROM audit WHERE id = 2",
        "UPDATE audit SET id = 0 WHERE id = 2",
    ],
)
def test_the_audit_trail_shows_what_was_changed_later(store: Store, statement: str) -> None:
    study_id = add(store)
    finish(store, study_id)
    review(store, study_id, "edited")
    verdict = store.read(chain.verify)
    assert (verdict.rows, verdict.broken) == (3, None)
    change(store, statement)
    assert store.read(chain.verify).broken is not None


def test_a_trail_that_lost_its_end_lacks_its_earlier_head(store: Store) -> None:
    study_id = add(store)
    finish(store, study_id)
    head = store.read(chain.verify).head
    review(store, study_id, "edited")
    assert store.read(chain.verify, head).anchored
    change(store, "DELETE FROM audit WHERE id >= 2")
    assert store.read(chain.verify).broken is None
    assert not store.read(chain.verify, head).anchored


def test_the_trail_is_exported_as_dicom_audit_messages(store: Store) -> None:
    study_id = add(store)
    finish(store, study_id)
    exported = list(store.read(lambda connection: list(audit_messages.messages(connection, 1))))
    ((number, line),) = exported
    assert number == 2
    head, _, xml = line.partition(b"\xef\xbb\xbf")
    assert re.fullmatch(rb"<85>1 \S+ \S+ radscribe/\S+ \d+ DICOM\+RFC3881 - ", head)
    message = ElementTree.fromstring(xml)
    assert message.tag == "AuditMessage"
    assert {"EventIdentification", "ActiveParticipant", "AuditSourceIdentification"} <= {
        e.tag for e in message
    }
    participant = message.find("ActiveParticipant")
    assert participant is not None
    assert participant.get("UserID") == "service"
    found = message.find("ParticipantObjectIdentification")
    assert found is not None
    assert found.get("ParticipantObjectID") == study_id


# PS3.15 A.5.1: the children of each element in their order, and the attributes that it must have.
CODED = ((), {"csd-code", "codeSystemName", "originalText"})
SCHEMA: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "AuditMessage": (
        (
            *("EventIdentification", "ActiveParticipant", "AuditSourceIdentification"),
            "ParticipantObjectIdentification",
        ),
        set(),
    ),
    "EventIdentification": (
        ("EventID", "EventTypeCode"),
        {"EventActionCode", "EventDateTime", "EventOutcomeIndicator"},
    ),
    "ActiveParticipant": (("RoleIDCode",), {"UserID", "UserIsRequestor"}),
    "AuditSourceIdentification": (("AuditSourceTypeCode",), {"AuditSourceID"}),
    "AuditSourceTypeCode": ((), {"csd-code"}),
    "ParticipantObjectIdentification": (
        ("ParticipantObjectIDTypeCode", "ParticipantObjectName", "ParticipantObjectDetail"),
        {"ParticipantObjectID"},
    ),
    "ParticipantObjectName": ((), set()),
    "ParticipantObjectDetail": ((), {"type", "value"}),
    **dict.fromkeys(("EventID", "EventTypeCode", "RoleIDCode", "ParticipantObjectIDTypeCode"), CODED),
}
OPTIONAL = {
    *("EventTypeCode", "RoleIDCode", "ParticipantObjectIdentification", "ParticipantObjectDetail"),
}


def check_message(element: ElementTree.Element) -> None:
    children, attributes = SCHEMA[element.tag]
    assert attributes <= set(element.attrib), element.tag
    order = [children.index(child.tag) for child in element]
    assert order == sorted(order), element.tag
    present = {child.tag for child in element}
    assert set(children) - present <= OPTIONAL, element.tag
    for child in element:
        check_message(child)


def test_each_event_of_the_trail_makes_a_message_of_the_standards_form(store: Store) -> None:
    for study_id, action, details in (
        ("0" * 26, "accepted", {"images": 2}),
        ("0" * 26, "read", {"what": "caption"}),
        ("", "read", {"what": "search"}),
        ("", "signed in", {}),
        ("", "user changed", {"user": "ann", "role": "read"}),
        ("", "received", {"instances": 3, "refused": 0}),
        ("0" * 26, "sent", {"kind": "sr"}),
    ):
        store.write(writes.record, study_id, "ann", action, **details).result()
    exported = store.read(lambda connection: list(audit_messages.messages(connection)))
    assert len(exported) == 7
    seen = []
    for _, line in exported:
        message = ElementTree.fromstring(line.partition(b"\xef\xbb\xbf")[2])
        check_message(message)
        seen += [e.get("csd-code") for e in message.iter("EventID")]
    assert seen == ["110107", "110103", "110112", "110114", "110113", "110100", "110100"]


def test_only_the_owner_reads_the_store_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    opened = Store(folder)
    assert folder.stat().st_mode & 0o077 == 0
    study_id = add(opened)
    finish(opened, study_id)
    review(opened, study_id, "Clear.")
    export.export(opened, tmp_path / "out")
    opened.close()
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0


def test_an_image_goes_with_the_last_study_that_has_it(store: Store) -> None:
    first, second = add(store), add(store)
    file = store.images.path(store.images.name(b"picture", ".png"))
    store.delete(first, "me")
    assert file.is_file()
    store.delete(second, "me")
    assert not file.exists()


def test_an_image_that_is_being_accepted_is_not_removed(store: Store) -> None:
    file = store.images.name(b"new", ".png")
    store.images.put(file, b"new")
    with store.images.holding([file]):
        store.sweep(None)
        assert store.images.path(file).is_file()
    store.sweep(None)
    assert not store.images.path(file).exists()


def test_images_are_looked_for_and_removed_where_studies_are_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study of the same picture that is accepted between the look and the removal would lose it."""
    threads = []
    monkeypatch.setattr(store.images, "remove", lambda files: threads.append(threading.current_thread().name))
    study_id = add(store)
    store.delete(study_id, "me")
    store.sweep(None)
    store.sweep(1e-9)
    assert threads
    assert set(threads) == {"store-writer"}


def test_what_a_crash_left_half_written_goes_at_the_start_and_not_while_it_is_written(store: Store) -> None:
    partial = store.images.folder / "ab" / "x.partial"
    partial.write_bytes(b"half")
    store.sweep(None)
    assert partial.exists()
    ImageFolder(store.images.folder)
    assert not partial.exists()


def test_a_file_is_not_seen_half_written_and_is_on_disk_even_where_it_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ImageFolder(tmp_path)
    sync, seen = os.fsync, []

    def syncs(descriptor: int) -> None:
        seen.append(list(folder.files()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", syncs)
    file = folder.name(b"picture", ".png")
    folder.put(file, b"picture")
    assert seen == [[], [file]]  # the file, and then its folder
    folder.put(file, b"picture")
    assert len(seen) == 3


def test_pages_follow_each_other_and_leave_out_what_was_deleted(store: Store) -> None:
    all_ids = [add(store, created=f"2026-01-01T00:00:0{n}.000Z") for n in range(5)]
    newest_first = sorted(all_ids, reverse=True)
    store.delete(newest_first[1], "me")
    kept = [study_id for study_id in newest_first if study_id != newest_first[1]]
    first = ids(store, limit=2)
    assert first + ids(store, limit=9, before=first[-1]) == kept


def test_search_finds_words_in_names_drafts_and_reviews_in_any_case(store: Store) -> None:
    draft, name, reviewed = add(store), add(store, "Bed 7"), add(store)
    finish(store, draft, "A large EFFUSION on the left.")
    finish(store, reviewed, "Clear.")
    review(store, reviewed, "Cardiomegaly, 50% worse.")
    assert ids(store, query="effusion LEFT") == [draft]
    assert ids(store, query="bed") == [name]
    assert ids(store, query="cardiomegaly") == [reviewed]
    assert ids(store, query="50%") == [reviewed]
    assert ids(store, query="5%0") == []  # a sign of LIKE stands for itself
    assert ids(store, query="effusion right") == []
    assert set(ids(store, status="done")) == {draft, reviewed}


def test_what_ran_when_the_service_died_is_counted_and_queued_again(store: Store) -> None:
    ran, waited, done = add(store), add(store), add(store)
    store.write(writes.add_study, lost := new_id(), now(), "", "{}", [ImageRow(0, "a", "f")], "me", "dead")
    claimed = store.lease(leases.claim, "dead", 1)
    store.write(writes.mark_running, [ran], "dead").result()
    finish(store, done)
    assert [study.id for study in claimed] == [ran]
    found = {study.id: study.attempts for study in store.lease(leases.claim, store.replica, 9)}
    assert found == {ran: 1, waited: 0, lost: 0}


def test_retention_erases_old_studies_and_keeps_their_trail(store: Store) -> None:
    old = add(store, "old", b"old", created="2020-01-01T00:00:00.000Z")
    finish(store, old)
    review(store, old, "said of a patient")
    young = add(store, "young", b"young")
    assert store.sweep(30) == 1
    assert store.read(reads.find, old) is None
    assert ids(store) == [young]
    assert not store.images.path(store.images.name(b"old", ".png")).exists()
    assert store.images.path(store.images.name(b"young", ".png")).exists()
    assert actions(store, old) == ["accepted", "done", "reviewed", "erased"]
    with store.engine.connect() as connection:
        trail = connection.execute(select(audit.c.details).where(audit.c.study_id == old))
        assert "patient" not in "".join(trail.scalars())


def test_retention_leaves_no_text_in_sqlite_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    old = add(store, "ward 3", created="2020-01-01T00:00:00.000Z")
    finish(store, old)
    review(store, old, "said of a patient " * 500)
    files = list(store.folder.glob("radscribe.sqlite3*"))
    store.sweep(30)
    left = b"".join(file.read_bytes() for file in files if file.exists())
    store.close()
    assert b"of a patient" not in left
    assert b"ward 3" not in left


def test_who_reads_reviews_slowly_holds_no_connection(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "PAGE", 2)
    said = [add(store) for _ in range(5)]
    for study_id in said:
        finish(store, study_id)
        review(store, study_id, "Clear.", "reject" if study_id == said[1] else "accept")
    lines = export.studies(store)
    read = [next(lines).id]
    pool = store.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.checkedout() == 0
    assert read + [study.id for study in lines] == [s for s in sorted(said) if s != said[1]]


def test_the_writer_does_not_wait_for_readers(store: Store) -> None:
    with ExitStack() as readers:
        pool = store.engine.pool
        assert isinstance(pool, QueuePool)
        for _ in range(pool.size() + pool._max_overflow):
            readers.enter_context(store.engine.connect())
        assert store.write(lambda connection: 1).result(5) == 1


def test_many_writers_at_once_lose_nothing(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda n: add(store, str(n)), range(64)))
    assert set(ids(store, limit=100)) == set(written)


def test_an_operation_that_fails_does_not_undo_its_neighbours(store: Store) -> None:
    def wrong(connection: Connection) -> None:
        connection.execute(insert(studies).values(id="x"))  # columns are missing

    def right(connection: Connection) -> None:
        connection.execute(update(studies).values(study="renamed"))

    study_id = add(store)
    blocked = store.write(lambda connection: connection.execute(text("SELECT 1")).scalar())
    futures = [store.write(wrong), store.write(right)]
    assert blocked.result() == 1
    with pytest.raises(IntegrityError):
        futures[0].result()
    futures[1].result()
    study = store.read(reads.find, study_id)
    assert study is not None
    assert study.study == "renamed"


def test_a_reference_to_nothing_is_refused(store: Store) -> None:
    row = ImageRow(0, "a.png", None, "no image")
    statement = insert(images).values(study_id=new_id(), **asdict(row))
    with pytest.raises(IntegrityError):
        store.writer.submit(lambda connection: connection.execute(statement)).result()


def test_a_review_of_nothing_is_refused(store: Store) -> None:
    with pytest.raises(Problem, match="no study of this id"):
        store.write(writes.add_review, new_id(), 0, "A. Reader", "accept", "Clear.", "", "me").result()


def test_a_store_serves_one_process(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(RadscribeError, match="in use by another radscribe"):
        Store(tmp_path / "store")
    store.close()
    Store(tmp_path / "store").close()


def test_a_sqlite_database_serves_one_process_whatever_its_folder(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    store = Store(tmp_path / "store", url)
    for _ in range(2):  # who is turned away takes no lock along
        with pytest.raises(RadscribeError, match="in use by another radscribe"):
            Store(tmp_path / "other", url)
    store.close()
    Store(tmp_path / "other", url).close()


def test_sqlite_commits_reach_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with store.engine.connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    store.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite://", "nonsense", "postgresql://nobody@127.0.0.1:1/none"]
)
def test_a_database_that_does_not_open_is_told_in_one_line(tmp_path: Path, url: str) -> None:
    with pytest.raises((UsageError, RadscribeError)) as error:
        Store(tmp_path / "store", url)
    assert "\n" not in str(error.value)


def test_a_password_of_the_database_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(RadscribeError) as error:
        Store(tmp_path / "store", "postgresql://me:topsecret@127.0.0.1:1/none")
    assert "topsecret" not in str(error.value)


def test_ids_sort_by_time_and_differ() -> None:
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [i[:10] for i in made] == sorted(i[:10] for i in made)


def test_the_trail_is_sent_to_a_syslog_server_once(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    opened = Store(folder)
    for name in ("one", "two"):
        add(opened, name)
    opened.close()
    received: list[bytes] = []

    def collect(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            received.append(b"".join(iter(lambda: connection.recv(65536), b"")))

    last = "0"
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        for _ in range(2):
            thread = threading.Thread(target=collect, args=(server,))
            thread.start()
            options = ["--store", str(folder), "--syslog", address, "--after", last]
            result = CliRunner().invoke(audit_command, ["export", *options])
            thread.join(10)
            assert result.exit_code == 0, result.output
            last = result.output.strip()
    first, second = received
    messages = []
    while first:  # RFC 6587: the length, a space, the message
        length, _, rest = first.partition(b" ")
        messages.append(rest[: int(length)])
        first = rest[int(length) :]
    assert len(messages) == 2
    assert all(b" DICOM+RFC3881 - " in message and b"<AuditMessage>" in message for message in messages)
    assert second == b""  # --after leaves nothing


def test_the_trail_is_sent_by_udp_a_datagram_each(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    opened = Store(folder)
    for name in ("one", "two"):
        add(opened, name)
    opened.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        address = f"127.0.0.1:{server.getsockname()[1]}"
        result = CliRunner().invoke(
            audit_command, ["export", "--store", str(folder), "--syslog", address, "--udp"]
        )
        assert result.exit_code == 0, result.output
        received = [server.recv(65536) for _ in range(2)]
    assert all(message.startswith(b"<85>1 ") and message.endswith(b"</AuditMessage>") for message in received)
    both = ["export", "--store", str(folder), "--syslog", address, "--udp", "--tls"]
    assert isinstance(CliRunner().invoke(audit_command, both).exception, UsageError)


def test_a_syslog_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    Store(tmp_path / "kept").close()
    options = ["--store", str(tmp_path / "kept"), "--syslog", "127.0.0.1:9"]
    result = CliRunner().invoke(audit_command, ["export", *options])
    assert isinstance(result.exception, RadscribeError)
    assert "the syslog server does not take messages" in str(result.exception)

"""The outbox: every object of every result arrives once, whatever happens to destination or service."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from radscribe.errors import DataError
from radscribe.interop.destinations.destination import Address, Destination, Parcel
from radscribe.interop.identity import IdentityKey
from radscribe.interop.results.record import Kind
from radscribe.serving.outbox import shippings
from radscribe.serving.store import identities, outbox, reads, tables, writes
from radscribe.serving.store.clock import clock
from radscribe.serving.store.identities import IdentityRow
from radscribe.serving.store.records import Draft, ImageRow, Shipping
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import now
from tests.interop.make import IDENTITY
from tests.serving.conftest import QuickEngine, Serve, picture, post, service_of

KEY = IdentityKey(bytes(range(32)))
TWO = (Shipping("a:b", ("findings", "report"), ("report",)),)


class Recorder(Destination):
    """Keeps the objects that arrive; fails a given number of times."""

    kinds = ("findings", "report", "film")

    def __init__(
        self,
        name: str = "a:b",
        failures: int = 0,
        refuses: Kind | None = None,
        impossible: Kind | None = None,
    ) -> None:
        kind, _, place = name.partition(":")
        super().__init__(Address(kind, place, {}))
        self.impossible = impossible
        self.failures, self.refuses = failures, refuses
        self.arrived: list[tuple[str, str]] = []
        self.parcels: list[Parcel] = []
        self.open = threading.Event()
        self.open.set()

    def send(self, kind: Kind, parcel: Parcel) -> None:
        self.open.wait(10)
        if kind == self.impossible:
            raise DataError("the study has no image that a result could refer to", remedy="send it again")
        if self.failures:
            self.failures -= 1
            raise self.failed("answers 500")
        if kind == self.refuses:
            raise self.failed(f"does not take the class of {kind}", refused=True)
        parcel.dicom(kind)
        self.arrived.append((kind, parcel.result.version))
        self.parcels.append(parcel)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radscribe.serving.outbox.POLL_SECONDS", 0.01)
    monkeypatch.setattr("radscribe.serving.store.outbox.FIRST_SECONDS", 0.01)


def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)


def identified(client: Any, engine: QuickEngine) -> str:
    """Post a study and give it an identity before it is captioned; returns its id."""
    engine.opened.clear()
    study_id = str(post(client, ("a.png", picture()), wait="false").json()["id"])
    service = service_of(client)
    study = service.store.read(reads.find, study_id)
    assert study is not None
    files = {i.sop_instance_uid: str(study.images[0].file) for i in IDENTITY.instances[:1]}
    sealed = KEY.seal(IDENTITY.with_paths(files), study_id)
    service.store.write(identities.add, IdentityRow(study_id, "k", {}, None, sealed)).result()
    engine.opened.set()
    return study_id


def results(client: Any, study_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(f"/v1/captions/{study_id}").json()["results"]
    return rows


def all_sent(client: Any, study_id: str, count: int) -> Callable[[], bool]:
    return lambda: [row["state"] for row in results(client, study_id)] == ["sent"] * count


def test_a_draft_is_sent_once_and_its_review_after_it(serve: Serve, engine: QuickEngine) -> None:
    to = Recorder()
    client = serve(destinations=(to,), identity_key=KEY, organisation="St. Elsewhere")
    study_id = identified(client, engine)
    until(all_sent(client, study_id, 3))
    review = {"text": "No effusion.", "decision": "accept", "reviewer": "A. Reader", "version": 0}
    assert client.post(f"/v1/captions/{study_id}/review", json=review).status_code == 201
    until(all_sent(client, study_id, 5))
    assert sorted(to.arrived[:3]) == [(kind, study_id) for kind in ("film", "findings", "report")]
    assert sorted(to.arrived[3:]) == [(kind, f"{study_id}/1") for kind in ("findings", "report")]
    last = to.parcels[-1].result
    assert last.review is not None
    assert (last.review.reviewer, last.review.organisation) == ("A. Reader", "St. Elsewhere")
    assert last.supersedes == study_id
    assert last.identity.patient_id == IDENTITY.patient_id
    metrics = client.get("/metrics").text
    assert 'radscribe_results_sent_total{destination="a:b",kind="report"} 2.0' in metrics
    assert 'radscribe_results_waiting{destination="a:b"} 0.0' in metrics
    actions = [row["action"] for row in client.get(f"/v1/captions/{study_id}/audit").json()["audit"]]
    assert actions.count("sent") == 5


def test_a_rejected_draft_is_not_sent_again(serve: Serve, engine: QuickEngine) -> None:
    client = serve(destinations=(Recorder(),), identity_key=KEY)
    study_id = identified(client, engine)
    until(all_sent(client, study_id, 3))
    review = {"text": "", "decision": "reject", "reviewer": "A. Reader", "version": 0}
    client.post(f"/v1/captions/{study_id}/review", json=review)
    assert len(results(client, study_id)) == 3


def test_a_destination_that_fails_gets_everything_later(serve: Serve, engine: QuickEngine) -> None:
    to = Recorder(failures=5)
    client = serve(destinations=(to,), identity_key=KEY)
    study_id = identified(client, engine)
    until(all_sent(client, study_id, 3))
    assert len(to.arrived) == len(set(to.arrived)) == 3
    assert sum(row["attempts"] for row in results(client, study_id)) == 8
    assert 'radscribe_results_failed_total{destination="a:b"} 5.0' in client.get("/metrics").text


def test_while_a_destination_is_down_one_object_is_retried_and_the_first_answer_frees_the_others(
    serve: Serve, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = Recorder(failures=4)
    monkeypatch.setattr("radscribe.serving.outbox.rows.wait", lambda failures: 3600.0 if failures == 4 else 0)
    client = serve(destinations=(to,), identity_key=KEY)
    down = identified(client, engine)  # three objects fail, and one of them again
    until(lambda: to.failures == 0)
    time.sleep(0.1)
    assert to.arrived == []  # no retry for an hour
    new = identified(client, engine)  # it is tried at once, and answered
    until(all_sent(client, new, 3))
    until(all_sent(client, down, 3))


def test_one_class_that_is_refused_holds_up_no_other_and_is_visible(
    serve: Serve, engine: QuickEngine
) -> None:
    to = Recorder(refuses="film")
    client = serve(destinations=(to, Recorder("c:d")), identity_key=KEY)
    study_id = identified(client, engine)
    until(lambda: sum(row["state"] == "sent" for row in results(client, study_id)) == 5)
    until(lambda: any(row["attempts"] > 1 for row in results(client, study_id) if row["kind"] == "film"))
    (unsent,) = [row for row in results(client, study_id) if row["state"] != "sent"]
    assert (unsent["destination"], unsent["kind"]) == ("a:b", "film")
    assert unsent["error"] == "a:b: does not take the class of film"


def test_an_object_that_is_refused_again_and_again_is_given_up_until_a_retry(
    serve: Serve, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radscribe.serving.store.outbox.REFUSALS", 3)
    to = Recorder(refuses="film", failures=4)  # being down does not count as a refusal
    client = serve(destinations=(to,), identity_key=KEY)
    study_id = identified(client, engine)

    def film_states() -> list[str]:
        return [row["state"] for row in results(client, study_id) if row["kind"] == "film"]

    until(lambda: film_states() == ["failed"])
    until(lambda: sum(row["state"] == "sent" for row in results(client, study_id)) == 2)
    assert sum(row["attempts"] for row in results(client, study_id)) == 4 + 3 + 2
    assert 'radscribe_results_given_up{destination="a:b"} 1.0' in client.get("/metrics").text
    assert 'radscribe_results_waiting{destination="a:b"} 0.0' in client.get("/metrics").text
    (overview,) = client.get("/v1/results").json()["destinations"]
    assert (overview["destination"], overview["waiting"], overview["given_up"]) == ("a:b", 0, 1)
    assert overview["error"] == "a:b: does not take the class of film"
    actions = [row["action"] for row in client.get(f"/v1/captions/{study_id}/audit").json()["audit"]]
    assert actions.count("not sent") == 1
    to.refuses = None
    client.post("/v1/results/retry", params={"destination": "other:place"})
    assert film_states() == ["failed"]
    client.post("/v1/results/retry", params={"destination": "a:b"})
    until(all_sent(client, study_id, 3))
    (overview,) = client.get("/v1/results").json()["destinations"]
    assert (overview["given_up"], overview["error"]) == (0, None)


def test_an_object_that_cannot_be_made_is_given_up_at_once(serve: Serve, engine: QuickEngine) -> None:
    to = Recorder(impossible="findings")
    client = serve(destinations=(to,), identity_key=KEY)
    study_id = identified(client, engine)
    until(lambda: [r["state"] for r in results(client, study_id) if r["kind"] == "findings"] == ["failed"])
    (row,) = [row for row in results(client, study_id) if row["kind"] == "findings"]
    assert row["attempts"] == 1
    assert row["error"].startswith("the study has no image that a result could refer to")
    to.impossible = None
    client.post(f"/v1/captions/{study_id}/results/retry")
    until(all_sent(client, study_id, 3))


def test_a_destination_that_is_no_longer_named_is_visible(serve: Serve, engine: QuickEngine) -> None:
    client = serve(destinations=(Recorder(failures=1000),), identity_key=KEY)
    study_id = identified(client, engine)
    until(lambda: any(row["attempts"] for row in results(client, study_id)))
    client.__exit__(None, None, None)
    client = serve(destinations=(Recorder("c:d"),), identity_key=KEY)
    states = {one["destination"]: one for one in client.get("/v1/results").json()["destinations"]}
    assert {name: (one["configured"], one["waiting"]) for name, one in states.items()} == {
        "c:d": (True, 0),
        "a:b": (False, 3),
    }


def test_a_restart_sends_what_was_left(serve: Serve, engine: QuickEngine, tmp_path: Path) -> None:
    down = Recorder(failures=1000)
    client = serve(destinations=(down,), identity_key=KEY)
    study_id = identified(client, engine)
    until(lambda: any(row["attempts"] for row in results(client, study_id)))
    client.__exit__(None, None, None)
    up = Recorder()
    again = serve(destinations=(up,), identity_key=KEY)
    until(all_sent(again, study_id, 3))
    assert len(up.arrived) == 3


def test_a_start_sends_at_once_what_was_being_sent_at_the_crash(store: Store) -> None:
    drafted(store, "1" * 26, shipped=(replace(TWO[0], draft=("report",)),))
    row = claim(store)
    assert row is not None
    assert claim(store) is None
    store.write(outbox.resume).result()
    assert claim(store) == row


def test_without_destination_or_identity_nothing_is_kept(serve: Serve, engine: QuickEngine) -> None:
    client = serve()
    study_id = identified(client, engine)
    until(lambda: client.get(f"/v1/captions/{study_id}").json()["status"] == "done")
    assert results(client, study_id) == []
    assert service_of(client).outbox is None
    client.__exit__(None, None, None)
    client = serve(destinations=(Recorder(),), identity_key=KEY)
    plain = post(client, ("a.png", picture())).json()
    assert plain["results"] == []


def test_a_deleted_study_is_not_sent(serve: Serve, engine: QuickEngine) -> None:
    to = Recorder()
    to.open.clear()
    client = serve(destinations=(to,), identity_key=KEY)
    study_id = identified(client, engine)
    until(lambda: len(results(client, study_id)) == 3)
    client.delete(f"/v1/captions/{study_id}")
    to.open.set()
    time.sleep(0.1)
    assert len(to.arrived) <= 1  # the one that was under way
    assert service_of(client).store.read(outbox.unsent, outbox.WAITING) == {}


def test_another_key_is_told_and_nothing_is_lost(serve: Serve, engine: QuickEngine) -> None:
    client = serve(destinations=(Recorder(),), identity_key=IdentityKey(bytes(32)))
    study_id = identified(client, engine)
    until(lambda: any(row["error"] for row in results(client, study_id)))
    errors = {row["error"] for row in results(client, study_id) if row["error"]}
    assert errors == {f"{study_id}: the identity cannot be decrypted; give the key that encrypted it"}


# -- the table, in both databases --


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    made = Store(tmp_path / "store", database)
    yield made
    made.close()


def drafted(store: Store, study_id: str, supersedes: str | None = None, shipped: Any = TWO) -> None:
    rows = [ImageRow(0, "a.png")]
    store.write(writes.add_study, study_id, now(), "", "{}", rows, "x").result()
    if supersedes:
        table = tables.studies
        store.write(
            lambda c: c.execute(table.update().where(table.c.id == study_id).values(supersedes=supersedes))
        ).result()
    store.write(identities.add, IdentityRow(study_id, "k", {}, None, b"sealed")).result()
    store.write(writes.finish, study_id, Draft("done", "b", b"{}", "Text."), shipped).result()


def claim(store: Store) -> outbox.OutboxRow | None:
    return store.write(outbox.claim, "a:b").result()


def test_an_object_is_claimed_once(store: Store) -> None:
    drafted(store, "1" * 26)
    kinds = [row.kind for _ in range(2) if (row := claim(store))]
    assert sorted(kinds) == ["findings", "report"]
    assert claim(store) is None  # both are with a sender


def test_a_sender_that_died_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LEASE_SECONDS", 0.0)
    drafted(store, "1" * 26, shipped=(replace(TWO[0], draft=("report",)),))
    first, again = claim(store), claim(store)
    assert first is not None
    assert first == again
    assert store.write(outbox.mark_sent, first).result()
    assert not store.write(outbox.mark_sent, first).result()  # it is recorded once
    assert claim(store) is None


def test_a_later_version_waits_for_the_earlier_one_of_its_kind(store: Store) -> None:
    old, new = "1" * 26, "2" * 26
    drafted(store, old, shipped=(replace(TWO[0], draft=("report",)),))
    drafted(store, new, supersedes=old, shipped=(replace(TWO[0], draft=("report",)),))
    store.write(writes.add_review, new, 0, "R", "accept", "Text.", "", "r", TWO).result()
    order = []
    while row := claim(store):
        assert claim(store) is None  # nothing else may be sent meanwhile
        order.append((row.study_id, row.version))
        store.write(outbox.mark_sent, row).result()
    assert order == [(old, 0), (new, 0), (new, 1)]


def wait_after(store: Store, row: outbox.OutboxRow, *, refused: bool = False) -> float:
    """Seconds to the next try after a failure, to ten."""
    store.write(outbox.mark_failed, row, "why", refused=refused).result()
    due = store.read(lambda c: c.execute(select(tables.outbox.c.due - clock())).scalar())
    return round(float(due or 0), -1)


def test_a_failure_waits_twice_as_long_as_the_one_before_up_to_a_minute(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_SECONDS", 10.0)
    drafted(store, "1" * 26, shipped=(replace(TWO[0], draft=("report",)),))
    row = claim(store)
    assert row is not None
    waits = [wait_after(store, replace(row, attempts=attempts)) for attempts in range(5)]
    assert waits == [10, 20, 40, 60, 60]
    assert claim(store) is None
    assert store.write(outbox.retry_now, study_id="1" * 26).result() == 1
    assert claim(store) is not None


def test_the_last_failure_is_shown(store: Store) -> None:
    for study_id in ("1" * 26, "2" * 26):
        drafted(store, study_id, shipped=(replace(TWO[0], draft=("report",)),))
    older, newer = claim(store), claim(store)
    assert older is not None
    assert newer is not None
    store.write(outbox.mark_failed, newer, "down").result()
    time.sleep(0.01)  # SQLite's clock counts milliseconds
    store.write(outbox.mark_failed, older, "answers 500").result()
    assert store.read(outbox.last_error, "a:b") == "answers 500"


def test_refusals_after_a_long_outage_follow_each_other_as_without_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_SECONDS", 10.0)
    drafted(store, "1" * 26, shipped=(replace(TWO[0], draft=("report",)),))
    row = claim(store)
    assert row is not None
    tries = [replace(row, attempts=500 + n, refusals=n) for n in range(5)]
    assert [wait_after(store, row, refused=True) for row in tries] == [10, 20, 40, 80, 160]


def test_without_retries_only_what_is_new_or_asked_for_is_claimed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "FIRST_SECONDS", 0.0)
    drafted(store, "1" * 26, shipped=(replace(TWO[0], draft=("report",)),))
    row = store.write(outbox.claim, "a:b", retries=False).result()
    assert row is not None  # it is new
    store.write(outbox.mark_failed, row, "why").result()
    store.write(outbox.resume).result()  # a restart asks for nothing
    assert store.write(outbox.claim, "a:b", retries=False).result() is None
    store.write(outbox.retry_now).result()
    assert store.write(outbox.claim, "a:b", retries=False).result() is not None


def test_a_version_that_was_given_up_never_takes_the_place_of_a_later_one(store: Store) -> None:
    old, new = "1" * 26, "2" * 26
    report = (replace(TWO[0], draft=("report",)),)
    drafted(store, old, shipped=report)
    drafted(store, new, supersedes=old, shipped=report)
    for _ in range(2):  # both drafts
        row = claim(store)
        assert row is not None
        assert store.write(outbox.mark_failed, row, "why", final=True).result()
    store.write(writes.add_review, new, 0, "R", "accept", "Text.", "", "r", TWO).result()
    review = claim(store)
    assert review is not None
    assert (review.study_id, review.version) == (new, 1)
    assert store.write(outbox.mark_sent, review).result()
    assert store.write(outbox.retry_now).result() == 0
    states = store.read(outbox.of_studies, [old, new])
    assert [row["state"] for study in (old, new) for row in states[study]] == ["obsolete", "obsolete", "sent"]


def test_what_each_destination_gets() -> None:
    assert shippings([Recorder()]) == (
        Shipping("a:b", ("findings", "report", "film"), ("findings", "report")),
    )

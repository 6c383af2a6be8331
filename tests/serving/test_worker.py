"""The queue and the thread behind it: what goes together, what fails alone, what is taken up again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from radscribe.errors import UsageError
from radscribe.inference.caption import Caption
from radscribe.serving import worker
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.draft import draft_of
from radscribe.serving.intake import Intake
from radscribe.serving.options import CaptionOptions
from radscribe.serving.queue import PASSED, Job, StudyQueue
from radscribe.serving.settings import Settings
from radscribe.serving.store import reads, writes
from radscribe.serving.store.records import Draft, ImageRow, new_id
from radscribe.serving.store.store import Store
from tests.serving.conftest import QuickEngine, Serve, picture, posted, service_of


def done(client: TestClient) -> dict[str, str]:
    assert service_of(client).queue.wait_empty(10)
    return {r["study"]: r["status"] for r in client.get("/v1/captions?limit=100").json()["captions"]}


def job(name: str, beam: int = 3, *, alone: bool = False) -> Job:
    return Job(name, "", (), {}, {}, CaptionOptions(beam), alone=alone)


def test_what_waits_goes_through_the_engine_together(client: TestClient, engine: QuickEngine) -> None:
    engine.opened.clear()
    for level in range(40, 50):
        posted(client, level, wait=False)
    engine.opened.set()
    service_of(client).queue.wait_empty(10)
    assert [len(seen) for _, seen in engine.streams] == [10]


def test_other_options_are_another_batch_and_nobody_starves() -> None:
    queue = StudyQueue(1000)
    first = job("first", 1)
    queue.put(job("other", 5))
    for n in range(3):
        queue.put(job(str(n), 1))
    queue.put(job("apart", 1, alone=True))
    assert [j.id for j in queue.take(first.options, 2, passed=0)] == ["0", "1"]
    assert [j.id for j in queue.take(first.options, 9, passed=2)] == ["2"]
    assert queue.take(first.options, 9, passed=PASSED) == []
    waiting = [queue.wait(), queue.wait()]
    assert [j and j.id for j in waiting] == ["other", "apart"]


def test_only_the_study_at_fault_fails(
    client: TestClient, engine: QuickEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.opened.clear()
    for level in range(40, 46):
        record = posted(client, level, study=str(level), wait=False)
        if level == 42:
            study = service_of(client).store.read(reads.find, record["id"])
            assert study is not None
            engine.poison.add(str(study.images[0].file))
    engine.opened.set()
    with caplog.at_level(logging.CRITICAL):
        statuses = done(client)
    assert statuses == {str(n): "failed" if n == 42 else "done" for n in range(40, 46)}


def test_a_draft_that_cannot_be_made_fails_its_study_alone(
    client: TestClient, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(caption: Caption, job: Job) -> Draft:
        if job.study == "odd":
            raise RuntimeError("no draft of this")
        return draft_of(caption, job)

    monkeypatch.setattr(worker, "draft_of", breaks)
    engine.opened.clear()
    for study in ("a", "odd", "b"):
        posted(client, study=study, wait=False)
    engine.opened.set()
    with caplog.at_level(logging.CRITICAL):
        assert done(client) == {"a": "done", "odd": "failed", "b": "done"}
    assert service_of(client).ready


def test_an_engine_that_fails_after_its_last_caption_fails_nothing(
    client: TestClient, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stream = engine.stream

    def fails_at_its_end(sources: Iterable[list[Path]], **options: object) -> Iterator[Caption]:
        yield from stream(sources, **options)
        raise RuntimeError("at the end")

    monkeypatch.setattr(engine, "stream", fails_at_its_end)
    with caplog.at_level(logging.CRITICAL):
        assert [posted(client)["status"] for _ in range(2)] == ["done", "done"]


def test_a_database_that_does_not_take_the_mark_fails_no_study(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def silent(connection: object, study_ids: object, replica: str) -> None:
        raise OperationalError("UPDATE studies", {}, Exception("locked"))

    monkeypatch.setattr(writes, "mark_running", silent)
    assert posted(client)["status"] == "done"
    assert "could not be marked" in caplog.text


def test_a_draft_waits_for_a_database_that_is_silent_and_keeps_its_place(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finish, held = writes.finish, []

    def silent_twice(connection: Connection, study_id: str, draft: Draft, *rest: Any) -> str | None:
        held.append(service_of(client).queue.held)
        if len(held) < 3:
            raise OperationalError("UPDATE studies", {}, Exception("locked"))
        return finish(connection, study_id, draft, *rest)

    monkeypatch.setattr(writes, "finish", silent_twice)
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.01)
    assert posted(client)["status"] == "done"
    assert held == [1, 1, 1]
    assert service_of(client).queue.held == 0


def test_an_engine_that_hangs_is_told(serve: Serve, engine: QuickEngine) -> None:
    client = serve(stuck_seconds=0.05)
    assert client.get("/readyz").status_code == 200
    assert "radscribe_engine_silent_seconds 0.0" in client.get("/metrics").text
    engine.opened.clear()
    posted(client, wait=False)
    time.sleep(0.1)
    assert "hang" in client.get("/readyz").json()["detail"]
    assert "radscribe_engine_silent_seconds 0.0" not in client.get("/metrics").text
    engine.opened.set()
    assert service_of(client).queue.wait_empty(10)
    assert client.get("/readyz").status_code == 200


def test_options_that_the_engine_does_not_take_fail_with_its_reason(
    client: TestClient, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(sources: object, **options: object) -> None:
        raise UsageError("this bundle is not calibrated", remedy="leave min_confidence out")

    monkeypatch.setattr(engine, "stream", refuses)
    record = posted(client, min_confidence=0.5)
    assert record["status"] == "failed"
    assert record["caption"]["error"] == "this bundle is not calibrated; leave min_confidence out"
    assert service_of(client).queue.held == 0


def test_a_study_that_was_deleted_while_it_waited_gets_no_draft(
    client: TestClient, engine: QuickEngine
) -> None:
    engine.opened.clear()
    record = posted(client, wait=False)
    client.delete(f"/v1/captions/{record['id']}")
    engine.opened.set()
    assert done(client) == {}
    told = client.get(f"/v1/captions/{record['id']}").json()
    assert (told["caption"], told["status"]) == (None, "failed")


def test_who_hangs_up_gives_no_place_away(client: TestClient) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/captions",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")],
    }
    held, told = [], []

    async def receive() -> dict[str, object]:
        held.append(service_of(client).queue.held)
        if len(held) == 1:
            return {"type": "http.request", "body": b"--x\r\n", "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        told.append(message)

    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert held[0] == 1
    assert service_of(client).queue.held == 0


def accepted(folder: Path, *, running: bool) -> tuple[Store, str]:
    """A store with a study that was accepted, and was with the engine when the service died."""
    store = Store(folder)
    file = store.images.name(picture(), ".png")
    store.images.put(file, picture())
    rows = [ImageRow(0, "a.png", file, None, "PA", 64, 64)]
    arguments = ("0" * 26, "2026-01-01T00:00:00.000Z", "", CaptionOptions().encode(), rows, "me")
    store.write(writes.add_study, *arguments, store.replica).result()
    if running:
        store.write(writes.mark_running, ["0" * 26], store.replica).result()
    return store, "0" * 26


@pytest.mark.parametrize("running", [False, True])
def test_what_was_accepted_before_a_crash_is_captioned_after_it(
    serve: Serve, tmp_path: Path, running: bool, caplog: pytest.LogCaptureFixture
) -> None:
    store, study_id = accepted(tmp_path / "store", running=running)
    store.close()
    client = serve()
    service_of(client).queue.wait_empty(10)
    assert client.get(f"/v1/captions/{study_id}").json()["caption"]["text"] == "The mean is 100."
    actions = [row["action"] for row in client.get(f"/v1/captions/{study_id}/audit").json()["audit"]]
    assert actions == ["accepted", "done"]
    assert "took up 1 studies" in caplog.text


def test_a_study_that_kills_the_service_again_and_again_is_given_up(tmp_path: Path) -> None:
    store, study_id = accepted(tmp_path / "store", running=True)
    for death in range(1, writes.ATTEMPTS + 1):
        queue = StudyQueue(1)
        store.replica = new_id()  # as a new process has
        dispatcher = Intake(Settings(tmp_path), store, queue, "b@1", Sandbox()).dispatcher
        dispatcher.start()
        if death < writes.ATTEMPTS:
            waiting = queue.wait()
            assert waiting is not None
            assert waiting.alone
            store.write(writes.mark_running, [study_id], store.replica).result()
        else:
            assert len(queue) == 0
        dispatcher._closing.set()  # it dies without a word
    study = store.read(reads.find, study_id)
    store.close()
    assert study is not None
    assert study.status == "failed"
    assert b"died 3 times" in (study.document or b"")


def test_a_draft_names_images_as_the_client_does_and_not_as_the_store(tmp_path: Path) -> None:
    stored = tmp_path / "0123456789abcdef.png"
    told = Caption(
        "x",
        (str(stored),),
        "b@0",
        text="Clear.",
        warnings=(f"written from 1 image: {stored.name}", f"a faint marker ({stored})"),
    )
    draft = draft_of(told, Job("id", "", ("CR 1-2.dcm",), {"CR 1-2.dcm": stored}, {}, CaptionOptions()))
    warnings = msgspec.json.decode(draft.document)["warnings"]
    assert warnings == ["written from 1 image: CR 1-2.dcm", "a faint marker (CR 1-2.dcm)"]

"""Several replicas on one PostgreSQL: leases, the audit trail, images, and who hears of a draft."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from sqlalchemy import Connection, update
from sqlalchemy.exc import OperationalError

from benchmarks.serving.postgres import Postgres, programs
from benchmarks.serving.running import RunningService, free_port, multipart
from radscribe import phantom
from radscribe.errors import RadscribeError
from radscribe.serving import dispatcher, worker
from radscribe.serving.credentials import Credentials
from radscribe.serving.store import chain, leases, reads, writes
from radscribe.serving.store.bucket import ImageBucket
from radscribe.serving.store.records import Draft, ImageRow, new_id
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import now, replicas
from tests.serving.conftest import QuickEngine, Serve, picture, post, posted, service_of


@pytest.fixture
def url(empty_postgresql: str) -> str:
    return empty_postgresql


@pytest.fixture
def stores(tmp_path: Path, url: str) -> Iterator[tuple[Store, Store]]:
    """Two replicas' stores, opened at the same time, so that their migrations meet."""
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: Store(tmp_path / "store", url), range(2))
    yield first, second
    first.close()
    second.close()


def add(store: Store, lease: str | None = None) -> str:
    study_id = new_id()
    rows = [ImageRow(0, "a.png", f"{0:064x}.png", None, "PA", 10, 20)]
    store.write(writes.add_study, study_id, now(), "", "{}", rows, "me", lease).result()
    return study_id


def finish(store: Store, study_id: str, said: str) -> str | None:
    return store.write(writes.finish, study_id, Draft("done", "b@1", b"{}", said)).result()


def die(connection: Connection, replica: str) -> None:
    connection.execute(update(replicas).where(replicas.c.id == replica).values(ends=0.0))


def test_a_study_is_leased_to_one_replica(stores: tuple[Store, Store]) -> None:
    for store in stores:
        store.lease(leases.renew, store.replica)
    queued = {add(stores[0]) for _ in range(40)}
    with ThreadPoolExecutor(8) as pool:
        each = [store for store in stores for _ in range(8)]
        taken = list(pool.map(lambda store: store.lease(leases.claim, store.replica, 7), each))
    claimed = [study.id for some in taken for study in some]
    while more := stores[0].lease(leases.claim, stores[0].replica, 7):
        claimed += [study.id for study in more]
    assert sorted(claimed) == sorted(queued)


def test_a_claim_does_not_wait_for_another_claim(stores: tuple[Store, Store]) -> None:
    first, second = stores
    one, other = add(first), add(first)
    with first.engine.begin() as connection:
        assert [study.id for study in leases.claim(connection, first.replica, 1)] == [one]
        assert [study.id for study in second.lease(leases.claim, second.replica, 9)] == [other]


def test_a_dead_replica_loses_its_studies_and_a_living_one_does_not(stores: tuple[Store, Store]) -> None:
    first, second = stores
    first.lease(leases.renew, first.replica)
    ran, waited = add(first, first.replica), add(first, first.replica)
    first.write(writes.mark_running, [ran], first.replica).result()
    assert second.lease(leases.claim, second.replica, 9) == []
    first.lease(die, first.replica)
    taken = {study.id: study.attempts for study in second.lease(leases.claim, second.replica, 9)}
    assert taken == {ran: 1, waited: 0}
    assert first.write(writes.mark_running, [ran, waited], first.replica).result() == set()


def test_a_replica_that_stops_leaves_its_studies_at_once(stores: tuple[Store, Store]) -> None:
    first, second = stores
    first.lease(leases.renew, first.replica)
    study_id = add(first, first.replica)
    first.write(writes.mark_running, [study_id], first.replica).result()
    first.lease(leases.release, first.replica)
    taken = second.lease(leases.claim, second.replica, 9)
    assert [(study.id, study.attempts) for study in taken] == [(study_id, 0)]


def test_two_replicas_write_one_draft(stores: tuple[Store, Store]) -> None:
    study_id = add(stores[0])
    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(lambda store: finish(store, study_id, store.replica), stores))
    assert sum(at is not None for at in written) == 1
    trail = stores[0].read(reads.audit_of, study_id)
    assert [row["action"] for row in trail] == ["accepted", "done"]


def test_the_audit_trail_of_several_writers_is_one_chain(stores: tuple[Store, Store]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: add(stores[n % 2]), range(80)))
    verdict = stores[0].read(chain.verify)
    assert (verdict.rows, verdict.broken) == (80, None)


def test_an_image_that_another_replica_is_accepting_is_not_removed(stores: tuple[Store, Store]) -> None:
    first, second = stores
    file = first.images.name(b"new", ".png")
    with first.holding([file]):
        first.images.put(file, b"new")
        second.sweep(None)
        assert first.images.path(file).is_file()
    second.sweep(None)
    assert not first.images.path(file).exists()


def test_two_sweeps_erase_a_study_once(stores: tuple[Store, Store]) -> None:
    study_id = add(stores[0])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda store: store.sweep(1e-9), stores))
    trail = stores[0].read(reads.audit_of, study_id)
    assert [row["action"] for row in trail] == ["accepted", "erased"]


def test_images_of_another_database_are_refused(tmp_path: Path, url: str) -> None:
    Store(tmp_path / "store").close()
    with pytest.raises(RadscribeError, match="the images of another database"):
        Store(tmp_path / "store", url)


def test_a_waiting_client_hears_of_a_draft_that_another_replica_wrote(
    serve: Serve, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "AHEAD", 1)
    first = serve(database=url)
    first_service = service_of(first)
    monkeypatch.setattr(first_service.dispatcher, "_claim", lambda: 0)
    monkeypatch.setattr(first_service.dispatcher, "lease", lambda study_id: None)
    second = serve(database=url)
    assert posted(first, 77)["caption"]["text"] == "The mean is 77."
    assert 'radscribe_studies_total{status="done"} 1.0' in second.get("/metrics").text
    assert first_service.queue.held == 0


def test_sessions_and_failed_attempts_hold_for_all_replicas(serve: Serve, url: str) -> None:
    bearer = {"Authorization": "Bearer a-token-of-many-characters"}
    first, second = (serve(database=url, credentials=Credentials(bearer["Authorization"][7:])) for _ in "12")
    first.post("/v1/session", headers=bearer)
    second.cookies = first.cookies
    cookies = dict(first.cookies)
    assert second.get("/v1/captions").status_code == 200
    assert second.delete("/v1/session").status_code == 204
    assert first.get("/v1/captions", cookies=cookies).status_code == 401
    for _ in range(11):
        first.get("/v1/captions", headers={"Authorization": "Bearer wrong"})
    assert second.get("/v1/captions", headers={"Authorization": "Bearer wrong"}).status_code == 429


def test_what_one_replica_cannot_take_is_captioned_by_another_once(
    serve: Serve, url: str, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "AHEAD", 4)
    clients = [serve(database=url) for _ in range(2)]
    engine.opened.clear()
    ids = [posted(clients[0], 40 + n, wait=False)["id"] for n in range(24)]
    engine.opened.set()
    for client in clients:
        assert service_of(client).queue.wait_empty(10)
    for study_id in ids:
        trail = clients[1].get(f"/v1/captions/{study_id}/audit").json()["audit"]
        assert [row["action"] for row in trail] == ["accepted", "done"]


def test_a_study_whose_acceptance_the_database_did_not_confirm_is_captioned(
    serve: Serve, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit may have succeeded although its answer was lost."""
    client = serve(database=url)
    service = service_of(client)
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    lost = threading.Event()
    add_study = writes.add_study

    def loses_its_answer(connection: Connection, *columns: object) -> None:
        add_study(connection, *columns)  # type: ignore[arg-type]
        if not lost.is_set():
            lost.set()
            connection.exec_driver_sql("COMMIT")
            raise OperationalError("COMMIT", {}, Exception("the server closed the connection"))

    monkeypatch.setattr(writes, "add_study", loses_its_answer)
    response = post(client, ("a.png", b""), wait=False)
    assert response.status_code == 503
    for _ in range(100):
        if found := client.get("/v1/captions?status=failed").json()["captions"]:
            break
        threading.Event().wait(0.05)
    assert len(found) == 1
    assert service.queue.held == 0


def test_workers_share_a_port_and_one_that_dies_is_replaced(tmp_path: Path, url: str) -> None:
    with_password = url.replace("radscribe@", "radscribe:topsecret@")
    options = ("--workers", "2", "--store", with_password, "--keep-free", "0")
    chest = tmp_path / "chest.png"
    phantom.save(phantom.draw(1, (), size=256), chest)
    kind, body = multipart(chest)
    with chdir(tmp_path), RunningService(tmp_path / "store", *options) as service:
        for _ in range(300):  # the first worker may answer before the second is there
            if len(before := workers(service.process.pid)) == 2:
                break
            time.sleep(0.1)
        assert len(before) == 2
        os.kill(before[0], signal.SIGKILL)
        for _ in range(8):
            request = urllib.request.Request(f"{service.address}/v1/captions", body, {"Content-Type": kind})
            with urllib.request.urlopen(request, timeout=30) as response:
                assert json.load(response)["status"] == "done"
        for _ in range(300):
            if len(after := workers(service.process.pid)) == 2 and before[0] not in after:
                break
            time.sleep(0.1)
        assert len(after) == 2
        for _ in range(300):
            with urllib.request.urlopen(f"{service.address}/metrics") as response:
                metrics = response.read().decode()
            counts = re.findall(r'^radscribe_studies_total\{.*worker="\d".*\} (\d+)', metrics, re.MULTILINE)
            if sum(map(int, counts)) == 8:
                break
            time.sleep(0.1)
        assert sum(map(int, counts)) == 8
        assert service.stop() == 0
    assert workers(service.process.pid) == []
    assert "topsecret" not in service.log.read_text()
    assert not (tmp_path / "postgresql:").exists()


def workers(supervisor: int) -> list[int]:
    """The processes that a supervisor has forked."""
    try:
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in children.split()]


def test_workers_that_cannot_start_say_why_once(tmp_path: Path, url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for options, says in (
            (("--port", port, "--database", url), "already in use"),
            (("--port", str(free_port())), "SQLite serves one process"),
            (("--database", url, "--bundle", "missing"), "no such bundle"),
        ):
            result = subprocess.run(
                [sys.executable, "-m", "radscribe.cli.main", "serve", "--workers", "2", *options],
                capture_output=True,
                text=True,
                check=False,
                cwd=tmp_path,
                timeout=60,
            )
            assert result.returncode in (1, 2)
            assert says in result.stderr
            assert len(result.stderr.splitlines()) == 1


class SlowBucket(MemoryFileSystem):  # type: ignore[misc]
    """A bucket in memory that may stop answering."""

    protocol = "slowbucket"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    away: ClassVar[bool] = False

    def exists(self, path: str, **options: Any) -> bool:
        if self.away:
            raise ConnectionError("https://user:secret@bucket.example does not answer")
        return bool(super().exists(path, **options))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    fsspec.register_implementation("slowbucket", SlowBucket, clobber=True)
    SlowBucket.store.clear()
    return "slowbucket://images"


def test_images_in_a_bucket_reach_every_replica(serve: Serve, url: str, bucket: str, tmp_path: Path) -> None:
    first, second = (serve(store=tmp_path / n, database=url, images=bucket) for n in "12")
    record = posted(first, 91)
    path = f"/v1/captions/{record['id']}"
    shown = second.get(f"{path}/images/0")
    assert shown.content == first.get(f"{path}/images/0").content
    again = second.post(f"{path}/recaption")
    assert again.json()["caption"]["text"] == "The mean is 91."
    for one in (record, again.json()):
        assert second.delete(f"/v1/captions/{one['id']}").status_code == 204
    assert [name for name in SlowBucket.store if name.endswith(".png")] == []
    service_of(first).store.sweep(None)
    assert list((tmp_path / "1" / "cache").glob("*/*")) == []


def test_a_bucket_that_does_not_answer_is_a_503(
    serve: Serve, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client = serve(images=bucket)
    monkeypatch.setattr(SlowBucket, "away", True)
    response = post(client, ("a.png", picture()))
    assert (response.status_code, "secret" in response.text) == (503, False)
    with pytest.raises(RadscribeError) as error:
        Store(tmp_path / "other", None, bucket)
    assert "secret" not in str(error.value)
    monkeypatch.setattr(SlowBucket, "away", False)
    assert posted(client)["status"] == "done"
    assert service_of(client).queue.held == 0


def test_copies_of_a_bucket_s_images_are_bounded(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radscribe.serving.store.bucket.CACHE_BYTES", 1000)
    monkeypatch.setattr("radscribe.serving.store.bucket.CACHE_SECONDS", 0.0)
    monkeypatch.setattr("radscribe.serving.store.bucket.PRUNED_AFTER", 1)
    images = ImageBucket(bucket, tmp_path)
    names = [images.name(bytes([n]) * 400, ".png") for n in range(5)]
    for n, name in enumerate(names):
        images.put(name, bytes([n]) * 400)
    assert len(list(tmp_path.glob("*/*.png"))) <= 2
    assert [images.path(name).read_bytes() for name in names] == [bytes([n]) * 400 for n in range(5)]


def test_a_restart_of_the_database_needs_no_restart_of_the_service(
    serve: Serve, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if programs() is None:
        pytest.skip("needs PostgreSQL's server (.ci/packages), which is not installed")
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.1)
    server = Postgres()
    try:
        client = serve(database=server.url)
        before = posted(client)
        engine.opened.clear()
        waiting = posted(client, 50, wait=False)
        server.stop()
        engine.opened.set()  # its draft is made while the database is away
        assert post(client, ("b.png", picture(60))).status_code == 503
        assert client.get("/readyz").status_code == 503
        server.start()
        assert posted(client, 70)["status"] == "done"
        assert service_of(client).queue.wait_empty(10)
        for record in (before, waiting):
            trail = client.get(f"/v1/captions/{record['id']}/audit").json()["audit"]
            assert [row["action"] for row in trail] == ["accepted", "done"]
        assert service_of(client).store.read(chain.verify).broken is None
        assert client.get("/readyz").status_code == 200
        client.__exit__(None, None, None)
    finally:
        server.remove()


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("moto", "s3fs", "flask")),
    reason="needs moto and s3fs, which the extra dev installs",
)
def test_images_are_kept_by_a_server_of_s3(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    try:
        files = s3fs.S3FileSystem(skip_instance_cache=True)
        files.mkdir("films")
        client = serve(images="s3://films/store")
        record = posted(client, 88)
        kept = files.find("films/store")
        assert [name.rpartition("/")[2] for name in kept if name.endswith("store-id")] == ["store-id"]
        assert len([name for name in kept if name.endswith(".png")]) == 1
        shutil.rmtree(tmp_path / "store" / "cache")  # as on another machine
        for byte in range(256):
            (tmp_path / "store" / "cache" / f"{byte:02x}").mkdir(parents=True)
        assert client.get(f"/v1/captions/{record['id']}/images/0").status_code == 200
        client.delete(f"/v1/captions/{record['id']}")
        files.invalidate_cache()
        assert [name for name in files.find("films/store") if name.endswith(".png")] == []
        with pytest.raises(RadscribeError, match="the images of another database"):
            Store(tmp_path / "other", None, "s3://films/store")
    finally:
        server.stop()

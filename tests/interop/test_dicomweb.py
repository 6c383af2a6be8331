"""STOW-RS: into the same spool as C-STORE, with the standard's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from radscribe.interop.identity import IdentityKey
from radscribe.serving import arrivals
from radscribe.serving.app import create_app
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.routes import dicomweb
from radscribe.serving.service import Service
from radscribe.serving.settings import Limits, Settings
from radscribe.serving.store.tables import audit
from tests.interop.receiving import CountingEngine, drafts, new_study, part10, radiograph, until

BOUNDARY = "part-of-a-study"
Serve = Callable[..., TestClient]


@pytest.fixture
def serve(tmp_path: Path, cleaner: Sandbox) -> Iterator[Serve]:
    running: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        given: dict[str, Any] = {"store": tmp_path / "store", "quiet_seconds": 0.3, "free_bytes": 0}
        app = create_app(Settings(**{**given, **settings}), lambda: CountingEngine(), cleaner)
        client = TestClient(app, base_url="http://127.0.0.1:8000")
        client.__enter__()
        running.append(client)
        return client

    yield start
    for client in running:
        client.__exit__(None, None, None)


def service_of(client: TestClient) -> Service:
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


def stow(client: TestClient, *files: bytes, path: str = "", kind: str = "application/dicom") -> Any:
    head = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + file for file in files) + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {"Content-Type": f'multipart/related; type="{kind}"; boundary={BOUNDARY}'}
    return client.post(f"/dicom-web/studies{path}", content=body, headers=headers)


def test_instances_of_several_requests_are_one_study(serve: Serve) -> None:
    client, study = serve(), new_study()
    for number in (1, 2):
        image = radiograph(study, number=number)
        answer = stow(client, part10(image), path=f"/{study}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/dicom+json"
        (item,) = answer.json()["00081199"]["Value"]
        assert item["00081155"] == {"vr": "UI", "Value": [image.SOPInstanceUID]}
    service = service_of(client)
    until(lambda: drafts(service) and not len(service.arrivals.spool))
    assert [study.text for study in drafts(service)] == ["2 images."]
    # The same instance by C-STORE is known: the digest is of the data set, not of the file.
    assert stow(client, part10(radiograph(study, number=1))).status_code == 200
    until(lambda: not len(service.arrivals.spool))
    assert len(drafts(service)) == 1


def test_each_failure_has_its_reason(serve: Serve) -> None:
    client, study = serve(), new_study()
    good = part10(radiograph(study))
    ct = part10(radiograph(study, number=2, SOPClassUID="1.2.840.10008.5.1.4.1.1.2"))
    other = part10(radiograph(new_study()))
    answer = stow(client, good, ct, b"no DICOM", other, path=f"/{study}")
    assert answer.status_code == 202
    failed = [item["00081197"]["Value"][0] for item in answer.json()["00081198"]["Value"]]
    assert failed == [0x0122, 0xC000, 0xA900]
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert stow(client, ct).status_code == 409


def test_a_body_that_is_none_is_refused(serve: Serve) -> None:
    client = serve(limits=Limits(file_bytes=2000, request_bytes=5000))
    assert stow(client, b"x", kind="application/dicom+json").status_code == 415
    assert client.post("/dicom-web/studies", content=b"x").status_code == 415
    headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
    for body in (b"", b"nonsense", f"--{BOUNDARY}\r\n\r\nhalf".encode()):
        assert client.post("/dicom-web/studies", content=body, headers=headers).status_code == 400
    assert stow(client, bytes(3000)).status_code == 413
    assert stow(client, *[bytes(1500)] * 4).status_code == 413
    assert len(service_of(client).arrivals.spool) == 0


def test_a_study_is_found_by_its_accession_number(serve: Serve) -> None:
    client, study = serve(), new_study()
    service = service_of(client)
    service.arrivals._key = IdentityKey(bytes(32))
    image = radiograph(study)
    stow(client, part10(image))
    until(lambda: drafts(service))
    (draft,) = drafts(service)
    found = client.get("/v1/captions", params={"accession": image.AccessionNumber}).json()["captions"]
    assert [(entry["id"], entry["supersedes"]) for entry in found] == [(draft.id, None)]
    assert client.get("/v1/captions", params={"accession": "other"}).json()["captions"] == []
    stow(client, part10(radiograph(study, number=2)))
    until(lambda: len(drafts(service)) == 2)
    newest = drafts(service)[-1]
    found = client.get("/v1/captions", params={"accession": image.AccessionNumber}).json()["captions"]
    assert [entry["id"] for entry in found] == [newest.id, draft.id]
    assert found[0]["supersedes"] == draft.id
    assert client.get(f"/v1/captions/{draft.id}").json()["superseded_by"] == newest.id
    assert image.AccessionNumber not in client.get("/v1/captions").text


def test_a_request_has_so_many_instances_at_most(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicomweb, "MOST_INSTANCES", 3)
    client = serve()
    assert stow(client, *[b"x"] * 3).status_code == 409
    assert stow(client, *[b"x"] * 4).status_code == 413


def test_a_client_cannot_fill_the_spool_for_others(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MOST_WAITING", 2)
    client = serve(quiet_seconds=60)
    statuses = [stow(client, part10(radiograph(new_study()))).status_code for _ in range(3)]
    assert statuses == [200, 200, 409]
    admit = service_of(client).arrivals.admit
    assert admit("another study", "another client")


def test_each_study_of_a_request_counts_for_the_rate_of_its_client(serve: Serve) -> None:
    client = serve(client_rate=2, quiet_seconds=60)
    answer = stow(client, *(part10(radiograph(new_study())) for _ in range(4)))
    assert answer.status_code == 202
    failed = [item["00081197"]["Value"][0] for item in answer.json()["00081198"]["Value"]]
    assert failed == [0xA700, 0xA700]


def test_instances_are_refused_while_the_disk_is_nearly_full(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(quiet_seconds=60)
    room = iter([True])  # at the start of the request, and no more
    monkeypatch.setattr(Service, "has_room", property(lambda self: next(room, False)))
    answer = stow(client, part10(radiograph(new_study())))
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]


def test_the_audit_trail_tells_who_sent_instances(serve: Serve) -> None:
    client = serve(quiet_seconds=60)
    stow(client, part10(radiograph(new_study())), b"no DICOM")
    with service_of(client).store.engine.connect() as connection:
        row = connection.execute(select(audit).where(audit.c.action == "received")).one()
    assert (row.actor, row.details) == ("local", '{"instances":1,"refused":1}')

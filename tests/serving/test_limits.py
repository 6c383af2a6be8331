"""What a request may not be, and what it is told."""

from __future__ import annotations

import asyncio
import errno
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from radscribe.serving.intake import Intake
from radscribe.serving.problems import Problem
from radscribe.serving.queue import StudyQueue
from radscribe.serving.routes import examples, groups
from radscribe.serving.settings import Limits
from radscribe.serving.store.database import SILENT
from radscribe.serving.upload import Form
from tests.serving.conftest import QuickEngine, Serve, picture, post, posted, service_of

BOUNDARY = b"xyz"
TYPE = {"Content-Type": "multipart/form-data; boundary=xyz"}
PART = b'--xyz\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'


def raw(client: TestClient, body: Any, **headers: str) -> Any:
    return client.post("/v1/captions", content=body, headers={**TYPE, **headers})


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    assert len(told["detail"]) > 10
    return told


def test_a_file_that_is_too_large_is_refused(serve: Serve) -> None:
    client = serve(limits=Limits(file_bytes=100_000))
    told = problem(post(client, ("a.png", b"x" * 100_001)), 413)
    assert "file" in told["detail"]
    assert service_of(client).queue.held == 0


def test_a_request_that_is_too_large_is_refused_by_its_head(serve: Serve) -> None:
    client = serve(limits=Limits(request_bytes=1_000_000))
    problem(raw(client, b"", **{"Content-Length": "1000001"}), 413)


def test_too_many_files_are_refused(serve: Serve) -> None:
    client = serve(limits=Limits(files=2))
    told = problem(post(client, *[(f"{n}.png", picture(50 + n)) for n in range(3)]), 413)
    assert "2 files" in told["detail"]


def test_too_many_pixels_are_told_in_the_answer(serve: Serve) -> None:
    client = serve(limits=Limits(pixels=1000))
    assert "megapixels" in posted(client)["caption"]["error"]


def test_a_long_field_is_refused(client: TestClient) -> None:
    problem(post(client, ("a.png", picture()), study="x" * 5000), 413)


@pytest.mark.parametrize("beam", ["--5", "-", "+5", "5-", "٣", "²", "1e1", "1_0", "1234567890"])
def test_what_is_no_whole_number_is_told(client: TestClient, beam: str) -> None:
    for response in (
        post(client, ("a.png", picture()), beam=beam),
        client.post("/v1/examples/normal", params={"beam": beam}),
    ):
        assert "whole number" in problem(response, 422)["detail"]


def test_a_long_body_elsewhere_is_refused(client: TestClient) -> None:
    path = f"/v1/captions/{posted(client)['id']}/review"
    problem(client.post(path, content=b"x" * 300_000), 413)
    problem(client.post(path, content=iter([b"x"])), 413)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain; boundary=xyz", ""])
def test_another_media_type_is_refused(client: TestClient, kind: str) -> None:
    problem(client.post("/v1/captions", content=b"x", headers={"Content-Type": kind}), 415)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"rubbish", 400),
        (PART + b"no end", 400),
        (PART + b"x\r\n--xyz\r\nno header\r\n\r\n", 400),
        (b"--xyz--\r\n", 422),
        (b'--xyz\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--xyz--\r\n', 422),
        (b'--xyz\r\nContent-Disposition: form-data; name="study"\r\n\r\n\xff\r\n--xyz--\r\n', 422),
        (b"--xyz\r\nX: y\r\n\r\nx\r\n--xyz--\r\n", 422),
        (b"--xyz\r\nX: " + b"y" * 50_000 + b"\r\n\r\nx\r\n--xyz--\r\n", 400),
    ],
)
def test_a_malformed_body_is_told(client: TestClient, body: bytes, status: int) -> None:
    problem(raw(client, body), status)
    assert service_of(client).queue.held == 0
    assert posted(client)["status"] == "done"


def test_a_full_queue_says_when_to_come_again(serve: Serve, engine: QuickEngine) -> None:
    client = serve(queue=2)
    engine.opened.clear()
    for level in (40, 50):
        posted(client, level, wait=False)
    response = post(client, ("a.png", picture()))
    told = problem(response, 429)
    assert int(response.headers["retry-after"]) >= 1
    assert "2 studies" in told["detail"]
    problem(client.post("/v1/examples/normal"), 429)
    engine.opened.set()
    assert service_of(client).queue.wait_empty(5)
    assert posted(client)["status"] == "done"


def test_one_client_leaves_a_quarter_of_the_queue_to_others() -> None:
    queue = StudyQueue(8)
    for _ in range(6):
        queue.reserve("greedy")
    with pytest.raises(Problem, match="6 studies of yours"):
        queue.reserve("greedy")
    queue.reserve("honest")
    queue.release("greedy")
    queue.reserve("greedy")


@pytest.mark.parametrize("name", ["beam", "other"])
def test_a_field_that_is_repeated_is_refused(client: TestClient, name: str) -> None:
    field = f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n3\r\n'.encode()
    assert "twice" in problem(raw(client, field * 2 + b"--xyz--\r\n"), 422)["detail"]


def test_many_parts_are_refused(client: TestClient) -> None:
    fields = b"".join(
        b'--xyz\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n\r\n' % n for n in range(100)
    )
    assert "parts" in problem(raw(client, fields), 413)["detail"]


def test_a_disk_that_is_nearly_full_takes_no_study(serve: Serve) -> None:
    client = serve(free_bytes=1 << 62)
    told = problem(post(client, ("a.png", picture())), 507)
    assert "Delete studies" in told["detail"]
    problem(client.post("/v1/examples/normal"), 507)
    assert service_of(client).queue.held == 0
    assert client.get("/v1/captions").json()["captions"] == []


@pytest.mark.parametrize(("code", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EIO, 500)])
def test_a_disk_that_fills_up_is_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, code: int, status: int
) -> None:
    def write(*arguments: object) -> None:
        raise OSError(code, "secret")

    monkeypatch.setattr(service_of(client).store.images, "keep", write)
    response = post(client, ("a.png", picture()))
    problem(response, status)
    assert "secret" not in response.text
    assert service_of(client).queue.held == 0


def test_an_example_takes_its_place_before_it_is_drawn(
    serve: Serve, engine: QuickEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(queue=1)

    def draw(*arguments: object) -> None:
        raise RuntimeError("drawn")

    monkeypatch.setattr(examples, "uploaded", draw)
    problem(client.post("/v1/examples/normal"), 500)
    assert service_of(client).queue.held == 0
    engine.opened.clear()
    posted(client, wait=False)
    problem(client.post("/v1/examples/normal"), 429)


def test_an_error_of_the_server_shows_nothing_of_its_insides(client: TestClient) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("secret /srv/path")

    service_of(client).store.read = broken  # type: ignore[assignment,method-assign]
    response = client.get("/v1/captions")
    problem(response, 500)
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "secret" not in response.text
    assert "/srv" not in response.text


@pytest.mark.parametrize("silence", SILENT)
def test_a_database_that_does_not_answer_is_told(
    client: TestClient, silence: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*arguments: object, **options: object) -> None:
        raise silence("SELECT", {}, Exception("down"))

    monkeypatch.setattr(service_of(client).store, "read", silent)
    response = client.get("/v1/captions")
    problem(response, 503)
    assert response.headers["retry-after"]


@pytest.mark.parametrize("header", [b"X: " + b"y" * 100_000, b"y" * 100_000, b"X: y\r\n" * 5000])
def test_long_headers_of_a_part_are_refused(client: TestClient, header: bytes) -> None:
    response = raw(client, b"--xyz\r\n" + header + b"\r\n\r\nz\r\n--xyz--\r\n")
    assert response.status_code in (400, 413)


def test_a_client_gets_part_of_the_places_for_grouping_and_waits_for_more(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As each request has up to 25 MB in memory."""
    under_way, most = 0, 0

    async def reading(*arguments: Any) -> Form:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.05)
        under_way -= 1
        return Form()

    monkeypatch.setattr(groups, "read_form", reading)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: client.post("/v1/groups"), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert most == 2


def test_two_images_at_most_are_inverted_at_a_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may have 67 megapixels, and is decoded whole in the service."""
    client = serve()
    path = f"/v1/captions/{posted(client)['id']}/recaption"
    under_way, most = 0, 0
    plain = Intake._inverted

    def slowly(self: Intake, row: Any, held: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        time.sleep(0.05)
        under_way -= 1
        return plain(self, row, held)

    monkeypatch.setattr(Intake, "_inverted", slowly)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: client.post(f"{path}?invert=true"), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert most <= 2


def test_a_service_is_closed_once(serve: Serve) -> None:
    service = service_of(serve())
    service.close()
    service.close()
    with pytest.raises(RuntimeError, match="the store is closed"):
        service.store.write(lambda connection: None)

"""`/v1/captions` as a client meets it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

import radscribe
from radscribe import phantom
from radscribe.bundle import format as bundle_format
from radscribe.inference.captioner import Captioner
from radscribe.serving.app import create_app
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.options import CaptionOptions, CaptionRequest
from radscribe.serving.routes.captions import accept
from radscribe.serving.routes.examples import FILMS
from radscribe.serving.service import Service
from radscribe.serving.settings import Settings
from radscribe.serving.store.tables import now, reviews
from tests.serving.conftest import HOST, QuickEngine, Serve, picture, post, posted, service_of

UNKNOWN = "0" * 26


@pytest.fixture
def client(serve: Serve, database: str | None) -> TestClient:
    """A service on SQLite, then one on PostgreSQL."""
    return serve(database=database)


def test_a_picture_gets_its_caption(client: TestClient) -> None:
    response = post(client, ("chest.png", picture(120)), study="bed 1")
    record = response.json()
    assert response.status_code == 200
    assert response.headers["location"] == f"/v1/captions/{record['id']}"
    assert (record["status"], record["study"], record["deleted"]) == ("done", "bed 1", None)
    assert record["caption"]["text"] == "The mean is 120."
    assert record["caption"]["findings"] == {"Effusion": 0.25}
    image = {"n": 0, "name": "chest.png", "view": "unknown", "height": 64, "width": 64, "error": None}
    assert record["images"] == [image]
    assert client.get(response.headers["location"]).json() == record


def test_two_pictures_get_two_captions(client: TestClient) -> None:
    texts = {posted(client, level)["caption"]["text"] for level in (50, 150)}
    assert texts == {"The mean is 50.", "The mean is 150."}


def test_several_files_are_one_study_under_the_clients_names(client: TestClient, tmp_path: Path) -> None:
    body = post(client, ("front.png", picture(90)), ("side.png", picture(80))).text
    caption = json.loads(body)["caption"]
    assert caption["files"] == ["front.png", "side.png"]
    assert caption["left_out"] == {"side.png": "side.png is a second one"}
    assert caption["warnings"][1] == "left out: side.png: a second one"
    assert str(tmp_path) not in body


def test_files_of_one_name_are_told_apart_and_a_picture_sent_twice_counts_once(client: TestClient) -> None:
    record = post(client, ("a.png", picture(90)), ("a.png", picture(80)), ("b.png", picture(90))).json()
    assert [image["name"] for image in record["images"]] == ["a.png", "a.png (2)", "b.png"]
    assert record["images"][2]["error"] == "b.png: is the same picture as a.png"
    assert set(record["caption"]["left_out"]) == {"a.png (2)", "b.png"}


def test_a_text_file_named_png_fails_with_the_reason(client: TestClient) -> None:
    response = post(client, ("notes.png", b"this is a text"))
    record = response.json()
    assert response.status_code == 200
    assert record["status"] == "failed"
    assert record["caption"]["error"].startswith("notes.png: is not an image that radscribe reads")
    assert record["caption"]["text"] is None
    assert client.get(f"/v1/captions/{record['id']}").json() == record


def test_a_file_that_is_no_image_is_left_out_of_its_study(client: TestClient) -> None:
    record = post(client, ("chest.png", picture(70)), ("notes.txt", b"text")).json()
    assert record["caption"]["text"] == "The mean is 70."
    assert "notes.txt" in record["caption"]["left_out"]
    assert any("notes.txt" in warning for warning in record["caption"]["warnings"])


def test_what_is_refused_says_why(client: TestClient) -> None:
    record = post(client, ("hand.png", picture(5))).json()
    assert record["status"] == "refused"
    assert record["caption"]["refused"] == "hand.png: too dark"


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\x\\y.png", "a\0\n\x1b[31mb.png", "", "é" * 500])
def test_a_clients_name_of_a_file_is_only_shown(client: TestClient, tmp_path: Path, name: str) -> None:
    record = post(client, (name or " ", picture())).json()
    shown = record["images"][0]["name"]
    assert shown.isprintable()
    assert "/" not in shown
    assert 0 < len(shown) <= 200
    files = [path.name for path in tmp_path.rglob("*") if path.suffix in (".png", ".dcm", ".jpg")]
    assert len(files) == 1
    assert len(files[0]) == 64 + len(".png")


def test_without_waiting_the_answer_says_where_to_ask(client: TestClient, engine: QuickEngine) -> None:
    engine.opened.clear()
    response = post(client, ("a.png", picture()), wait=False)
    assert response.status_code == 202
    assert response.json()["status"] == "queued"
    assert response.json()["caption"] is None
    engine.opened.set()
    service_of(client).queue.wait_empty(5)
    assert client.get(response.headers["location"]).json()["status"] == "done"


def test_who_waits_too_long_is_told_where_to_ask(serve: Serve, engine: QuickEngine) -> None:
    from radscribe.serving.settings import Limits

    client = serve(limits=Limits(wait_seconds=0.05))
    engine.opened.clear()
    response = post(client, ("a.png", picture()))
    assert response.status_code == 202
    engine.opened.set()
    service_of(client).queue.wait_empty(5)
    assert client.get(response.headers["location"]).json()["status"] == "done"


def test_who_waits_for_a_study_that_is_deleted_meanwhile_is_told_so(
    client: TestClient, engine: QuickEngine
) -> None:
    engine.opened.clear()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, client, ("a.png", picture()))
        while not engine.streams:
            time.sleep(0.01)
        (study,) = client.get("/v1/captions").json()["captions"]
        client.delete(f"/v1/captions/{study['id']}")
        engine.opened.set()
        told = waiting.result(10).json()
    assert told["deleted"] is not None
    assert told["caption"] is None
    assert told == client.get(f"/v1/captions/{study['id']}").json()


def test_who_hangs_up_on_a_study_that_cannot_be_kept_gives_the_place_back(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of(serve())
    begun, hung_up = threading.Event(), threading.Event()

    def full(*arguments: object) -> None:
        begun.set()
        hung_up.wait(5)
        raise OSError("no space left on device")

    async def hang_up() -> None:
        request = asyncio.create_task(
            accept(service, [], CaptionRequest(CaptionOptions(), "", True), "me", "here")
        )
        await asyncio.to_thread(begun.wait, 5)
        request.cancel()
        await asyncio.sleep(0)
        hung_up.set()
        await asyncio.gather(request, return_exceptions=True)

    monkeypatch.setattr(service.intake, "_accept", full)
    service.queue.reserve()
    asyncio.run(hang_up())
    assert service.queue.held == 0


def test_options_reach_the_engine(client: TestClient, engine: QuickEngine) -> None:
    posted(client, beam=5, n_best=2, min_confidence=0.5, evidence=True)
    options, _ = engine.streams[-1]
    assert options == {"beam": 5, "n_best": 2, "min_confidence": 0.5, "evidence": True}


@pytest.mark.parametrize(
    "fields",
    [
        {"beam": "0"},
        {"beam": "11"},
        {"beam": "three"},
        {"n_best": "4"},
        {"evidence": "perhaps"},
        {"min_confidence": "1.5"},
        {"min_confidence": "nan"},
        {"nbest": "2"},
    ],
)
def test_options_that_make_no_sense_are_refused(client: TestClient, fields: dict[str, str]) -> None:
    response = post(client, ("a.png", picture()), **fields)
    assert response.status_code == 422
    assert next(iter(fields)) in response.json()["detail"]
    assert client.get("/v1/captions").json()["captions"] == []
    assert service_of(client).queue.held == 0


def test_evidence_is_kept_apart_and_given_when_asked(serve: Serve, engine: QuickEngine) -> None:
    client = serve()
    evidence = [{"file": "?", "view": "PA", "height": 64, "width": 64, "findings": {"Effusion": [[0.1]]}}]
    plain = QuickEngine._caption

    class WithEvidence:
        def __init__(self, caption: Any, file: str) -> None:
            self._caption, self._file = caption, file

        def __getattr__(self, name: str) -> Any:
            return getattr(self._caption, name)

        def to_dict(self) -> dict[str, Any]:
            return {**self._caption.to_dict(), "evidence": [{**evidence[0], "file": self._file}]}

    engine._caption = lambda paths: WithEvidence(plain(engine, paths), str(paths[0]))  # type: ignore[assignment,return-value,method-assign]
    record = posted(client, evidence=True)
    expected = [{**evidence[0], "file": "a.png"}]
    assert record["caption"]["evidence"] == expected
    path = f"/v1/captions/{record['id']}"
    assert "evidence" not in client.get(path).json()["caption"]
    assert client.get(path, params={"evidence": True}).json()["caption"]["evidence"] == expected


def test_lists_page_and_search(client: TestClient) -> None:
    for level in (30, 40, 50):
        posted(client, level)
    first = client.get("/v1/captions", params={"limit": 2}).json()
    rest = client.get("/v1/captions", params={"limit": 2, "before": first["next"]}).json()
    texts = [record["caption"]["text"] for record in first["captions"] + rest["captions"]]
    assert sorted(texts) == ["The mean is 30.", "The mean is 40.", "The mean is 50."]
    assert rest["next"] is None
    found = client.get("/v1/captions", params={"query": "MEAN 40"}).json()["captions"]
    assert [record["caption"]["text"] for record in found] == ["The mean is 40."]
    assert client.get("/v1/captions", params={"status": "refused"}).json()["captions"] == []


def test_a_deleted_study_leaves_lists_and_its_images_are_gone(client: TestClient, tmp_path: Path) -> None:
    record = posted(client, study="bed 1", evidence=True)
    path = f"/v1/captions/{record['id']}"
    client.post(f"{path}/review", json=REVIEW)
    assert client.delete(path).status_code == 204
    for query in ("", "bed", "a.png", "mean", "clear"):
        assert client.get("/v1/captions", params={"query": query}).json()["captions"] == []
    told = client.get(path, params={"evidence": True}).json()
    assert told.pop("deleted") is not None
    nothing: dict[str, Any] = {"study": None, "images": [], "caption": None, "reviews": [], "results": []}
    nothing |= {"version": 0, "supersedes": None, "superseded_by": None}
    assert told == {key: record[key] for key in ("id", "status", "created", "finished")} | nothing
    assert client.get(f"{path}/images/0").status_code == 410
    assert client.delete(path).status_code == 410
    assert client.post(f"{path}/review", json=REVIEW).status_code == 410
    assert not list((tmp_path / "store" / "images").glob("*/*.png"))
    assert client.get(f"{path}/audit").json()["audit"][-1]["action"] == "deleted"


def add_unchecked_review(service: Service, study_id: str) -> None:
    row = {"study_id": study_id, "created": now(), "reviewer": "A. Reader", "decision": "accept"}
    values = {**row, "text": "Clear.", "comment": ""}
    service.store.writer.submit(
        lambda connection: connection.execute(insert(reviews).values(values))
    ).result()


def test_a_review_of_what_another_reader_has_not_seen_is_refused(client: TestClient) -> None:
    path = f"/v1/captions/{posted(client)['id']}"
    assert client.get(path).json()["version"] == 0
    assert client.post(f"{path}/review", json={**REVIEW, "version": 0}).status_code == 201
    late = client.post(f"{path}/review", json={**REVIEW, "text": "Other.", "version": 0})
    assert late.status_code == 409
    assert "read it again" in late.json()["detail"]
    told = client.get(path).json()
    assert (told["version"], [r["text"] for r in told["reviews"]]) == (1, ["Clear."])
    assert client.post(f"{path}/review", json={**REVIEW, "version": 1}).status_code == 201


def test_of_concurrent_reviews_one_is_kept_and_none_after_a_deletion(client: TestClient) -> None:
    def review(path: str) -> int:
        return client.post(f"{path}/review", json=REVIEW).status_code

    path = f"/v1/captions/{posted(client)['id']}"
    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(review, [path] * 8)) == [201] + [409] * 7
    for _ in range(12):
        path = f"/v1/captions/{posted(client)['id']}"
        with ThreadPoolExecutor(2) as pool:
            reviewed, deleted = pool.submit(review, path), pool.submit(client.delete, path)
        assert deleted.result().status_code == 204
        actions = [row["action"] for row in client.get(f"{path}/audit").json()["audit"]]
        assert actions[-1] == "deleted"  # nothing comes after it
        assert reviewed.result() == (201 if "reviewed" in actions else 410)


REVIEW = {"text": "Clear.", "decision": "accept", "reviewer": "A. Reader"}


def test_a_review_stands_beside_the_draft(client: TestClient) -> None:
    record = posted(client)
    path = f"/v1/captions/{record['id']}"
    response = client.post(f"{path}/review", json={**REVIEW, "comment": "short"})
    assert response.status_code == 201
    told = client.get(path).json()
    assert told == response.json()
    assert told["caption"] == record["caption"]
    assert {key: told["reviews"][0][key] for key in REVIEW} == REVIEW
    row = client.get(f"{path}/audit").json()["audit"][-1]
    assert (row["actor"], row["action"], row["details"]["decision"]) == ("local", "reviewed", "accept")


def test_a_study_without_a_draft_cannot_be_reviewed(client: TestClient, engine: QuickEngine) -> None:
    engine.opened.clear()
    record = posted(client, wait=False)
    assert client.post(f"/v1/captions/{record['id']}/review", json=REVIEW).status_code == 409


@pytest.mark.parametrize("file", [picture(5), b"no image"])
def test_a_study_without_a_draft_is_never_reviewed_or_exported(client: TestClient, file: bytes) -> None:
    record = post(client, ("a.png", file)).json()
    assert client.post(f"/v1/captions/{record['id']}/review", json=REVIEW).status_code == 409
    add_unchecked_review(service_of(client), record["id"])  # as earlier versions took it
    assert len(client.get("/v1/reviewed.jsonl").text.splitlines()) == 1


def test_what_a_draft_left_out_is_not_exported(client: TestClient) -> None:
    record = post(client, ("front.png", picture(90)), ("side.png", picture(80, size=32))).json()
    assert client.post(f"/v1/captions/{record['id']}/review", json=REVIEW).status_code == 201
    study = json.loads(client.get("/v1/reviewed.jsonl").text.splitlines()[1])
    assert [image["width"] for image in study["images"]] == [64]


@pytest.mark.parametrize(
    "body",
    [
        {**REVIEW, "decision": "maybe"},
        {**REVIEW, "reviewer": ""},
        {**REVIEW, "reviewer": " \n "},
        {**REVIEW, "reviewer": "A. Reader\nAccepted by B. Other"},
        {**REVIEW, "text": " \n "},
        {**REVIEW, "text": "null \0 byte"},
        {**REVIEW, "text": "x" * 20_001},
        {**REVIEW, "more": 1},
        {"text": "no decision"},
        [],
    ],
)
def test_reviews_that_make_no_sense_are_refused(client: TestClient, body: Any) -> None:
    path = f"/v1/captions/{posted(client)['id']}"
    response = client.post(f"{path}/review", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert client.get(path).json()["reviews"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v1/captions/{UNKNOWN}"),
        ("DELETE", f"/v1/captions/{UNKNOWN}"),
        ("GET", f"/v1/captions/{UNKNOWN}/audit"),
        ("GET", f"/v1/captions/{UNKNOWN}/images/0"),
        ("GET", f"/v1/captions/{UNKNOWN}/images/0/pixels"),
        ("GET", "/v1/examples/nothing/images/0"),
        ("POST", "/v1/examples/nothing"),
        ("GET", "/v1/nothing"),
    ],
)
def test_what_is_not_there_is_a_problem_that_says_so(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) >= {"type", "title", "status", "detail"}


def test_the_service_says_what_the_engine_says(tmp_path: Path, captioner: Captioner) -> None:
    """With the embedded bundle: two different films get two different texts, those of the engine."""
    files = [FILMS / "00003437_000-no-finding.jpg", FILMS / "00012628_000-effusion.jpg"]
    model = check_against_engine(tmp_path, captioner, files)
    described = json.loads((bundle_format.locate(None) / bundle_format.DESCRIPTION).read_text())
    assert model["bundle"] == captioner.bundle
    assert model["version"] == radscribe.__version__
    assert model["card"].startswith("#")
    for key in ("training", "quantisation", "confidence"):
        assert model[key] == described[key]


def test_two_radiographs_get_what_the_engine_says_of_them(
    tmp_path: Path, captioner: Captioner, shared_data: Path
) -> None:
    files = [shared_data / "nih" / "images" / f"{name}.jpg" for name in ("00000050_000", "00000061_012")]
    check_against_engine(tmp_path, captioner, files)  # no finding; infiltration and effusion


def check_against_engine(tmp_path: Path, captioner: Captioner, files: list[Path]) -> Any:
    """Two files get different texts, each that of the engine; returns what the service says of its model."""
    app = create_app(Settings(store=tmp_path / "store"), load=lambda: captioner)
    with TestClient(app, base_url=HOST) as client:
        told = [post(client, (file.name, file.read_bytes())).json()["caption"] for file in files]
        model = client.get("/v1/model").json()
    for caption, file in zip(told, files, strict=True):
        expected = captioner.caption(file).to_dict()
        for key in ("text", "tokens", "findings", "log_probability", "bundle"):
            assert caption[key] == json.loads(json.dumps(expected[key]))
    assert told[0]["text"] != told[1]["text"]
    return model


def test_a_guarded_captioner_is_served_with_its_reasons(tmp_path: Path, sandbox: Sandbox) -> None:
    module = tmp_path / "mine.py"
    module.write_text("def describe(images, views):\n    return 'No effusion. Unchanged.'\n")
    phantom.save(phantom.draw(1, ()), tmp_path / "chest.png")
    settings = Settings(store=tmp_path / "store", guard=f"{module}:describe")
    with TestClient(create_app(settings, sandbox=sandbox), base_url=HOST) as client:
        caption = post(client, ("chest.png", (tmp_path / "chest.png").read_bytes())).json()["caption"]
    assert caption["text"] == "No effusion."
    assert caption["guard"]["original"] == "No effusion. Unchanged."
    assert any(warning.startswith("dropped: “Unchanged.”") for warning in caption["warnings"])

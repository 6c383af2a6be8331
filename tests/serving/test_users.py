"""Managing users over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from radscribe.serving.credentials import Credentials, Users
from radscribe.serving.store.tables import audit
from tests.serving.conftest import Serve, service_of
from tests.serving.test_security import basic

SECRET = "correct horse 1"
CHIEF = basic("chief", SECRET)


@pytest.fixture
def client(serve: Serve, tmp_path: Path) -> TestClient:
    users = Users(tmp_path / "users.json")
    users.add("chief", "administer", SECRET)
    return serve(credentials=Credentials(named=users))


def test_an_administrator_adds_changes_and_removes_users_and_the_trail_tells(client: TestClient) -> None:
    user = {"role": "read", "password": SECRET}
    assert client.put("/v1/users/ann", json=user, headers=CHIEF).status_code == 204
    ann = basic("ann", SECRET)
    assert client.get("/v1/session", headers=ann).json()["role"] == "read"
    assert client.put("/v1/users/ann", json={"role": "review"}, headers=CHIEF).status_code == 204
    assert client.get("/v1/session", headers=ann).json()["role"] == "review"
    made = client.post("/v1/users/ann/tokens", json={"label": "router"}, headers=CHIEF)
    token = {"Authorization": f"Bearer {made.json()['token']}"}
    assert client.get("/v1/session", headers=token).json()["user"] == "ann"

    listed = client.get("/v1/users", headers=CHIEF)
    assert [(u["name"], u["role"], u["tokens"]) for u in listed.json()["users"]] == [
        ("ann", "review", ["router"]),
        ("chief", "administer", []),
    ]
    assert "scrypt" not in listed.text
    assert made.json()["token"] not in listed.text

    disabled = {"role": "review", "disabled": True}
    assert client.put("/v1/users/ann", json=disabled, headers=CHIEF).status_code == 204
    assert [client.get("/v1/captions", headers=h).status_code for h in (ann, token)] == [401, 401]
    assert client.delete("/v1/users/ann", headers=CHIEF).status_code == 204
    assert client.delete("/v1/users/ann", headers=CHIEF).status_code == 422

    with service_of(client).store.engine.connect() as connection:
        rows = connection.execute(
            select(audit).where(audit.c.action != "signed in").order_by(audit.c.id)
        ).all()
    assert [(row.actor, row.action, json.loads(row.details)["user"]) for row in rows] == [
        ("chief", action, "ann")
        for action in ("user changed", "user changed", "token made", "user changed", "user removed")
    ]
    assert not any(SECRET in row.details for row in rows)


def test_nobody_locks_everybody_out(client: TestClient) -> None:
    for answer in (
        client.put("/v1/users/chief", json={"role": "read"}, headers=CHIEF),
        client.delete("/v1/users/chief", headers=CHIEF),
    ):
        assert (answer.status_code, "own account" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("service", {"role": "read"}),
        ("CHIEF", {"role": "read"}),
        ("ann", {"role": "read", "password": "x"}),
        ("ann", {"role": "root"}),
        ("ann", {"role": "read", "more": 1}),
    ],
)
def test_a_weak_or_unknown_value_is_refused_and_not_repeated(
    client: TestClient, name: str, user: dict[str, object]
) -> None:
    assert client.put(f"/v1/users/{name}", json=user, headers=CHIEF).status_code == 422
    assert [known["name"] for known in client.get("/v1/users", headers=CHIEF).json()["users"]] == ["chief"]


def test_a_service_that_anybody_may_use_takes_no_users_over_http(serve: Serve, tmp_path: Path) -> None:
    client = serve(credentials=Credentials(named=Users(tmp_path / "users.json")))
    assert client.put("/v1/users/ann", json={"role": "read", "password": SECRET}).status_code == 422
    assert client.get("/v1/captions").status_code == 200

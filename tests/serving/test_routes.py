"""Every route demands a role, and keeps to the checks that hold for all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from radscribe.serving.credentials import ROLES, Credentials, Users
from radscribe.serving.routes.common import Requires
from radscribe.serving.security import BODY_BYTES, READING
from tests.serving.conftest import Serve
from tests.serving.test_security import basic

# Routes that anybody may ask; they tell nothing about a study, a user or a client.
OPEN = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/v1/session"),
    ("POST", "/v1/session"),
    ("DELETE", "/v1/session"),
    ("GET", "/v1/session/oidc"),
    ("GET", "/v1/session/oidc/callback"),
}
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "security.md"
SECRET = "correct horse 1"


def api_routes(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    for route in flat(app.routes):
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield method, route


def flat(routes: Iterable[object]) -> Iterator[object]:
    """Routes with those of included routers, which newer versions of FastAPI keep as they are."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is None:
            yield route
        else:
            yield from flat(included.routes)


def roles_of(dependant: Dependant) -> list[str]:
    own = [dependant.call.role] if isinstance(dependant.call, Requires) else []
    return own + [role for inner in dependant.dependencies for role in roles_of(inner)]


def demanded(app: FastAPI) -> dict[tuple[str, str], str]:
    """The role of each route that demands one."""
    found: dict[tuple[str, str], str] = {}
    for method, route in api_routes(app):
        roles = roles_of(route.dependant)
        if (method, route.path) not in OPEN:
            assert len(roles) == 1, f"{method} {route.path} must demand one role, not {roles}"
            found[method, route.path] = roles[0]
    return found


def address(path: str) -> str:
    """An address of a route."""
    return re.sub(r"\{(\w+)[^}]*\}", lambda found: "0" if found[1] == "n" else "0" * 26, path)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    users = Users(tmp_path / "users.json")
    for role in ROLES:
        users.add(f"user-{role}", role, SECRET)
    return users


@pytest.fixture
def client(serve: Serve, users: Users) -> TestClient:
    return serve(credentials=Credentials(named=users))


def test_there_are_no_other_routes_than_the_two_that_hold_no_data(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    others = {getattr(route, "path", "?") for route in flat(app.routes) if not isinstance(route, APIRoute)}
    assert others == {"/openapi.json", "/static"}


def test_nobody_gets_past_a_route_without_its_role(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    routes = demanded(app)
    assert len(routes) >= 20
    for (method, path), role in routes.items():
        assert client.request(method, address(path)).status_code == 401, (method, path)
        for held in ROLES:
            headers = basic(f"user-{held}", SECRET)
            status = client.request(method, address(path), headers=headers).status_code
            assert (status == 403) == (ROLES.index(held) < ROLES.index(role)), (method, path, held)
            assert status < 500, (method, path, held)


def test_what_changes_something_is_closed_to_other_sites_and_to_long_bodies(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    headers = basic("user-administer", SECRET)
    for method, route in api_routes(app):
        if method in READING:
            continue
        foreign = headers | {"Origin": "https://evil.example"}
        answer = client.request(method, address(route.path), headers=foreign)
        assert (answer.status_code, answer.json()["type"][-12:]) == (403, "cross-origin"), route.path
        if route.path not in ("/v1/captions", "/v1/groups") and not route.path.startswith("/dicom-web/"):
            long = client.request(
                method, address(route.path), content=b"x" * (BODY_BYTES + 1), headers=headers
            )
            assert long.status_code == 413, route.path


def test_nothing_that_changes_something_answers_to_get(client: TestClient) -> None:
    """A link must not do anything: browsers send the cookie with it."""
    app = client.app
    assert isinstance(app, FastAPI)
    for path in {route.path for method, route in api_routes(app) if method == "POST"}:
        answer = client.get(address(path), headers=basic("user-administer", SECRET))
        assert answer.status_code in (200, 404, 405), path


def test_every_answer_of_a_route_carries_the_security_headers(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    for method, route in api_routes(app):
        for headers in ({}, basic("user-administer", SECRET)):
            answer = client.request(method, address(route.path), headers=headers, follow_redirects=False)
            assert answer.headers["x-content-type-options"] == "nosniff", (method, route.path)
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_guide_lists_the_role_of_each_route(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    listed = re.findall(r"^\| `([A-Z]+) (/\S*)` \| `(\w+)` \|", GUIDE.read_text(encoding="utf-8"), re.M)
    assert {(method, path): role for method, path, role in listed} == demanded(app)

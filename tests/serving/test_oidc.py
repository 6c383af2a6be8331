"""Signing in at an identity provider, against a stand-in on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from radscribe.errors import UsageError
from radscribe.serving.credentials import Credentials, Users
from radscribe.serving.store.tables import counters
from tests.serving.conftest import HOST, Serve, service_of
from tests.serving.test_security import basic

pytest.importorskip("authlib", reason="needs the extra oidc")

from joserfc import jwt
from joserfc.jwk import RSAKey

from radscribe.serving.oidc import Provider


class StandIn(ThreadingHTTPServer):
    """An identity provider that lets everybody in as `claims` say."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig", "alg": "RS256"})
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.claims: dict[str, Any] = {"sub": "7", "preferred_username": "ann", "roles": ["radscribe:review"]}
        self.nonce = ""
        self.asked: dict[str, str] = {}
        self.signs_with = self.key

    def id_token(self) -> str:
        times = {"iat": int(time.time()), "exp": int(time.time()) + 60}
        claims = {"iss": self.issuer, "aud": "radscribe", "nonce": self.nonce, **times, **self.claims}
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signs_with)


class Answers(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        issuer = self.server.issuer
        self._answer(
            {"keys": [self.server.key.as_dict(private=False)]}
            if self.path == "/keys"
            else {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
            }
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked = {key: values[0] for key, values in parse_qs(body).items()}
        self._answer({"access_token": "x", "token_type": "Bearer", "id_token": self.server.id_token()})

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[StandIn]:
    server = StandIn()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(serve: Serve, provider: StandIn) -> TestClient:
    oidc = Provider(provider.issuer, "radscribe", "client-secret", HOST)
    return serve(credentials=Credentials(oidc=True), oidc=oidc)


def begin(client: TestClient, provider: StandIn) -> str:
    """Go to the provider; returns the state that it sends back."""
    response = client.get("/v1/session/oidc", follow_redirects=False)
    assert response.status_code == 303
    sent = {key: values[0] for key, values in parse_qs(urlsplit(response.headers["location"]).query).items()}
    assert response.headers["location"].startswith(f"{provider.issuer}/authorize?")
    assert (sent["response_type"], sent["code_challenge_method"]) == ("code", "S256")
    provider.nonce = sent["nonce"]
    return sent["state"]


def come_back(client: TestClient, state: str) -> Any:
    return client.get(
        "/v1/session/oidc/callback", params={"code": "c", "state": state}, follow_redirects=False
    )


def test_a_person_signs_in_with_a_role(client: TestClient, provider: StandIn) -> None:
    assert client.get("/v1/captions").status_code == 401
    response = come_back(client, begin(client, provider))
    assert (response.status_code, response.headers["location"]) == (303, f"{HOST}/")
    assert client.get("/v1/session").json()["user"] == "ann"
    assert client.get("/v1/session").json()["role"] == "review"
    assert client.get("/v1/captions").status_code == 200
    assert provider.asked["client_secret"] == "client-secret"
    assert provider.asked["code_verifier"]
    client.delete("/v1/session")
    assert client.get("/v1/captions").status_code == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"roles": []}, 403),
        ({"roles": ["other"]}, 403),
        ({"preferred_username": "service"}, 403),
        ({"aud": "another"}, 401),
        ({"iss": "http://127.0.0.1:1"}, 401),
        ({"nonce": "another"}, 401),
        ({"exp": 1}, 401),
    ],
)
def test_an_answer_that_is_not_for_this_service_is_refused(
    client: TestClient, provider: StandIn, claims: dict[str, Any], status: int
) -> None:
    provider.claims |= claims
    assert come_back(client, begin(client, provider)).status_code == status
    assert client.get("/v1/captions").status_code == 401


def test_an_answer_signed_by_another_key_is_refused(client: TestClient, provider: StandIn) -> None:
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "1"})
    assert come_back(client, begin(client, provider)).status_code == 401


def test_an_answer_to_another_browser_is_refused_and_each_counts_once(
    client: TestClient, provider: StandIn
) -> None:
    state = begin(client, provider)
    assert come_back(client, "another").status_code == 401
    assert come_back(client, state).status_code == 401  # the cookie's state is used up
    state = begin(client, provider)
    assert come_back(client, state).status_code == 303
    client.cookies.set("radscribe_sign_in", state)
    assert come_back(client, state).status_code == 401


def test_a_provider_without_tls_is_refused() -> None:
    with pytest.raises(UsageError, match="no https address"):
        Provider("http://login.example", "radscribe", "x", "https://xray.example")


def test_a_person_has_nothing_of_a_local_user_of_the_same_name(
    serve: Serve, provider: StandIn, tmp_path: Path
) -> None:
    users = Users(tmp_path / "users.json")
    users.add("chief", "administer", "correct horse 1")
    oidc = Provider(provider.issuer, "radscribe", "client-secret", HOST)
    client = serve(credentials=Credentials(named=users, oidc=True), oidc=oidc)
    for name in ("chief", "Chief"):
        provider.claims["preferred_username"] = name
        assert come_back(client, begin(client, provider)).status_code == 403
    provider.claims["preferred_username"] = "ann"
    assert come_back(client, begin(client, provider)).status_code == 303
    assert client.get("/v1/session").json()["role"] == "review"
    users.add("ann", "administer", "correct horse 1")  # another person of that name
    assert client.get("/v1/captions").status_code == 401


def test_a_local_user_who_is_removed_is_out_although_there_is_a_provider(
    serve: Serve, provider: StandIn, tmp_path: Path
) -> None:
    users = Users(tmp_path / "users.json")
    users.add("rev", "review", "correct horse 1")
    oidc = Provider(provider.issuer, "radscribe", "client-secret", HOST)
    client = serve(credentials=Credentials(named=users, oidc=True), oidc=oidc)
    client.post("/v1/session", headers=basic("rev", "correct horse 1"))
    assert client.get("/v1/captions").status_code == 200
    users.remove("rev")
    assert client.get("/v1/captions").status_code == 401


def test_forged_answers_are_slowed_down_and_leave_nothing_in_the_database(
    client: TestClient, provider: StandIn
) -> None:
    for n in range(10):
        client.cookies.set("radscribe_sign_in", f"{int(time.time())}.x{n}.forged")
        assert come_back(client, f"{n}").status_code == 401
    assert come_back(client, "11").status_code == 429
    with service_of(client).store.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(counters)) == 1  # the address

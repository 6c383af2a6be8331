"""Who may do what, from where, and what every answer says to a browser."""

from __future__ import annotations

import base64
import hmac
import re
import time
import warnings
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from radscribe.errors import UsageError
from radscribe.serving import credentials as module
from radscribe.serving.credentials import Credentials, read_secret, read_token
from radscribe.serving.settings import Settings
from tests.serving.conftest import HOST, Serve, picture, post, posted

TOKEN = "a-token-of-many-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_every_answer_tells_the_browser_to_keep_to_this_site(client: TestClient) -> None:
    record = posted(client)
    for path in ("/healthz", "/v1/captions", f"/v1/captions/{record['id']}/images/0", "/nothing", "/"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    assert client.get("/v1/captions").headers["cache-control"] == "no-store"


def test_without_a_password_only_this_machine_is_served(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.168.1.5", "::", "example.org"):
        with pytest.raises(UsageError, match="--token-file or --basic"):
            Settings(tmp_path, host=host)
        Settings(tmp_path, host=host, credentials=Credentials(TOKEN))
    for host in ("127.0.0.1", "localhost", "::1", "127.0.0.2"):
        Settings(tmp_path, host=host)
        with pytest.raises(UsageError, match=r"--allow-host xray.example: .* --token-file or --basic"):
            Settings(tmp_path, host=host, allowed_hosts=("xray.example",))


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "localhost.evil:8000"])
def test_another_name_for_this_machine_is_not_answered(client: TestClient, host: str) -> None:
    """DNS rebinding: a foreign page whose name resolves to 127.0.0.1."""
    response = client.get("/v1/captions", headers={"Host": host})
    assert response.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_this_machines_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/v1/captions", headers={"Host": host}).status_code == 200


def test_a_further_name_can_be_allowed(serve: Serve) -> None:
    client = serve(allowed_hosts=("xray.example",), credentials=Credentials(TOKEN))
    assert client.get("/healthz", headers={"Host": "xray.example"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "other.example"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_cannot_act_here(client: TestClient, headers: dict[str, str]) -> None:
    path = f"/v1/captions/{posted(client)['id']}"
    assert client.delete(path, headers=headers).status_code == 403
    assert client.post("/v1/examples/normal", headers=headers).status_code == 403
    assert client.get(path).json()["deleted"] is None


def test_its_own_page_can(client: TestClient) -> None:
    headers = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/examples/normal", headers=headers).status_code == 200


def test_a_token_opens_and_nothing_else_does(serve: Serve) -> None:
    client = serve(credentials=Credentials(TOKEN))
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    for path in ("/v1/captions", "/metrics", "/v1/model", "/openapi.json", "/v1/reviewed.jsonl"):
        response = client.get(path)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert client.get(path, headers=BEARER).status_code == 200
    for wrong in ("Bearer x", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer é"):
        assert client.get("/v1/captions", headers={b"Authorization": wrong.encode()}).status_code == 401
    assert post(client, ("a.png", picture())).status_code == 401


def test_a_page_signs_in_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve(credentials=Credentials(TOKEN))
    assert client.get("/v1/session").json() == {"signed_in": False, "token": True}
    assert client.post("/v1/session").status_code == 401
    response = client.post("/v1/session", headers=BEARER)
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/v1/session").json()["signed_in"]
    assert client.get("/v1/captions").status_code == 200
    later = time.time() + module.SESSION_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.get("/v1/captions").status_code == 401
    monkeypatch.undo()
    client.delete("/v1/session")
    assert client.get("/v1/captions").status_code == 401


def test_a_session_cannot_be_forged() -> None:
    real = Credentials(TOKEN)
    session = real.new_session()
    assert real.actor(None, session) == "token"
    assert Credentials(TOKEN).actor(None, session) == "token"  # after a restart
    ends, signature = session.split(".")
    for forged in (f"{int(ends) + 1}.{signature}", f"{ends}.", ends, "", "x.y", f"{ends}.é"):
        assert real.actor(None, forged) is None
    assert Credentials("another-token-of-many").actor(None, session) is None
    assert Credentials(users={"me": "secret"}).actor(None, session) is None


def test_users_have_passwords_and_stand_in_the_audit_trail(serve: Serve) -> None:
    client = serve(credentials=Credentials(users={"ann": "pässword: 1", "bob": "other"}))
    response = client.get("/")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Basic")
    for wrong in (basic("ann", "other"), basic("eve", ""), basic("", ""), {"Authorization": "Basic !"}):
        assert client.get("/v1/captions", headers=wrong).status_code == 401
    client.headers.update(basic("ann", "pässword: 1"))
    record = posted(client)
    audit = client.get(f"/v1/captions/{record['id']}/audit").json()["audit"]
    assert audit[0]["actor"] == "ann"


def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare)
    both = Credentials(TOKEN, {"ann": "secret"})
    for header in (
        "Bearer x",
        "Bearer " + "x" * 1000,
        basic("ann", "x")["Authorization"],
        basic("nobody", "x")["Authorization"],
    ):
        assert both.actor(header, None) is None
    assert compared == [(32, 32)] * 4


def test_secrets_come_from_files(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert read_token(file) == TOKEN
    file.write_text("short\n")
    with pytest.raises(UsageError, match="5 characters"):
        read_token(file)
    assert read_secret(file) == "short"
    file.write_text("two\nlines\n")
    with pytest.raises(UsageError, match="one line"):
        read_secret(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_secret(tmp_path / "nothing")


def test_what_a_library_says_of_a_file_reaches_no_log(serve: Serve, recwarn: pytest.WarningsRecorder) -> None:
    serve()
    warnings.warn("The value 'Doe^Jane' is not valid", UserWarning, stacklevel=1)
    assert not recwarn.list


def test_no_document_refers_to_another_site(client: TestClient) -> None:
    assert client.get("/docs").status_code == 404
    assert client.get("/redoc").status_code == 404
    assert not re.findall(r"https?://", client.get("/openapi.json").text)


def test_no_address_in_a_request_is_fetched(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def connect(self: socket.socket, address: object) -> None:
        raise AssertionError(f"connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    address = "http://example.org/a.png"
    record = post(client, (address, picture()), study=address).json()
    assert record["status"] == "done"
    assert post(client, ("a.png", address.encode())).json()["status"] == "failed"

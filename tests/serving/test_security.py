"""Who may do what, from where, and what every answer says to a browser."""

from __future__ import annotations

import base64
import hmac
import json
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from radscribe.errors import UsageError
from radscribe.serving import sessions as sessions_module
from radscribe.serving.counters import Attempts
from radscribe.serving.credentials import Credentials, Identity, Users, digest, read_secret, read_token
from radscribe.serving.security import COOKIE
from radscribe.serving.sessions import Sessions
from radscribe.serving.settings import Settings
from radscribe.serving.store.store import Store
from radscribe.serving.store.tables import audit
from tests.serving.conftest import HOST, Serve, picture, post, posted, service_of

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
    assert client.get("/v1/session").json() == {
        "signed_in": False,
        "user": None,
        "role": None,
        "token": True,
        "password": False,
        "oidc": False,
    }
    assert client.post("/v1/session").status_code == 401
    response = client.post("/v1/session", headers=BEARER)
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/v1/session").json()["signed_in"]
    assert client.get("/v1/captions").status_code == 200
    kept = client.cookies[COOKIE]
    assert client.post("/v1/session").status_code == 401  # a session does not renew itself
    client.delete("/v1/session")
    assert client.get("/v1/captions").status_code == 401
    client.cookies.set(COOKIE, kept)
    assert client.get("/v1/captions").status_code == 401  # whoever copied the cookie is signed out, too


def test_a_session_ends_though_it_is_used_and_outlives_a_restart(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(credentials=Credentials(TOKEN))
    client.post("/v1/session", headers=BEARER)
    key = client.cookies[COOKIE]
    service = service_of(client)
    assert Sessions(service.store, Credentials(TOKEN)).find(key) is not None
    assert Sessions(service.store, Credentials(users={"me": "secret"})).find(key) is None
    assert client.get("/v1/captions").status_code == 200
    monkeypatch.setattr(sessions_module, "now", lambda: "2999-01-01T00:00:00.000Z")
    assert client.get("/v1/captions").status_code == 401


def test_the_cookie_is_secure_behind_a_proxy_with_tls(serve: Serve) -> None:
    client = serve(credentials=Credentials(TOKEN), allowed_hosts=("xray.example",))
    headers = {**BEARER, "Host": "xray.example", "Origin": "https://xray.example"}
    assert "secure" in client.post("/v1/session", headers=headers).headers["set-cookie"].lower()
    assert "secure" not in client.post("/v1/session", headers=BEARER).headers["set-cookie"].lower()


def test_a_session_cannot_be_forged(serve: Serve) -> None:
    client = serve(credentials=Credentials(TOKEN))
    client.post("/v1/session", headers=BEARER)
    key = client.cookies[COOKIE]
    for forged in (key[:-1], key + "x", "", digest(key).hex()):
        assert service_of(client).sessions.find(forged) is None


def named(tmp_path: Path) -> Users:
    users = Users(tmp_path / "users.json")
    for name, role in (("rea", "read"), ("rev", "review"), ("del", "delete")):
        users.add(name, role, "correct horse 1")
    return users


def test_roles_bound_what_a_user_may_do(serve: Serve, tmp_path: Path) -> None:
    client = serve(credentials=Credentials(named=named(tmp_path)))
    reader, reviewer, deleter = (basic(name, "correct horse 1") for name in ("rea", "rev", "del"))
    assert client.post("/v1/examples/normal", headers=reader).status_code == 403
    record = client.post("/v1/examples/normal", headers=reviewer).json()
    path = f"/v1/captions/{record['id']}"
    review = {"text": "Clear.", "decision": "accept", "reviewer": "Dr A"}
    assert client.get(path, headers=reader).status_code == 200
    assert client.post(f"{path}/review", json=review, headers=reader).status_code == 403
    reviewed = client.post(f"{path}/review", json=review, headers=reviewer)
    assert (reviewed.status_code, reviewed.json()["reviews"][0]["actor"]) == (201, "rev")
    assert client.delete(path, headers=reviewer).status_code == 403
    assert client.delete(path, headers=deleter).status_code == 204


def test_a_user_signs_in_with_a_password_or_a_token_until_removed(serve: Serve, tmp_path: Path) -> None:
    users = named(tmp_path)
    token = users.add_token("rev", "router")
    client = serve(credentials=Credentials(named=users))
    assert client.get("/v1/captions", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    client.post("/v1/session", headers=basic("rev", "correct horse 1"))
    assert client.get("/v1/session").json()["user"] == "rev"
    assert client.get("/v1/captions").status_code == 200
    Users(users.path).remove("rev")  # as another process does
    assert client.get("/v1/captions").status_code == 401
    assert client.get("/v1/captions", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_removing_the_last_user_opens_nothing(serve: Serve, tmp_path: Path) -> None:
    users = Users(tmp_path / "users.json")
    users.add("ann", "review", "correct horse 1")
    client = serve(credentials=Credentials(named=users))
    Users(users.path).remove("ann")
    assert client.get("/v1/captions").status_code == 401
    users.path.unlink()
    assert client.get("/v1/captions").status_code == 401


def test_a_disabled_user_is_out_at_once_and_the_name_stays_taken(serve: Serve, tmp_path: Path) -> None:
    users = named(tmp_path)
    token = {"Authorization": f"Bearer {users.add_token('rev', 'router')}"}
    client = serve(credentials=Credentials(named=users))
    password = basic("rev", "correct horse 1")
    assert client.post("/v1/session", headers=password).status_code == 204
    users.disable("rev")
    assert [client.get("/v1/captions", headers=h).status_code for h in ({}, token, password)] == [401] * 3
    users.disable("rev", disabled=False)
    assert [client.get("/v1/captions", headers=h).status_code for h in ({}, token, password)] == [200] * 3


@pytest.mark.parametrize("name", ["REV", "\uff52ev"])
def test_names_that_look_the_same_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="looks like 'rev'"):
        named(tmp_path).add(name, "read", "correct horse 1")


def test_changes_of_users_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: Users(path).add(f"user-{n}", "read", None), range(12)))
    assert len(Users(path).all()) == 12


def test_a_user_has_so_many_sessions_at_most(serve: Serve) -> None:
    client = serve(credentials=Credentials(TOKEN))
    sessions, identity = service_of(client).sessions, Identity("token", "administer")
    keys = [sessions.open(identity) for _ in range(sessions_module.MOST + 2)]
    assert [sessions.find(key) is not None for key in keys] == [False] * 2 + [True] * sessions_module.MOST


def test_guesses_at_the_same_time_are_slowed_down_too(serve: Serve, tmp_path: Path) -> None:
    client = serve(credentials=Credentials(named=named(tmp_path)))

    def guess(n: int) -> int:
        return client.get("/v1/captions", headers=basic("rev", f"wrong guess {n}")).status_code

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(guess, range(32)))
    assert statuses.count(401) <= 12  # ten, and those that were being hashed


def test_users_are_kept_as_hashes_that_their_owner_alone_reads(tmp_path: Path) -> None:
    users = named(tmp_path)
    token = users.add_token("rev", "")
    kept = users.path.read_text()
    assert "correct horse" not in kept
    assert token not in kept
    assert users.path.stat().st_mode & 0o077 == 0
    one, other = (json.loads(kept)["users"][name]["password"] for name in ("rea", "rev"))
    assert one != other  # salted


def test_guessing_is_slowed_down(serve: Serve, tmp_path: Path) -> None:
    client = serve(credentials=Credentials(TOKEN))
    statuses = [client.get("/v1/captions", headers=basic("a", str(n))).status_code for n in range(14)]
    assert statuses[:10] == [401] * 10
    assert 429 in statuses[10:]
    blocked = client.get("/v1/captions", headers=BEARER)
    assert (blocked.status_code, int(blocked.headers["retry-after"]) >= 1) == (429, True)


def test_waits_double_and_end_with_a_success(tmp_path: Path, database: str | None) -> None:
    store = Store(tmp_path, database)
    attempts = Attempts(store, free=3, longest=60)
    for _ in range(3):
        attempts.failed("a")
    first = attempts.wait("a")
    attempts.failed("a")
    assert 0 < first < attempts.wait("a") <= 60
    assert attempts.wait("b") == 0
    assert Attempts(store).wait("a") > 0  # another replica, and after a restart
    attempts.succeeded("a")
    assert attempts.wait("a") == Attempts(store).wait("a") == 0
    store.close()


def test_a_client_may_send_so_many_studies_a_minute(serve: Serve) -> None:
    client = serve(client_rate=2)
    statuses = [post(client, ("a.png", picture()), wait=False).status_code for _ in range(3)]
    assert statuses == [202, 202, 429]
    assert service_of(client).counters.count("upload another", 60)[0] == 1


@pytest.mark.parametrize("password", ["x", "password12", "aaaaaaaaaaaa", "rev-rev", "radscribe1"])
def test_weak_passwords_are_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(UsageError, match="the password"):
        Users(tmp_path / "users.json").add("rev", "read", password)


@pytest.mark.parametrize("name", ["service", "local", "Token", "nobody", "", "a:b", " a"])
def test_reserved_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="user name"):
        Users(tmp_path / "users.json").add(name, "read", "correct horse 1")


def test_lists_and_exports_are_audited_when_asked(serve: Serve) -> None:
    client = serve(audit_reads=True)
    path = f"/v1/captions/{posted(client)['id']}"
    for asked in ("/v1/captions", "/v1/captions?query=doe", "/v1/reviewed.jsonl", f"{path}/audit"):
        assert client.get(asked).status_code == 200
    store = service_of(client).store
    with store.engine.connect() as connection:
        rows = connection.execute(select(audit.c.details).where(audit.c.action == "read")).scalars()
        seen = [json.loads(row)["what"] for row in rows]
    assert seen == ["list", "search", "reviewed texts", "audit trail"]  # and not what was searched for


def test_reads_are_audited_when_asked(serve: Serve) -> None:
    client = serve(audit_reads=True)
    path = f"/v1/captions/{posted(client)['id']}"
    client.get(path)
    client.get(f"{path}/images/0")
    rows = client.get(f"{path}/audit").json()["audit"]
    assert [row["details"]["what"] for row in rows if row["action"] == "read"] == ["caption", "image 0"]


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
        assert both.check(header) is None
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

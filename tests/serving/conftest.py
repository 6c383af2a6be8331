"""A service with a quick engine, and throw-away databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from benchmarks.serving.postgres import Postgres, programs
from radscribe.inference.caption import DISCLAIMER, Caption, Token
from radscribe.serving.app import create_app
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.service import Service
from radscribe.serving.settings import Settings

HOST = "http://127.0.0.1:8000"
URLS = Callable[[], str | None]


class QuickEngine:
    """Says of each study what its first image's mean is; can be held up, and be made to fail.

    `opened` lets it go on; files with a name in `poison` make it raise.
    """

    bundle = "quick@000000000000"

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.opened.set()
        self.poison: set[str] = set()
        self.streams: list[tuple[dict[str, Any], list[str]]] = []

    def stream(self, sources: Iterable[list[Path]], **options: Any) -> Iterator[Caption]:
        seen: list[str] = []
        self.streams.append((options, seen))
        for paths in sources:
            self.opened.wait(10)
            seen.append(paths[0].name)
            if paths[0].name in self.poison:
                raise RuntimeError("poison")
            yield self._caption(paths)

    def _caption(self, paths: list[Path]) -> Caption:
        files = tuple(map(str, paths))
        with Image.open(paths[0]) as image:
            mean = int(np.asarray(image).mean())
        if mean < 10:
            return Caption("x", files, self.bundle, refused=f"{files[0]}: too dark", failed=True)
        return Caption(
            "x",
            files,
            self.bundle,
            text=f"The mean is {mean}.",
            tokens=(Token("mean", -0.5),),
            log_probability=-1.0,
            findings={"Effusion": 0.25},
            used=files[:1],
            warnings=(DISCLAIMER, *(f"left out: {file}: a second one" for file in files[1:])),
            left_out={file: f"{file} is a second one" for file in files[1:]},
        )


def picture(level: int = 100, size: int = 64) -> bytes:
    """A PNG file whose mean is `level`."""
    levels = np.full((size, size), level, np.uint8)
    levels[0, :2] = level - 1, level + 1
    buffer = BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def engine() -> QuickEngine:
    return QuickEngine()


Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Child processes that all services of the tests share: each takes a second to start."""
    made = Sandbox(2)
    yield made
    made.close()


@pytest.fixture
def serve(tmp_path: Path, engine: QuickEngine, sandbox: Sandbox) -> Iterator[Serve]:
    """Starts services, each on the folder `store` unless told otherwise; they are stopped at the end."""
    running: list[TestClient] = []

    def start(base_url: str = HOST, **settings: Any) -> TestClient:
        settings.setdefault("store", tmp_path / "store")
        app = create_app(Settings(**settings), load=lambda: engine, sandbox=sandbox)
        client = TestClient(app, base_url=base_url, raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return client

    yield start
    engine.opened.set()
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    """A client of a service with default settings."""
    return serve()


def service_of(client: TestClient) -> Service:
    """What stands behind a client."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    return service


def post(client: TestClient, *files: tuple[str, bytes], **fields: Any) -> Any:
    """Post a study; returns the response."""
    parts = [("files", (name, data, "application/octet-stream")) for name, data in files]
    return client.post("/v1/captions", files=parts, data={k: str(v) for k, v in fields.items()})


def posted(client: TestClient, level: int = 100, **fields: Any) -> dict[str, Any]:
    """Post a study of one picture; returns its record."""
    response = post(client, ("a.png", picture(level)), **fields)
    assert response.status_code in (200, 202), response.text
    record: dict[str, Any] = response.json()
    return record


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of its own; the test skips where none is installed."""
    if programs() is None:
        pytest.skip("needs PostgreSQL's server (.ci/packages), which is not installed")
    server = Postgres()
    yield server.url
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database, of both kinds one after the other; None is SQLite in the store."""
    if request.param == "sqlite":
        return None
    server: str = request.getfixturevalue("empty_postgresql")
    return server


@pytest.fixture
def empty_postgresql(postgresql: str) -> str:
    """The URL of an empty PostgreSQL database."""
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgresql

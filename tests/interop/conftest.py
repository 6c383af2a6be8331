"""Services that receive studies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from radscribe.interop.node import NodeSettings
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.service import Service
from radscribe.serving.settings import Settings
from tests.interop.receiving import CountingEngine

Receive = Callable[..., Service]


@pytest.fixture(scope="session")
def cleaner() -> Iterator[Sandbox]:
    """The child process that all services of these tests share."""
    made = Sandbox(1)
    yield made
    made.close()


@pytest.fixture
def receive(tmp_path: Path, cleaner: Sandbox) -> Iterator[Receive]:
    """Starts services on the folder `store`, with a node on a free port."""
    running: list[Service] = []

    def start(**settings: Any) -> Service:
        given: dict[str, Any] = {
            "store": tmp_path / "store",
            "node": NodeSettings(port=0),
            "quiet_seconds": 0.3,
            "free_bytes": 0,
        }
        service = Service(Settings(**{**given, **settings}), lambda: CountingEngine(), cleaner)
        running.append(service)
        return service

    yield start
    for service in running:
        if not service.draining:  # the test has not stopped it
            service.close()

"""What the framework raises by itself, as problem details."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, HTTPException
from starlette.testclient import TestClient

from radscribe.serving import problems


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422])
def test_a_status_of_the_framework_stays_itself(status: int) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def fail() -> None:
        raise HTTPException(status)

    response = TestClient(app).get("/")
    body = response.json()
    assert response.headers["content-type"] == problems.MEDIA_TYPE
    assert (response.status_code, body["status"]) == (status, status)
    assert body["type"].rsplit(":", 1)[1] in problems.KINDS

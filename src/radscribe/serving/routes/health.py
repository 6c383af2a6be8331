"""What watches the service: liveness, readiness, metrics."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Connection, literal, select
from starlette.responses import PlainTextResponse, Response

from radscribe.serving.problems import Problem
from radscribe.serving.routes.common import Serving, problems

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Is it alive?", response_class=PlainTextResponse)
def health() -> Response:
    """200 while the process answers."""
    return PlainTextResponse("ok\n")


@router.get(
    "/readyz",
    summary="Does it take studies?",
    response_class=PlainTextResponse,
    responses=problems("not-ready"),
)
def ready(service: Serving) -> Response:
    """503 while it stops, and where the engine or the database does not answer."""
    if not service.ready:
        raise Problem("not-ready", "The service is stopping, or its engine has died: start it again.")
    if service.stuck:
        raise Problem(
            "not-ready", "The engine has given no caption for long and seems to hang: start it again."
        )
    service.store.read(_ping)
    return PlainTextResponse("ready\n")


def _ping(connection: Connection) -> None:
    connection.execute(select(literal(1)))


@router.get(
    "/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse, responses=problems()
)
def metrics(service: Serving) -> Response:
    """Requests, studies, the queue, the process."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

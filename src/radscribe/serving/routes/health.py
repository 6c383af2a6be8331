"""Endpoints for monitoring: liveness, readiness, metrics."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import Connection, literal, select
from starlette.responses import PlainTextResponse, Response

from radscribe.serving.problems import Problem
from radscribe.serving.routes.common import Reader, Serving, problems

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Liveness", response_class=PlainTextResponse)
def health() -> Response:
    """Returns 200 while the process answers."""
    return PlainTextResponse("ok\n")


@router.get(
    "/readyz",
    summary="Readiness",
    response_class=PlainTextResponse,
    responses=problems("not-ready"),
)
def ready(service: Serving) -> Response:
    """Returns 503 while the service stops, and when the engine or the database does not answer."""
    if not service.ready:
        raise Problem("not-ready", "The service is stopping, or its engine has died. Start it again.")
    if service.stuck:
        raise Problem(
            "not-ready",
            "The engine has written no caption for long and seems to hang. Start it again.",
        )
    service.store.read(_ping)
    return PlainTextResponse("ready\n")


def _ping(connection: Connection) -> None:
    connection.execute(select(literal(1)))


@router.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse, responses=problems())
def metrics(service: Serving, reader: Reader) -> Response:
    """Returns counters of requests and studies, the queue and the process."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

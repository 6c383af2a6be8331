"""Where results were sent: of one study, and of all studies by destination."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection

from radscribe.serving.problems import Problem
from radscribe.serving.routes import schemas
from radscribe.serving.routes.common import Actor, Json, Reader, Serving, StudyId, find_present, problems
from radscribe.serving.store import outbox, writes

router = APIRouter(prefix="/v1", tags=["results"])


@router.get(
    "/captions/{study_id}/results",
    summary="Where the results of a study were sent",
    responses={200: {"model": schemas.Results}, **problems("not-found", "gone", "invalid")},
)
async def get(study_id: StudyId, service: Serving, reader: Reader) -> Json:
    """Returns one entry per object and destination. Without a destination, or for a study that did not come
    in by DICOM, there is none."""
    results = (await find_present(service, study_id)).results
    await service.audit_read(study_id, reader, "results")
    return Json({"results": results})


@router.post(
    "/captions/{study_id}/results/retry",
    summary="Send the results of a study now that have not arrived",
    responses={
        200: {"model": schemas.Results},
        **problems("not-found", "gone", "invalid", "cross-origin"),
    },
)
async def retry(study_id: StudyId, service: Serving, actor: Actor) -> Json:
    """Retries at once, also results that were given up. Results that arrived are not sent again."""
    await find_present(service, study_id)
    await asyncio.wrap_future(service.store.write(_retry, actor, study_id=study_id))
    return Json({"results": (await find_present(service, study_id)).results})


@router.get(
    "/results",
    summary="Destinations, and what has not arrived there",
    responses={200: {"model": schemas.Destinations}, **problems()},
)
async def destinations(service: Serving, reader: Reader) -> Json:
    """Returns one entry per destination. It names no study."""
    if service.outbox is None:
        return Json({"destinations": []})
    return Json({"destinations": await run_in_threadpool(service.outbox.overview)})


@router.post(
    "/results/retry",
    summary="Send now what has not arrived at a destination",
    responses={200: {"model": schemas.Destinations}, **problems("not-found", "invalid", "cross-origin")},
)
async def retry_destination(service: Serving, actor: Actor, destination: str) -> Json:
    """Retries at once, for all studies, also results that were given up: after a destination was repaired."""
    if destination not in [to.name for to in service.settings.destinations]:
        raise Problem("not-found", "There is no such destination; GET /v1/results lists them.")
    await asyncio.wrap_future(service.store.write(_retry, actor, destination=destination))
    return await destinations(service, actor)


def _retry(
    connection: Connection, actor: str, study_id: str | None = None, destination: str | None = None
) -> None:
    outbox.retry_now(connection, study_id=study_id, destination=destination)
    details = {} if destination is None else {"destination": destination}
    writes.record(connection, study_id or "", actor, "results retried", **details)

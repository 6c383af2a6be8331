"""`/v1/captions/{id}/results`: where the results of a study were sent."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from radscribe.serving.routes import schemas
from radscribe.serving.routes.common import Actor, Json, Reader, Serving, StudyId, find_present, problems
from radscribe.serving.store import outbox

router = APIRouter(prefix="/v1/captions/{study_id}/results", tags=["results"])


@router.get(
    "",
    summary="Where the results of a study were sent",
    responses={200: {"model": schemas.Results}, **problems("not-found", "gone", "invalid")},
)
async def get(study_id: StudyId, service: Serving, reader: Reader) -> Json:
    """Returns one entry per object and destination. Without a destination, or for a study that did not come
    in by DICOM, there is none."""
    return Json({"results": (await find_present(service, study_id)).results})


@router.post(
    "/retry",
    summary="Send the waiting results of a study now",
    responses={
        200: {"model": schemas.Results},
        **problems("not-found", "gone", "invalid", "cross-origin"),
    },
)
async def retry(study_id: StudyId, service: Serving, actor: Actor) -> Json:
    """Retries at once. Results that arrived are not sent again."""
    await find_present(service, study_id)
    await asyncio.wrap_future(service.store.write(outbox.retry_now, study_id))
    return Json({"results": (await find_present(service, study_id)).results})

"""`/v1/captions/{id}/review`, and the manifest of accepted reviews."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from radscribe.serving import export
from radscribe.serving.routes import schemas
from radscribe.serving.routes.common import Actor, Json, Reader, Serving, StudyId, find, problems
from radscribe.serving.store import writes

router = APIRouter(prefix="/v1", tags=["reviews"])


@router.post(
    "/captions/{study_id}/review",
    status_code=201,
    summary="Review a draft",
    responses={
        201: {"model": schemas.Caption},
        **problems("malformed", "not-found", "gone", "conflict", "too-large", "invalid", "cross-origin"),
    },
)
async def review(study_id: StudyId, body: schemas.Review, service: Serving, actor: Actor) -> Response:
    """Stores the edited text as accepted or rejected. Draft and earlier reviews stay; the last one counts.

    Returns 409 if somebody else has reviewed the study since `version`."""
    await asyncio.wrap_future(
        service.store.write(
            writes.add_review,
            study_id,
            body.version,
            body.reviewer,
            body.decision,
            body.text,
            body.comment,
            actor,
            service.shippings,
        )
    )
    return Json((await find(service, study_id)).to_dict(), 201)


@router.get(
    "/reviewed.jsonl",
    summary="Accepted reviews as a manifest",
    responses={200: {"content": {"application/jsonl": {}}}, **problems()},
    response_class=StreamingResponse,
)
async def reviewed(service: Serving, reader: Reader) -> Response:
    """Returns studies whose last review accepts a text, without images that the draft did not use. Paths are
    relative to the store; `radscribe export-reviews` writes a folder with the images."""
    await service.audit_read("", reader, "reviewed texts")
    return StreamingResponse(export.lines(service.store), media_type="application/jsonl")

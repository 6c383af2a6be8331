"""`/v1/captions`: upload, read, list, search, caption again and delete studies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from radscribe.inference.options import DEFAULTS
from radscribe.serving.intake import Accepted
from radscribe.serving.options import (
    FIELDS,
    INDICATION_LENGTH,
    CaptionRequest,
    flag,
    one_line,
    parse,
    with_context_of,
)
from radscribe.serving.problems import Problem, storage_full
from radscribe.serving.routes import schemas
from radscribe.serving.routes.common import (
    Actor,
    Client,
    Deleter,
    Json,
    Reader,
    Serving,
    StudyId,
    find,
    find_present,
    problems,
)
from radscribe.serving.routes.images import DECODING
from radscribe.serving.service import Service
from radscribe.serving.settings import MAX_BEAM
from radscribe.serving.store import reads
from radscribe.serving.store.records import PATTERN
from radscribe.serving.upload import UploadedFile, read_form

router = APIRouter(prefix="/v1/captions", tags=["captions"])
OPTIONS_SCHEMA: dict[str, Any] = {
    "beam": {"type": "integer", "minimum": 1, "maximum": MAX_BEAM, "default": DEFAULTS.beam},
    "n_best": {"type": "integer", "minimum": 1, "maximum": MAX_BEAM, "default": DEFAULTS.n_best},
    "evidence": {
        "type": "boolean",
        "default": DEFAULTS.evidence,
        "description": "add maps of words and findings",
    },
    "min_confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "force": {
        "type": "boolean",
        "default": DEFAULTS.force,
        "description": "caption what the chest check refuses, under a warning",
    },
    "exact": {
        "type": "boolean",
        "default": DEFAULTS.exact,
        "description": "decode JPEG and JPEG 2000 at full resolution",
    },
    "study": {"type": "string", "description": "your name for it"},
    "wait": {
        "type": "boolean",
        "default": True,
        "description": "false answers 202 on acceptance",
    },
}
FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "files": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary"},
            "description": "DICOM, PNG, JPEG, BMP, TIFF or WebP files of one study",
        },
        **OPTIONS_SCHEMA,
        "indication": {
            "type": "string",
            "maxLength": INDICATION_LENGTH,
            "description": "why the study was asked for, if the model reads it",
        },
        "prior": {
            "type": "string",
            "description": "id of a stored study of the same patient to compare with, if the model reads it",
        },
    },
}
TAKING: dict[int | str, dict[str, Any]] = {
    200: {
        "model": schemas.Caption,
        "description": "The study is captioned, refused or unreadable; see `status`.",
        **schemas.example(schemas.EXAMPLE),
    },
    202: {
        "model": schemas.Caption,
        "description": "Accepted; poll the address in `Location`.",
        "headers": {"Location": {"schema": {"type": "string"}}},
    },
}


@router.post(
    "",
    summary="Caption a study",
    responses={
        **TAKING,
        **problems(
            *("malformed", "cross-origin", "upload-timeout", "too-large", "unsupported-media-type"),
            *("not-found", "gone"),  # of `prior`
            *("invalid", "queue-full", "storage-full"),
        ),
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM_SCHEMA}}}
    },
)
async def post(request: Request, service: Serving, actor: Actor, client: Client) -> Response:
    """Captions the files as one study. Files of different patients are answered 422. A study that is refused
    or cannot be read is stored with the reason, and answered with status 200."""
    await check_open(service, client)
    service.queue.reserve(client)
    handed_over = False
    try:
        form = await read_form(request, service.settings.limits)
        try:
            requested = parse(form.fields, form=True)
            if not form.files:
                raise Problem("invalid", "There is no file; send one or more as `files`.")
            if requested.options.prior:
                await find_present(service, requested.options.prior)
            handed_over = True
            accepted = await accept(service, form.files, requested, actor, client)
        finally:
            form.close()
    finally:
        if not handed_over:
            service.queue.release(client)
    return await answer(service, accepted, requested)


async def check_open(service: Service, client: str) -> None:
    """Raises `Problem`: 503 while the service stops, 507 while its disk is nearly full, 429 for a client that
    sends too many studies."""
    if not service.ready:
        raise Problem(
            "not-ready", "The service is stopping; try again in a moment.", headers={"Retry-After": "5"}
        )
    if not service.has_room:
        raise storage_full()
    if service.settings.client_rate is not None:
        await run_in_threadpool(service.count_upload, client)


async def accept(
    service: Service, files: list[UploadedFile], requested: CaptionRequest, actor: str, client: str
) -> Accepted:
    """Accept a study even if the client hangs up meanwhile. On failure its place in the queue is released."""
    task = asyncio.ensure_future(service.intake.accept(files, requested, actor, client))
    task.add_done_callback(partial(_release_on_failure, service, client))
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait([task])  # it reads files that the caller closes


def _release_on_failure(service: Service, client: str, task: asyncio.Future[Accepted]) -> None:
    if task.cancelled() or task.exception():
        service.queue.release(client)


async def answer(service: Service, accepted: Accepted, requested: CaptionRequest) -> Response:
    """The caption if it is done in time, otherwise the address to poll."""
    study, done = accepted.study, asyncio.wrap_future(accepted.job.done)
    location = {"Location": f"/v1/captions/{study.id}"}
    if requested.wait or done.done():
        try:
            finished = await asyncio.wait_for(asyncio.shield(done), service.settings.limits.wait_seconds)
        except TimeoutError:
            done.add_done_callback(lambda future: future.exception())  # nobody waits for it any more
        else:
            draft = finished.draft
            if finished.at is None or draft is None:  # it was deleted, or another replica wrote its draft
                found = await find(service, study.id, evidence=True)
                return Json(found.to_dict(evidence=True), headers=location)
            study = replace(
                study,
                status=draft.status,
                finished=finished.at,
                document=draft.document,
                evidence=draft.evidence,
            )
            return Json(study.to_dict(evidence=True), headers=location)
    return Json(study.to_dict(), 202, headers=location)


@router.post(
    "/{study_id}/recaption",
    summary="Caption a stored study again",
    responses={
        **TAKING,
        **problems("not-found", "gone", "conflict", "invalid", "queue-full", "storage-full", "cross-origin"),
    },
    openapi_extra={
        "parameters": [
            {"in": "query", "name": name, "required": False, "schema": schema}
            for name, schema in {**OPTIONS_SCHEMA, "invert": {"type": "boolean", "default": False}}.items()
        ]
    },
)
async def recaption(
    study_id: StudyId, request: Request, service: Serving, actor: Actor, client: Client
) -> Response:
    """Makes a new study of the same images, with other options; the first one stays as it is.
    `force=true` captions what was refused, `invert=true` turns black into white first. The new draft of a
    study that came by DICOM supersedes the first one, and its results go to the same patient and study."""
    fields = dict(request.query_params)
    invert = flag(fields.pop("invert", ""), "invert")
    study = await find_present(service, study_id)
    requested = with_context_of(parse({"study": study.study, **fields}), study.options)
    if not any(row.file for row in study.images):
        raise Problem("conflict", "The study has no image that could be captioned.")
    identify = await run_in_threadpool(service.arrivals.identity_again, study)
    if identify is not None and service.outbox is not None:  # results need the maps, to draw them
        options = msgspec.structs.replace(requested.options, evidence=True)
        requested = msgspec.structs.replace(requested, options=options)
    await check_open(service, client)
    service.queue.reserve(client)
    again = partial(
        service.intake.recaption, study, requested, actor, client, invert=invert, identify=identify
    )
    # Inverting decodes the images whole; see `DECODING`.
    task = asyncio.ensure_future(to_thread.run_sync(again, limiter=DECODING if invert else None))
    task.add_done_callback(partial(_release_on_failure, service, client))
    return await answer(service, await asyncio.shield(task), requested)


@router.get(
    "",
    summary="List and search",
    responses={
        200: {
            "model": schemas.CaptionPage,
            **schemas.example({"captions": [schemas.EXAMPLE], "next": None}),
        },
        **problems("invalid"),
    },
)
async def list_captions(
    service: Serving,
    reader: Reader,
    query: Annotated[str, Query(max_length=200, description="words that must all occur")] = "",
    status: Annotated[schemas.Status | None, Query()] = None,
    before: Annotated[str | None, Query(pattern=PATTERN, description="`next` of the previous page")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    accession: Annotated[str | None, Query(max_length=64, description="an accession number")] = None,
) -> Response:
    """Lists the newest first. The search covers names of studies and files, drafts and reviews, ignoring case
    (with SQLite for A to Z only), and whole accession numbers of studies that came in by DICOM."""
    query = one_line(query)
    ask = partial(
        reads.page,
        query=query,
        status=status,
        before=before,
        limit=limit + 1,
        accession_keys={word: service.arrivals.accession_key(word) for word in query.split()},
        accession_key=None if accession is None else service.arrivals.accession_key(accession),
    )
    found = await run_in_threadpool(service.store.read, ask)
    await service.audit_read("", reader, "search" if query or accession else "list")
    more = len(found) > limit
    found = found[:limit]
    return Json({"captions": [study.to_dict() for study in found], "next": found[-1].id if more else None})


@router.get(
    "/{study_id}",
    summary="One study",
    responses={
        200: {"model": schemas.Caption, **schemas.example(schemas.EXAMPLE)},
        **problems("not-found", "invalid"),
    },
)
async def get(study_id: StudyId, service: Serving, reader: Reader, evidence: bool = False) -> Response:
    """Returns one study. `evidence=true` adds the maps if the study was posted with them. A deleted study
    returns only its id, status and times."""
    study = await find(service, study_id, evidence=evidence)
    await service.audit_read(study_id, reader, "caption")
    return Json(study.to_dict(evidence=evidence))


@router.delete(
    "/{study_id}",
    status_code=204,
    summary="Delete a study",
    responses=problems("not-found", "gone", "invalid", "cross-origin"),
)
async def delete(study_id: StudyId, service: Serving, actor: Deleter) -> Response:
    """Deletes the images (unless another study has the same) and removes the study from lists, search and
    export. No request returns its names and texts; the database erases them after the retention time."""
    await find_present(service, study_id)
    await run_in_threadpool(service.store.delete, study_id, actor)
    return Response(status_code=204)


@router.get(
    "/{study_id}/audit",
    summary="Audit trail of a study",
    responses={
        200: {"model": schemas.Audit, **schemas.example(schemas.EXAMPLE_AUDIT)},
        **problems("not-found", "invalid"),
    },
)
async def audit(study_id: StudyId, service: Serving, reader: Reader) -> Response:
    """Returns every change from the first on, even after the study is deleted and erased."""
    rows = await run_in_threadpool(service.store.read, reads.audit_of, study_id)
    if not rows:
        raise Problem("not-found", "There is no audit trail for this id.")
    await service.audit_read(study_id, reader, "audit trail")
    return Json({"audit": rows})


assert set(OPTIONS_SCHEMA) == set(FIELDS)

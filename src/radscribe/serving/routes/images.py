"""Images of a study, for display."""

from __future__ import annotations

from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from radscribe.errors import ImageError
from radscribe.serving import display
from radscribe.serving.problems import Problem
from radscribe.serving.routes.common import Reader, Serving, StudyId, find_present, problems
from radscribe.serving.service import Service

router = APIRouter(prefix="/v1/captions/{study_id}/images", tags=["images"])
Number = Annotated[int, Path(ge=0, le=1000)]
# The bytes behind an address never change, but may be deleted: ask each time, send them once.
CACHE = {"Cache-Control": "private, no-cache"}
PROBLEMS = problems("not-found", "gone", "invalid")
DECODING = CapacityLimiter(2)  # at once: an image may have 67 megapixels, 270 MB until it is made smaller


@router.get(
    "/{n}",
    summary="An image as PNG",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, 304: {"description": "Not changed"}, **PROBLEMS},
)
async def png(study_id: StudyId, n: Number, service: Serving, reader: Reader, request: Request) -> Response:
    """Returns an upright grey PNG of 8 bits; bright is dense. The longer side has at most 2,048 pixels."""
    file = await _file(service, study_id, n, reader)
    headers = {"ETag": f'"{file}"', **CACHE}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    pixels = await _pixels(service, file)
    return Response(await run_in_threadpool(display.as_png, pixels), headers=headers, media_type="image/png")


@router.get(
    "/{n}/pixels",
    summary="An image as raw levels",
    response_class=Response,
    responses={
        200: {
            "content": {"application/octet-stream": {}},
            "headers": {
                "X-Width": {"schema": {"type": "integer"}},
                "X-Height": {"schema": {"type": "integer"}},
            },
        },
        **PROBLEMS,
    },
)
async def pixels(study_id: StudyId, n: Number, service: Serving, reader: Reader) -> Response:
    """Returns unsigned 16-bit levels, little endian: `X-Height` rows of `X-Width`."""
    found = await _pixels(service, await _file(service, study_id, n, reader))
    height, width = found.shape
    return Response(
        await run_in_threadpool(display.as_levels, found),
        headers={"X-Width": str(width), "X-Height": str(height), **CACHE},
        media_type="application/octet-stream",
    )


async def _file(service: Service, study_id: str, n: int, reader: str) -> str:
    study = await find_present(service, study_id)
    file = next((row.file for row in study.images if row.n == n), None)
    if file is None:
        raise Problem("not-found", "The study has no such image. Its `images` lists those without an error.")
    await service.audit_read(study_id, reader, f"image {n}")
    return str(file)


async def _pixels(service: Service, file: str) -> display.Floats:
    try:
        return await to_thread.run_sync(
            lambda: display.load(service.store.images.path(file)), limiter=DECODING
        )
    except ImageError as error:
        raise Problem("not-found", f"The image cannot be shown: {error.problem}.") from error

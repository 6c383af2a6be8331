"""`/v1/examples`: drawn chests to try the service with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from radscribe.serving.examples import EXAMPLES, Example, png, uploaded
from radscribe.serving.options import parse
from radscribe.serving.problems import Problem
from radscribe.serving.routes import schemas
from radscribe.serving.routes.captions import OPTIONS_SCHEMA, TAKING, accept, answer, check_open
from radscribe.serving.routes.common import Actor, Json, Serving, problems

router = APIRouter(prefix="/v1/examples", tags=["examples"])
Name = Annotated[str, Path(max_length=40, examples=[EXAMPLES[0].id])]
QUERY: list[dict[str, Any]] = [
    {"in": "query", "name": name, "required": False, "schema": schema}
    for name, schema in OPTIONS_SCHEMA.items()
    if name != "study"
]


@router.get("", summary="What there is to try", responses={200: {"model": schemas.Examples}, **problems()})
def list_examples() -> Response:
    """Drawings of no patient, with known findings."""
    return Json({"examples": [example.to_dict() for example in EXAMPLES]})


@router.post(
    "/{name}",
    summary="Caption an example",
    responses={**TAKING, **problems("not-found", "invalid", "queue-full", "storage-full", "cross-origin")},
    openapi_extra={"parameters": QUERY},
)
async def post(name: Name, request: Request, service: Serving, actor: Actor) -> Response:
    """As if its images had been uploaded; options stand in the query."""
    example = _find(name)
    asked = parse({"study": f"Example: {example.title}", **request.query_params})
    check_open(service)
    service.queue.reserve()
    try:
        files = await run_in_threadpool(uploaded, example)
    except BaseException:
        service.queue.release()
        raise
    return await answer(service, await accept(service, files, asked, actor), asked)


@router.get(
    "/{name}/images/{n}",
    summary="An example's image",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, **problems("not-found", "invalid")},
)
def image(name: Name, n: Annotated[int, Path(ge=0, le=8)]) -> Response:
    """As PNG, grey, 8 bits."""
    example = _find(name)
    if n >= len(example.views):
        raise Problem("not-found", "The example has fewer images.")
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(png(example, n), headers=headers, media_type="image/png")


def _find(name: str) -> Example:
    example = next((example for example in EXAMPLES if example.id == name), None)
    if example is None:
        raise Problem("not-found", "There is no such example; GET /v1/examples lists them.")
    return example

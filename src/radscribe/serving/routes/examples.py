"""`/v1/examples`: real films and drawn chests to try the service with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from radscribe import phantom
from radscribe.imaging.reader import read
from radscribe.serving.display import as_png
from radscribe.serving.options import parse
from radscribe.serving.problems import Problem
from radscribe.serving.routes import schemas
from radscribe.serving.routes.captions import OPTIONS_SCHEMA, TAKING, accept, answer, check_open
from radscribe.serving.routes.common import Actor, Client, Json, Reader, Serving, problems
from radscribe.serving.upload import UploadedFile

FILMS = FilePath(__file__).parents[1] / "films"


@dataclass(frozen=True, slots=True)
class Example:
    """A film of NIH ChestX-ray14 with NIH's label, or a drawn chest: a seed and its findings."""

    id: str
    title: str
    seed: int = 0
    findings: tuple[phantom.FindingSpec, ...] = ()
    views: tuple[phantom.PhantomView, ...] = ("PA",)
    film: str = ""
    label: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The object of the API."""
        return {
            "id": self.id,
            "title": self.title,
            "views": list(self.views),
            "findings": [finding.name for finding in self.findings],
            "label": self.label or None,
            "source": "NIH ChestX-ray14, NIH Clinical Center (Wang et al., CVPR 2017)" if self.film else None,
            "images": [f"/v1/examples/{self.id}/images/{n}" for n in range(len(self.views))],
        }

    @property
    def study(self) -> str:
        """The study's name, so that NIH's label stands beside the draft."""
        return f"NIH film {self.film}, NIH label: {self.label}" if self.film else f"Example: {self.title}"


EXAMPLES = (
    Example("film-normal", "Film: no finding", film="00003437_000", label="No Finding"),
    Example("film-effusion", "Film: effusion", film="00012628_000", label="Effusion"),
    Example("film-heart", "Film: large heart, effusion", film="00015520_000", label="Cardiomegaly, Effusion"),
    Example("film-emphysema", "Film: emphysema", film="00012710_000", label="Emphysema"),
    Example("film-nodule", "Film: nodule", film="00013231_000", label="Nodule"),
    Example("normal", "No finding", 11),
    Example("cardiomegaly", "A large heart", 4, (phantom.FindingSpec("Cardiomegaly", strength=0.9),)),
    Example("effusion", "Fluid on the left", 5, (phantom.FindingSpec("Effusion", "left", 0.8),)),
    Example(
        "pneumothorax", "A collapsed right lung", 6, (phantom.FindingSpec("Pneumothorax", "right", 0.9),)
    ),
    Example(
        "two-views",
        "A mass, from the front and from the side",
        7,
        (phantom.FindingSpec("Mass", "right", 0.7, "middle"),),
        ("PA", "lateral"),
    ),
)


def uploaded(example: Example) -> list[UploadedFile]:
    """The example's views as if they had been uploaded."""
    if example.film:
        data = _file(example).read_bytes()
        return [UploadedFile(_file(example).name, BytesIO(data), len(data))]
    drawn = [png(example, n) for n in range(len(example.views))]
    return [
        UploadedFile(f"{example.id}-{view.lower()}.png", BytesIO(data), len(data))
        for view, data in zip(example.views, drawn, strict=True)
    ]


@lru_cache(maxsize=16)
def png(example: Example, n: int) -> bytes:
    """One view of an example as an 8-bit PNG file, read or drawn at the first request."""
    if example.film:
        return as_png(read(_file(example)).pixels)
    return as_png(phantom.draw(example.seed, example.findings, example.views[n]).radiograph.pixels)


def _file(example: Example) -> FilePath:
    (file,) = FILMS.glob(f"{example.film}-*.jpg")
    return file


router = APIRouter(prefix="/v1/examples", tags=["examples"])
Name = Annotated[str, Path(max_length=40, examples=[EXAMPLES[0].id])]
QUERY: list[dict[str, Any]] = [
    {"in": "query", "name": name, "required": False, "schema": schema}
    for name, schema in OPTIONS_SCHEMA.items()
    if name != "study"
]


@router.get("", summary="List examples", responses={200: {"model": schemas.Examples}, **problems()})
def list_examples(reader: Reader) -> Response:
    """Lists films of NIH ChestX-ray14 with NIH's labels, and drawn chests with known findings."""
    return Json({"examples": [example.to_dict() for example in EXAMPLES]})


@router.post(
    "/{name}",
    summary="Caption an example",
    responses={**TAKING, **problems("not-found", "invalid", "queue-full", "storage-full", "cross-origin")},
    openapi_extra={"parameters": QUERY},
)
async def post(name: Name, request: Request, service: Serving, actor: Actor, client: Client) -> Response:
    """Captions an example as if its images had been uploaded. Options go in the query."""
    example = _find(name)
    requested = parse({"study": example.study, **request.query_params})
    await check_open(service, client)
    service.queue.reserve(client)
    try:
        files = await run_in_threadpool(uploaded, example)
    except BaseException:
        service.queue.release(client)
        raise
    return await answer(service, await accept(service, files, requested, actor, client), requested)


@router.get(
    "/{name}/images/{n}",
    summary="An example's image",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, **problems("not-found", "invalid")},
)
def image(name: Name, n: Annotated[int, Path(ge=0, le=8)], reader: Reader) -> Response:
    """Returns a grey PNG of 8 bits."""
    example = _find(name)
    if n >= len(example.views):
        raise Problem("not-found", "The example has no such image.")
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(png(example, n), headers=headers, media_type="image/png")


def _find(name: str) -> Example:
    example = next((example for example in EXAMPLES if example.id == name), None)
    if example is None:
        raise Problem("not-found", "There is no such example; GET /v1/examples lists them.")
    return example

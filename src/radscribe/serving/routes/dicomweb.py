"""`/dicom-web/studies`: studies that come in by STOW-RS (PS3.18 10.5), into the same spool as by C-STORE."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.responses import Response

from radscribe.errors import DataError
from radscribe.interop.node import CLASSES, DROPPED, NO_MATCH, NOT_UNDERSTOOD, OUT_OF_RESOURCES, SYNTAXES
from radscribe.interop.spool import Instance, describe, without_meta
from radscribe.serving.problems import Problem
from radscribe.serving.routes.captions import check_open
from radscribe.serving.routes.common import Actor, Client, Serving, problems
from radscribe.serving.service import Service
from radscribe.serving.settings import Limits
from radscribe.serving.store import writes

router = APIRouter(prefix="/dicom-web/studies", tags=["DICOMweb"])
MEDIA_TYPE = "application/dicom+json"
MOST_INSTANCES = 1000  # of a request
CLASS_NOT_SUPPORTED, SYNTAX_NOT_SUPPORTED = 0x0122, 0xC122  # PS3.18 table 10.5.3
BODY_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            'multipart/related; type="application/dicom"': {"schema": {"type": "string", "format": "binary"}}
        },
    }
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "All instances are safe on disk.", "content": {MEDIA_TYPE: {}}},
    202: {"description": "Some instances were refused; see FailedSOPSequence.", "content": {MEDIA_TYPE: {}}},
    409: {"description": "All instances were refused; see FailedSOPSequence.", "content": {MEDIA_TYPE: {}}},
    **problems("malformed", "upload-timeout", "too-large", "unsupported-media-type", "storage-full"),
}


@router.post("", summary="Store instances (STOW-RS)", responses=ANSWERS, openapi_extra=BODY_SCHEMA)
async def store(request: Request, service: Serving, actor: Actor, client: Client) -> Response:
    """Stores instances of any studies. Each study is captioned when no further instance of it came for a
    while, as one that came in by C-STORE."""
    return await _store(request, service, actor, client)


@router.post(
    "/{study_uid}",
    summary="Store instances of a study (STOW-RS)",
    responses=ANSWERS,
    openapi_extra=BODY_SCHEMA,
)
async def store_study(
    study_uid: str, request: Request, service: Serving, actor: Actor, client: Client
) -> Response:
    """Stores instances of one study; those of other studies are refused."""
    return await _store(request, service, actor, client, study_uid)


async def _store(
    request: Request, service: Service, actor: str, client: str, study_uid: str | None = None
) -> Response:
    await check_open(service, client)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    of = options.get(b"type", b"application/dicom").split(b";")[0].strip().lower()
    if kind != b"multipart/related" or not options.get(b"boundary") or of != b"application/dicom":
        raise Problem(
            "unsupported-media-type",
            'Send multipart/related; type="application/dicom" with a boundary and a DICOM file in each part.',
        )
    parts = _Parts(options[b"boundary"], service.settings.limits)
    outcomes: list[tuple[Instance | None, int]] = []
    studies: set[str] = set()
    try:
        async with service.storing.place(client), asyncio.timeout(service.settings.limits.upload_seconds):
            async for chunk in request.stream():
                parts.feed(chunk)
                for data in parts.take():
                    outcomes.append(await run_in_threadpool(_keep, service, client, data, study_uid, studies))
            parts.finish()
    except TimeoutError:
        raise Problem(
            "upload-timeout",
            f"The body did not arrive in {service.settings.limits.upload_seconds:g} s; send fewer instances.",
        ) from None
    except FormParserError:
        raise Problem("malformed", "The multipart body is malformed; send it again.") from None
    if not outcomes:
        raise Problem("malformed", "The body holds no instance.")
    failed = sum(status != 0 for _, status in outcomes)
    stored = len(outcomes) - failed
    written = service.store.write(writes.record, "", actor, "received", instances=stored, refused=failed)
    await asyncio.wrap_future(written)
    code = 200 if not failed else 409 if failed == len(outcomes) else 202
    return Response(msgspec.json.encode(_answer(outcomes)), code, media_type=MEDIA_TYPE)


def _keep(
    service: Service, client: str, data: bytearray, study_uid: str | None, studies: set[str]
) -> tuple[Instance | None, int]:
    """Write an instance to the spool; return it with 0 or the reason of its failure."""
    try:
        content, syntax = without_meta(data)
        instance = describe(content, syntax)
    except DataError:
        return None, NOT_UNDERSTOOD
    if instance.sop_class in DROPPED:
        return instance, 0
    if instance.sop_class not in CLASSES:
        return instance, CLASS_NOT_SUPPORTED
    if syntax not in SYNTAXES:
        return instance, SYNTAX_NOT_SUPPORTED
    if study_uid is not None and instance.study_uid != study_uid:
        return instance, NO_MATCH
    try:
        if studies and instance.study not in studies:
            service.count_upload(client)  # the first one was counted with the request
        studies.add(instance.study)
        if not service.has_room or not service.arrivals.admit(instance.study, client):
            return instance, OUT_OF_RESOURCES
        service.arrivals.spool.add(instance, content)
    except (OSError, Problem):
        return instance, OUT_OF_RESOURCES
    return instance, 0


def _answer(outcomes: list[tuple[Instance | None, int]]) -> dict[str, Any]:
    """The Store Instances Response Module (PS3.18 table I.1-1) in JSON."""
    stored, failed = [], []
    for instance, status in outcomes:
        item: dict[str, Any] = {}
        if instance is not None:
            item["00081150"] = {"vr": "UI", "Value": [instance.sop_class]}
            item["00081155"] = {"vr": "UI", "Value": [instance.sop_instance]}
        if status:
            item["00081197"] = {"vr": "US", "Value": [status]}
            failed.append(item)
        else:
            stored.append(item)
    answer: dict[str, Any] = {"00081190": {"vr": "UR"}}  # the service retrieves nothing
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": failed}
    if stored:
        answer["00081199"] = {"vr": "SQ", "Value": stored}
    return answer


class _Parts:
    """The parts of a body, one in memory at a time."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        self._limits = limits
        self._part = bytearray()
        self._whole: list[bytearray] = []
        self._count = 0
        self._total, self._ended = 0, False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._on_data,
                "on_part_end": lambda: self._whole.append(self._part),
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        self._total += len(chunk)
        if self._total > self._limits.request_bytes:
            raise Problem(
                "too-large",
                f"A request may have {self._limits.request_bytes >> 20} MB; send fewer instances.",
            )
        self._parser.write(chunk)

    def take(self) -> list[bytearray]:
        """The parts that are complete since the last call."""
        whole, self._whole[:] = list(self._whole), []
        return whole

    def finish(self) -> None:
        self._parser.finalize()
        if not self._ended:
            raise Problem("malformed", "The multipart body is incomplete; send it again.")

    def _begin(self) -> None:
        self._part = bytearray()  # the last one was handed out
        self._count += 1
        if self._count > MOST_INSTANCES:
            raise Problem("too-large", f"A request may have {MOST_INSTANCES} instances; send several.")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if len(self._part) + end - start > self._limits.file_bytes:
            raise Problem("too-large", f"An instance may have {self._limits.file_bytes >> 20} MB.")
        self._part += memoryview(data)[start:end]

    def _on_end(self) -> None:
        self._ended = True

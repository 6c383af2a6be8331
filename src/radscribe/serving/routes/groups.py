"""`/v1/groups`: which of several files are views of one study, before they are sent."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from radscribe.imaging.header import read_header
from radscribe.inference.patients import Patient, by_patient
from radscribe.inference.studies import study_key
from radscribe.serving.routes.common import Actor, Client, Json, Serving, problems
from radscribe.serving.settings import Limits
from radscribe.serving.upload import UploadedFile, read_form

router = APIRouter(prefix="/v1/groups", tags=["captions"])
HEAD_BYTES = 256 << 10  # of each file: a DICOM header stands before the pixels
LIMITS = Limits(file_bytes=HEAD_BYTES, request_bytes=32 << 20, files=100)
BODY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "files": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": f"the first {HEAD_BYTES >> 10} kB of each file, under its name",
        }
    },
}


@router.post(
    "",
    summary="Group files into studies",
    responses={
        200: {
            "description": "Numbers of the files of each study, and what a user should know.",
            "content": {"application/json": {"example": {"groups": [[0, 1], [2]], "warnings": []}}},
        },
        **problems("malformed", "cross-origin", "too-large", "unsupported-media-type", "invalid"),
    },
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": BODY}}}},
)
async def post(request: Request, service: Serving, actor: Actor, client: Client) -> Response:
    """As the command line groups them: by StudyInstanceUID, or by the file names of a known collection. Any
    other file is a study of its own, and different patients are never in one group. Nothing is kept."""
    async with service.grouping.place(client):
        form = await read_form(request, LIMITS)
        try:
            return Json(await run_in_threadpool(_grouped, form.files))
        finally:
            form.close()


def _grouped(files: list[UploadedFile]) -> dict[str, Any]:
    keys: dict[str, list[int]] = {}
    patients: list[Patient] = []
    for n, file in enumerate(files):
        file.content.seek(0)
        header = read_header(file.content.read())
        path = Path(PurePosixPath(file.path or file.name))
        patients.append(Patient.of(header, file.name))
        key = study_key(path, header)
        keys.setdefault(f"{key}/{n}" if key == str(path) else key, []).append(n)
    groups: list[list[int]] = []
    warnings: list[str] = []
    for members in keys.values():
        parts = by_patient(members, [patients[n] for n in members])
        groups += parts
        if len(parts) > 1:
            names = " | ".join(", ".join(files[n].name for n in part) for part in parts)
            warnings.append(f"Images of {len(parts)} patients share one study; each is sent alone: {names}")
    return {"groups": groups, "warnings": warnings}

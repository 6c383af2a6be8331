"""Parts that all routes share: the service, the client, lookup of studies, JSON answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Path, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from radscribe.serving.credentials import SHARED, Identity
from radscribe.serving.problems import KINDS, Problem
from radscribe.serving.security import client_network
from radscribe.serving.service import Service
from radscribe.serving.store import reads
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.records import PATTERN

StudyId = Annotated[str, Path(pattern=PATTERN, examples=["01kay3xnhbm7v4q2c9t8r5w0ez"])]


# Coroutines, as FastAPI hands plain functions to a thread.
async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


class Requires:
    """Dependency of a route: the client must have a role. It gives the name of the user or client.

    Parameters
    ----------
    role : str
        The role, or any that includes it.
    """

    def __init__(self, role: str) -> None:
        self.role = role

    async def __call__(self, request: Request) -> str:
        identity: Identity | None = request.scope["identity"]
        if identity is None:
            raise Problem("unauthorised", "Sign in first.", headers={"WWW-Authenticate": "Bearer"})
        if not identity.may(self.role):
            raise Problem(
                "forbidden",
                f"Your role is {identity.role}; this needs {self.role}. Ask who runs the service.",
            )
        return identity.name


async def _client(request: Request) -> str:
    """Client whose share of the queue a request takes: the user, else the address."""
    identity: Identity | None = request.scope["identity"]
    if identity is not None and identity.name not in SHARED:
        return f"user {identity.name}"
    return client_network(request.scope)


Serving = Annotated[Service, Depends(_service)]
Reader = Annotated[str, Depends(Requires("read"))]
Actor = Annotated[str, Depends(Requires("review"))]
Deleter = Annotated[str, Depends(Requires("delete"))]
Administrator = Annotated[str, Depends(Requires("administer"))]
Client = Annotated[str, Depends(_client)]


class Json(Response):
    """JSON encoded by msgspec, because large bodies need no validation."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


async def find(service: Service, study_id: str, *, evidence: bool = False) -> StoredStudy:
    """Find a study; a deleted one comes without its content. Raises `Problem` 404."""
    study = await run_in_threadpool(service.store.read, reads.find, study_id, evidence=evidence)
    if study is None:
        raise Problem("not-found", "There is no study of this id; GET /v1/captions lists them.")
    if study.deleted:  # its texts are in the database until it is erased, and nobody is shown them
        return replace(
            study, study="", images=[], reviews=[], text=None, document=None, evidence=None, results=[]
        )
    return study


async def find_present(service: Service, study_id: str) -> StoredStudy:
    """Find a study that was not deleted; raises `Problem` 404 or 410."""
    study = await find(service, study_id)
    if study.deleted:
        raise Problem("gone", f"It was deleted at {study.deleted}; only its audit trail is left to see.")
    return study


PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:radscribe:problem:queue-full"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong and what to do"},
    },
}


def _example(kind: str) -> dict[str, Any]:
    status, title = KINDS[kind]
    detail = "What is wrong, and what to do."
    return {"type": f"urn:radscribe:problem:{kind}", "title": title, "status": status, "detail": detail}


def problems(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: the problems that it answers with, and those that any route may."""
    kinds = (*kinds, "unauthorised", "forbidden", "too-many-attempts", "wrong-host", "internal", "not-ready")
    return {
        KINDS[kind][0]: {
            "description": KINDS[kind][1],
            "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA, "example": _example(kind)}},
        }
        for kind in kinds
    }

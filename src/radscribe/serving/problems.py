"""Errors of the HTTP interface as problem details (RFC 9457), each saying what to do."""

from __future__ import annotations

import errno
import http
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from radscribe.serving.store.bucket import BucketError
from radscribe.serving.store.database import SILENT

MEDIA_TYPE = "application/problem+json"
# The last part of a problem's `type` → status and title.
KINDS: dict[str, tuple[int, str]] = {
    "cut-short": (400, "The request is incomplete"),
    "malformed": (400, "The request cannot be read"),
    "unauthorised": (401, "Credentials are needed"),
    "cross-origin": (403, "The request comes from another site"),
    "forbidden": (403, "Your role does not allow this"),
    "not-found": (404, "Not found"),
    "method-not-allowed": (405, "Method not allowed"),
    "upload-timeout": (408, "The upload took too long"),
    "conflict": (409, "The study is not in the right state"),
    "gone": (410, "The study was deleted"),
    "too-large": (413, "The upload is too large"),
    "unsupported-media-type": (415, "Unsupported media type"),
    "wrong-host": (421, "Unknown host name"),
    "invalid": (422, "Invalid value"),
    "head-too-large": (431, "The head of the request is too large"),
    "too-many-uploads": (429, "Too many studies in a minute"),
    "too-many-attempts": (429, "Too many attempts to sign in"),
    "queue-full": (429, "Too many studies are under way"),
    "internal": (500, "The service failed"),
    "not-ready": (503, "The service is not ready"),
    "storage-full": (507, "The service's disk is full"),
}

# Statuses that the framework raises itself.
OF_STATUS = {
    400: "malformed",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
}


class Problem(Exception):
    """Raised in a route, answered as problem details.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    detail : str
        The problem and its remedy, for a person; nothing about the server's internals.
    """

    def __init__(
        self, kind: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.headers, self.members = kind, detail, headers, members
        self.status, self.title = KINDS[kind]

    def response(self) -> Response:
        """Return the HTTP response."""
        body = {
            "type": f"urn:radscribe:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA_TYPE)


def storage_full() -> Problem:
    """Return the answer to an upload when the disk is full."""
    return Problem(
        "storage-full", "Delete studies that are not needed, or ask the administrator for a larger disk."
    )


def silent() -> Problem:
    """Return the answer while the database does not answer."""
    detail = "The database or the store of images does not answer; try again in a moment."
    return Problem("not-ready", detail, headers={"Retry-After": "5"})


def failure() -> Problem:
    """Return the answer to an unexpected error."""
    return Problem("internal", "The service failed; its log says more. Try again, or report it.")


def install(app: FastAPI) -> None:
    """Make the application answer every error with problem details."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def status(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = OF_STATUS.get(error.status_code, "malformed")
        if kind in ("not-found", "method-not-allowed"):
            detail = f"{request.method} does not exist here; /openapi.json lists the paths."
        else:
            detail = f"{http.HTTPStatus(error.status_code).phrase}; /openapi.json describes the request."
        headers = dict(error.headers) if error.headers else None
        return Problem(kind, detail, headers=headers).response()

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        wrong = [
            {"where": "/".join(map(str, entry["loc"])), "problem": str(entry["msg"])}
            for entry in error.errors()
        ]
        detail = "; ".join(f"{entry['where']}: {entry['problem']}" for entry in wrong)
        return Problem("invalid", f"{detail}. Correct it and send it again.", errors=wrong).response()

    async def gone_away(request: Request, error: Exception) -> Response:
        return Problem("cut-short", "The body is incomplete; send it again.").response()

    async def store_silent(request: Request, error: Exception) -> Response:
        return silent().response()

    async def system(request: Request, error: Exception) -> Response:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return storage_full().response()
        raise error

    async def failed(request: Request, error: Exception) -> Response:
        return failure().response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, status)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ClientDisconnect, gone_away)
    for error in (*SILENT, BucketError):
        app.add_exception_handler(error, store_silent)
    app.add_exception_handler(OSError, system)
    app.add_exception_handler(Exception, failed)

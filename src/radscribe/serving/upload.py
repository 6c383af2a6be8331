"""Parse a multipart body (RFC 7578) while it arrives: fields in memory, files in nameless temporary files.

Limits are checked while the body arrives: Starlette's own parser checks neither the size of a file nor that
of the whole body.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radscribe.serving.problems import Problem
from radscribe.serving.settings import MEGABYTE, Limits

IN_MEMORY = MEGABYTE  # of a file; what is more waits on disk, in a file without a name
FIELD_BYTES = 4096
FIELDS = 16
NAME_LENGTH = 200
FILES = "files"
DRAIN_SECONDS = 2.0  # for the rest of a refused upload; then the connection is closed


@dataclass(slots=True)
class UploadedFile:
    """A file of the form. The client's name for it is only shown, never opened."""

    name: str
    content: IO[bytes]
    size: int = 0
    path: str = ""  # with the folders of the client


@dataclass(slots=True)
class Form:
    """Fields and files of a body."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[UploadedFile] = field(default_factory=list)

    def close(self) -> None:
        """Close the temporary files."""
        for file in self.files:
            file.content.close()


def shown_name(name: str) -> str:
    """Return the client's name of a file without folders and control characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    clean = "".join(c for c in last if c.isprintable()).strip()
    return clean[:NAME_LENGTH] or "unnamed"


async def read_form(request: Request, limits: Limits) -> Form:
    """Read the body.

    Raises
    ------
    Problem
        The body has another media type (415), is too large (413), too slow (408) or malformed (400, 422).
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Problem(
            "unsupported-media-type", "Send multipart/form-data with a boundary, the images as `files`."
        )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and len(announced) < 20:
        _check_total(int(announced), limits)
    reading = _Reading(limits, options[b"boundary"])
    try:
        async with asyncio.timeout(limits.upload_seconds):
            async for chunk in request.stream():
                reading.feed(chunk)
        reading.finish()
    except TimeoutError:
        reading.form.close()
        raise Problem(
            "upload-timeout",
            f"The body did not arrive in {limits.upload_seconds:g} s; send fewer or smaller files.",
        ) from None
    except FormParserError:
        reading.form.close()
        raise Problem("malformed", "The multipart body is malformed; send it again.") from None
    except BaseException:
        reading.form.close()
        raise
    return reading.form


def _check_total(size: int, limits: Limits) -> None:
    if size > limits.request_bytes:
        raise Problem(
            "too-large",
            f"A request may have {limits.request_bytes >> 20} MB; send fewer or smaller files.",
        )


class _Reading:
    """The parser's callbacks: one part after the other."""

    def __init__(self, limits: Limits, boundary: bytes) -> None:
        self.form = Form()
        self._limits = limits
        self._total = 0
        self._headers: dict[bytes, bytes] = {}
        self._header_name, self._header_value = b"", b""
        self._field: bytearray | None = None
        self._name = ""
        self._whole = False
        self._parts = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, chunk: bytes) -> None:
        self._total += len(chunk)
        _check_total(self._total, self._limits)
        self._parser.write(chunk)

    def finish(self) -> None:
        self._parser.finalize()
        if not self._whole:
            raise Problem("malformed", "The multipart body is incomplete; send it again.")

    def _begin(self) -> None:
        self._headers = {}
        self._parts += 1
        if self._parts > self._limits.files + FIELDS:
            raise Problem("too-large", f"A request may have {self._limits.files + FIELDS} parts; send fewer.")

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name, self._header_value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._field = None
        if self._name == FILES:
            if b"filename" not in options:
                raise Problem("invalid", "`files` must be files: give each part a filename.")
            if len(self.form.files) == self._limits.files:
                raise Problem(
                    "too-large",
                    f"A study may have {self._limits.files} files; send several studies one by one.",
                )
            path = options[b"filename"].decode("utf-8", "replace")
            content = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
            self.form.files.append(UploadedFile(shown_name(path), content, path=path[-1000:]))
        elif self._name in self.form.fields:
            raise Problem("invalid", "A field is given twice; give it once.")
        else:
            self._field = bytearray()

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is not None:
            self._field += data[start:end]
            if len(self._field) > FIELD_BYTES:
                raise Problem("too-large", f"A field may have {FIELD_BYTES} bytes; shorten it.")
            return
        file = self.form.files[-1]
        file.size += end - start
        if file.size > self._limits.file_bytes:
            raise Problem(
                "too-large", f"A file may have {self._limits.file_bytes >> 20} MB; export it smaller."
            )
        file.content.write(memoryview(data)[start:end])

    def _on_part_end(self) -> None:
        if self._field is None:
            return
        try:
            self.form.fields[self._name] = self._field.decode("utf-8")
        except UnicodeDecodeError:
            raise Problem("invalid", "A field is not UTF-8 text.") from None

    def _on_end(self) -> None:
        self._whole = True


class DrainRefusedUploads:
    """ASGI middleware that reads the rest of a refused upload, so that the client sees the answer.

    A server that closes a connection with unread bytes resets it, and the answer is lost (RFC 9112 9.6).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        whole = False

        async def receiving() -> Message:
            nonlocal whole
            message = await receive()
            whole = whole or not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                with suppress(TimeoutError):
                    async with asyncio.timeout(DRAIN_SECONDS):
                        while not whole:
                            await receiving()
            await send(message)

        await self._app(scope, receiving, sending)

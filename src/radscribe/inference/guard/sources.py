"""Two ways to ask a captioner that is not ours: a Python function, and an HTTP endpoint.

Only pixels and views leave radscribe: no file name, no DICOM header, no name of the study.
"""

from __future__ import annotations

import base64
import http.client
import importlib
import importlib.util
import json
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal, Protocol
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from radscribe.errors import RadscribeError, UsageError

Pixels = npt.NDArray[np.uint8]
Api = Literal["plain", "openai"]
TIMEOUT = 60.0  # seconds per study
MAX_ANSWER = 1 << 20  # bytes of an endpoint's answer
MAX_TEXT = 10_000  # characters of a caption
MAX_SIDE = 2048  # pixels of the longer side of an image that is sent
PROMPT = "Write the findings section of the report of this chest radiograph."


class SourceError(RadscribeError):
    """The external captioner gave no text."""


class Source(Protocol):
    """A captioner that is not ours."""

    @property
    def name(self) -> str:
        """Its name in messages and records."""

    def ask(self, images: Sequence[Pixels], views: Sequence[str]) -> str:
        """Return the text for the images `[H, W]` of one study; raises `SourceError`."""


class Function:
    """A Python function of images and views that returns text.

    Parameters
    ----------
    function : callable
        Called with a list of uint8 arrays ``[H, W]`` (bright is dense) and a list of views.
    timeout : float
        Seconds to wait per study. A call that takes longer counts as failed; its thread is left behind.
    name : str, optional
        What messages call it (default: the function's own name).
    """

    def __init__(
        self, function: Callable[..., str], timeout: float = TIMEOUT, name: str | None = None
    ) -> None:
        self._function, self._timeout = function, timeout
        self.name = name or str(getattr(function, "__name__", type(function).__name__))

    def ask(self, images: Sequence[Pixels], views: Sequence[str]) -> str:
        """Call the function."""
        answer: queue.SimpleQueue[object] = queue.SimpleQueue()

        def call() -> None:
            try:
                answer.put(self._function([image.copy() for image in images], list(views)))
            except BaseException as error:  # noqa: BLE001 - its exception is the result
                answer.put(error)

        threading.Thread(target=call, name="external-captioner", daemon=True).start()
        try:
            text = answer.get(timeout=self._timeout)
        except queue.Empty:
            raise SourceError(
                f"gave no text in {self._timeout:g} s", subject=self.name, remedy="raise the timeout"
            ) from None
        if isinstance(text, BaseException):
            raise SourceError(
                f"failed: {type(text).__name__}: {text}", subject=self.name, remedy="correct the function"
            ) from text
        return _checked(text, self.name)


class Endpoint:
    """An HTTP endpoint that returns text.

    Parameters
    ----------
    url : str
        Its address, http or https. Redirects are not followed, so that images go nowhere else.
    timeout : float
        Seconds per study, from the connection to the last byte of the answer.
    api : {"plain", "openai"}
        "plain" posts ``{"images": [{"view": "PA", "png": BASE64}]}`` and reads ``{"text": TEXT}``, or plain
        text. "openai" posts a chat completion with images, as vLLM and similar servers take it.
    model : str
        Name of the model, for "openai".
    prompt : str
        Instruction, for "openai".
    token : str, optional
        Sent as ``Authorization: Bearer``.

    Raises
    ------
    UsageError
        The address is not http or https, or holds a user or password.
    """

    def __init__(
        self,
        url: str,
        timeout: float = TIMEOUT,
        api: Api = "plain",
        model: str = "default",
        prompt: str = PROMPT,
        token: str | None = None,
    ) -> None:
        try:
            parts = urlsplit(url)
            bad = parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc
            _ = parts.port
        except ValueError:
            bad = True
        if bad:
            raise UsageError("is not an address", subject=url, remedy="write http://host:port/path")
        self._url, self._timeout, self._api = url, timeout, api
        self._model, self._prompt, self._token = model, prompt, token
        self.name = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(self, images: Sequence[Pixels], views: Sequence[str]) -> str:
        """Post the images and read the answer."""
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/plain"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        body = json.dumps(self._body(images, views)).encode()
        request = urllib.request.Request(self._url, body, headers, method="POST")
        deadline = time.monotonic() + self._timeout
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                content = self._read(response, deadline)
                kind = response.headers.get_content_type()
        except urllib.error.HTTPError as error:
            with error:
                redirected = 300 <= error.code < 400
            raise SourceError(
                f"answered {error.code} {http.client.responses.get(error.code, '')}".rstrip(),
                subject=self.name,
                remedy="give the address that it redirects to" if redirected else "see the endpoint's log",
            ) from error
        except TimeoutError as error:
            raise self._late() from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, TimeoutError):
                raise self._late() from error
            raise SourceError(
                f"does not answer ({getattr(reason, 'strerror', None) or reason})",
                subject=self.name,
                remedy="check that it runs and the address is right",
            ) from error
        return _checked(self._text(content, kind), self.name)

    def _read(self, response: IO[bytes], deadline: float) -> bytes:
        content = b""
        # `read1` returns what is there, so that a slow endpoint cannot stretch the deadline byte by byte.
        while piece := response.read1(65536):  # type: ignore[attr-defined]
            content += piece
            if len(content) > MAX_ANSWER:
                raise SourceError(
                    f"answered with more than {MAX_ANSWER >> 20} MB",
                    subject=self.name,
                    remedy="return only text",
                )
            if time.monotonic() > deadline:
                raise self._late()
        return content

    def _late(self) -> SourceError:
        return SourceError(
            f"gave no complete answer in {self._timeout:g} s",
            subject=self.name,
            remedy="raise the timeout or use a faster endpoint",
        )

    def _body(self, images: Sequence[Pixels], views: Sequence[str]) -> dict[str, Any]:
        pngs = [_png(image) for image in images]
        if self._api == "plain":
            rows = zip(pngs, views, strict=True)
            return {"images": [{"view": view, "png": png} for png, view in rows]}
        content: list[dict[str, Any]] = [{"type": "text", "text": self._prompt}]
        content += [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}} for png in pngs
        ]
        message = {"role": "user", "content": content}
        return {"model": self._model, "temperature": 0, "max_tokens": 512, "messages": [message]}

    def _text(self, content: bytes, kind: str) -> object:
        if self._api == "plain" and kind == "text/plain":
            return content.decode("utf-8", "replace")
        try:
            answer = json.loads(content)
            return answer["text"] if self._api == "plain" else answer["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            expected = '{"text": ...}' if self._api == "plain" else "a chat completion"
            raise SourceError(
                f"does not answer with {expected}", subject=self.name, remedy="see the guide on the guard"
            ) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **keywords: Any) -> None:
        """Follow nothing: the opener raises `HTTPError`."""


def _png(image: Pixels) -> str:
    """An image as a PNG file in base64, reduced to `MAX_SIDE`."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return base64.b64encode(buffer.getvalue()).decode()


def _checked(text: object, name: str) -> str:
    if not isinstance(text, str):
        raise SourceError(f"gave {type(text).__name__}, not text", subject=name, remedy="return a string")
    if not text.strip():
        raise SourceError("gave an empty text", subject=name, remedy="see its log")
    if len(text) > MAX_TEXT:
        raise SourceError(
            f"gave {len(text):,} characters; at most {MAX_TEXT:,} are a caption",
            subject=name,
            remedy="limit the length of its answers",
        )
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()


def as_source(
    captioner: Source | Callable[..., str] | str,
    timeout: float = TIMEOUT,
    api: Api = "plain",
    model: str = "default",
    prompt: str = PROMPT,
    token: str | None = None,
) -> Source:
    """Make a source of a function, an address, or ``module:function`` or ``file.py:function``.

    Raises
    ------
    UsageError
        There is no such function, or `timeout` is not above 0.
    """
    if not timeout > 0:
        raise UsageError(f"a timeout of {timeout:g} s", remedy="give more than 0 seconds")
    if isinstance(captioner, str):
        if "://" in captioner:
            return Endpoint(captioner, timeout, api, model, prompt, token)
        return Function(_load(captioner), timeout, captioner)
    if callable(getattr(captioner, "ask", None)):
        return captioner  # type: ignore[return-value]  # it has the method of the protocol
    if callable(captioner):
        return Function(captioner, timeout)
    raise UsageError(
        f"{type(captioner).__name__} is not a captioner", remedy="give a function, an address or module:name"
    )


def _load(place: str) -> Callable[..., str]:
    """The function of ``module:function`` or ``file.py:function``."""
    home, _, name = place.rpartition(":")
    if not home or not name.isidentifier():
        raise UsageError(
            "is neither an address nor a function",
            subject=place,
            remedy="write http://host:port/path, module:function or file.py:function",
        )
    try:
        if home.endswith(".py"):
            path = Path(home)
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(home)
        function = getattr(module, name)
    except Exception as error:  # importing the module may raise anything
        raise UsageError(
            f"cannot be imported: {type(error).__name__}: {error}", subject=place, remedy="check the name"
        ) from error
    if not callable(function):
        raise UsageError("is not a function", subject=place, remedy="name a function")
    return function  # type: ignore[no-any-return]

"""Captions of probe images: from a bundle or from a REST service."""

from __future__ import annotations

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

from radscribe.errors import RadscribeError, UsageError
from radscribe.evaluation.probes.pairs import SIZE, ProbeImage, png
from radscribe.inference.captioner import Captioner
from radscribe.inference.inputs import StudyInput, as_study
from radscribe.inference.options import DEFAULTS

TOKEN = "RADSCRIBE_TOKEN"  # environment variable
TIMEOUT = 120  # seconds for one caption
Captions = dict[str, str | None]  # by name of image; None if it was refused


def from_bundle(
    captioner: Captioner,
    images: Sequence[ProbeImage],
    beam: int = DEFAULTS.beam,
    size: int = SIZE,
    advance: Callable[..., None] | None = None,
) -> Captions:
    """Caption images with a bundle.

    Parameters
    ----------
    captioner : Captioner
        The loaded bundle.
    images : sequence of ProbeImage
        The images, which are drawn here.
    beam : int
        Width of the beam search.
    size : int
        Side of the images in pixels.
    advance : callable, optional
        Called with the step and the number of images after each image.
    """

    def drawn() -> Iterator[StudyInput]:
        for image in images:
            yield as_study(image.pixels(size), name=image.name)

    found: Captions = {}
    for image, caption in zip(images, captioner.stream(drawn(), beam=beam), strict=True):
        found[image.name] = caption.text
        if advance:
            advance("captioning", len(images))
    return found


def from_service(
    url: str,
    images: Sequence[ProbeImage],
    size: int = SIZE,
    advance: Callable[..., None] | None = None,
) -> tuple[str, Captions]:
    """Caption images with a service that answers as `radscribe serve` does.

    Parameters
    ----------
    url : str
        Address of the service, such as ``http://127.0.0.1:8000``. A token in the environment variable
        `RADSCRIBE_TOKEN` is sent with each request.
    images : sequence of ProbeImage
        The images, which are drawn here and sent as PNG.
    size : int
        Side of the images in pixels.
    advance : callable, optional
        Called with the step and the number of images after each image.

    Returns
    -------
    name : str
        The bundle that the service uses, or the address if it does not say.
    captions : dict
        Captions by name of image.

    Raises
    ------
    RadscribeError
        The service cannot be reached or does not answer as expected.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"'{url}' is not an address", remedy="give one such as http://127.0.0.1:8000")
    address = url.rstrip("/")
    if not address.endswith("/v1/captions"):
        address += "/v1/captions"
    found: Captions = {}
    name = url
    for image in images:
        answer = _post(address, f"{image.name}.png", png(image.pixels(size)))
        caption = answer.get("caption")
        if not isinstance(caption, dict):
            raise RadscribeError(
                f"answered without a caption (status {answer.get('status')})",
                subject=address,
                remedy="check that it is a radscribe service and not overloaded",
            )
        found[image.name] = caption.get("text")
        name = str(caption.get("bundle") or name)
        if advance:
            advance("captioning", len(images))
    return name, found


def _post(address: str, filename: str, content: bytes) -> dict[str, object]:
    boundary = secrets.token_hex(16)
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{filename}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "application/json"}
    if token := os.environ.get(TOKEN):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(address, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        remedy = f"set the variable {TOKEN}" if error.code in (401, 403) else "look at the service's log"
        raise RadscribeError(
            f"answered {error.code} {error.reason}", subject=address, remedy=remedy
        ) from error
    except (OSError, ValueError) as error:
        raise RadscribeError(
            "cannot be reached, or does not answer with JSON", subject=address, remedy="check the address"
        ) from error
    return answer if isinstance(answer, dict) else {}

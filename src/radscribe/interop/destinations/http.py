"""Requests over HTTP for the destinations that speak it."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from radscribe.interop.destinations.destination import SECONDS, Address, Destination

MOST = 1 << 20  # bytes of an answer that are read
# Client errors that are not about what was sent: credentials, an address that is not there yet, overload.
LATER = frozenset({401, 403, 404, 407, 408, 421, 425, 429})


def refuses(status: int) -> bool:
    """Whether a status says that the server does not want what was sent (RFC 9110, 15.5)."""
    return 400 <= status < 500 and status not in LATER


class HttpDestination(Destination):
    """A destination at a URL.

    Options: ``token-file`` (a bearer token), ``basic-file`` (``user:password``), ``ca``, ``cert`` and ``key``
    (files).
    """

    options = frozenset({"token-file", "basic-file", "ca", "cert", "key"})

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        parts = urlsplit(address.place)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise address.wrong(
                "is not an http or https URL without a password",
                "give secrets with #token-file= or #basic-file=",
            )
        self._url = address.place.rstrip("/")
        self._headers = {}
        if token := address.secret("token-file"):
            self._headers["Authorization"] = f"Bearer {token}"
        elif basic := address.secret("basic-file"):
            self._headers["Authorization"] = f"Basic {base64.b64encode(basic.encode()).decode()}"
        tls = address.tls(always=parts.scheme == "https")
        handlers = [urllib.request.HTTPSHandler(context=tls)] if tls else []
        # It sends patient data: it goes where the address says, through no proxy and no redirect.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect, *handlers)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a body; return status and answer, also of a refusal.

        Raises
        ------
        DeliveryError
            Nobody answers.
        """
        request = urllib.request.Request(self._url + path, body, {**self._headers, **headers}, method="POST")
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return answer.status, answer.read(MOST)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(MOST)
        except (OSError, HTTPException, ssl.SSLError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise self.failed(f"does not answer: {reason}") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object, **options: object) -> None:
        return None

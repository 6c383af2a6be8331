"""Signing in at an institution's identity provider: OpenID Connect, authorisation code flow with PKCE."""

from __future__ import annotations

import hmac
import json
import secrets
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749.errors import OAuth2Error
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from radscribe.errors import UsageError
from radscribe.serving.credentials import ROLES, Identity, is_reserved
from radscribe.serving.problems import Problem

SECONDS = 10.0  # for an answer of the provider
ANSWER_BYTES = 1 << 20
STATE_SECONDS = 600.0
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"]  # none is not one
LEEWAY = 60  # seconds that clocks may differ


class Provider:
    """An identity provider. Only its addresses are fetched, and those that it publishes under its issuer.

    Parameters
    ----------
    issuer : str
        As the provider names itself; `/.well-known/openid-configuration` is read below it.
    client_id, client_secret : str
        As registered with the provider.
    public_url : str
        Address of the page, as people reach it; the provider must know
        `PUBLIC_URL/v1/session/oidc/callback` as a redirect address.
    role_claim : str
        Claim of the ID token that holds the role, or several: `read`, `review`, `delete` or `administer`,
        alone or after `radscribe:`. Without one of them a person is turned away.
    """

    def __init__(
        self, issuer: str, client_id: str, client_secret: str, public_url: str, role_claim: str = "roles"
    ) -> None:
        self.issuer, self.public_url = issuer.rstrip("/"), public_url.rstrip("/")
        for address in (self.issuer, self.public_url):
            _check_address(address)
        self._client = (client_id, client_secret)
        self._role_claim = role_claim
        self._configuration: dict[str, Any] | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.public_url}/v1/session/oidc/callback"

    def begin(self) -> tuple[str, str]:
        """Begin to sign in.

        Returns
        -------
        address : str
            Where to send the browser.
        state : str
            To be kept in a cookie of that browser.
        """
        random = f"{int(time.time())}.{secrets.token_urlsafe(32)}"
        state = f"{random}.{self._derived('state', random)}"
        parameters = {
            "response_type": "code",
            "client_id": self._client[0],
            "redirect_uri": self.redirect_uri,
            "scope": "openid profile email",
            "state": state,
            "nonce": self._derived("nonce", state),
            "code_challenge": create_s256_code_challenge(self._derived("verifier", state)),
            "code_challenge_method": "S256",
        }
        return add_params_to_uri(self._endpoint("authorization_endpoint"), parameters), state

    def check_begun(self, state: str) -> None:
        """Raises `Problem` 401 if a state was not made by `begin`, or too long ago."""
        random, _, mac = state.rpartition(".")
        begun = hmac.compare_digest(mac.encode(), self._derived("state", random).encode())
        if not begun or time.time() - int(random.partition(".")[0]) > STATE_SECONDS:
            raise Problem("unauthorised", "This sign-in was not begun here, or took too long; sign in again.")

    def finish(self, address: str, state: str) -> Identity:
        """Check the provider's answer.

        Parameters
        ----------
        address : str
            The address that the provider sent the browser to.
        state : str
            From the browser's cookie. The caller sees to it that each is used once.

        Raises
        ------
        Problem
            401 or 403: the answer is not to a sign-in of this browser, or the person has no role here.
        """
        self.check_begun(state)
        try:
            code = parse_authorization_code_response(address, state)["code"]
            claims = self._claims(
                self._exchange(code, self._derived("verifier", state)), self._derived("nonce", state)
            )
        except (OAuth2Error, JoseError, KeyError, ValueError, TypeError) as error:
            raise Problem(
                "unauthorised", "The identity provider's answer is not valid; sign in again."
            ) from error
        return self._identity(claims)

    def _derived(self, purpose: str, value: str) -> str:
        """A secret of a sign-in, which every replica can compute and nobody else."""
        key = f"radscribe {purpose} {self._client[1]}".encode()
        return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()

    def _exchange(self, code: str, verifier: str) -> str:
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self._client[0],
            "client_secret": self._client[1],
            "code_verifier": verifier,
        }
        answer = self._fetch(self._endpoint("token_endpoint"), urlencode(body).encode())
        return str(answer["id_token"])

    def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        keys = KeySet.import_key_set(self._fetch(self._endpoint("jwks_uri")))  # type: ignore[arg-type]
        token = jwt.decode(id_token, keys, algorithms=ALGORITHMS)
        options = {
            "iss": {"essential": True, "value": self._discovered["issuer"]},
            "aud": {"essential": True, "value": self._client[0]},
        }
        claims = CodeIDToken(token.claims, token.header, options, {"nonce": nonce})
        claims.validate(leeway=LEEWAY)
        return dict(claims)

    def _identity(self, claims: dict[str, Any]) -> Identity:
        given = claims.get(self._role_claim) or []
        names = [given] if isinstance(given, str) else [str(name) for name in given]
        roles = [name.removeprefix("radscribe:") for name in names]
        held = [role for role in ROLES if role in roles]
        # An address that the provider has not verified may be anybody's.
        email = claims.get("email") if claims.get("email_verified") else None
        name = str(claims.get("preferred_username") or email or claims["sub"]).strip()[:64]
        name = "".join(c if c.isprintable() else "?" for c in name)
        if not held or not name or is_reserved(name):
            raise Problem("forbidden", "You have no role in this service; ask who runs it.")
        return Identity(name, held[-1])

    @property
    def _discovered(self) -> dict[str, Any]:
        if self._configuration is None:
            found = self._fetch(f"{self.issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != self.issuer:
                raise Problem(
                    "not-ready", "The identity provider names itself otherwise; tell who runs this."
                )
            self._configuration = found
        return self._configuration

    def _endpoint(self, name: str) -> str:
        address = str(self._discovered[name])
        _check_address(address)
        return address

    def _fetch(self, address: str, body: bytes | None = None) -> dict[str, Any]:
        request = urllib.request.Request(address, body, {"Accept": "application/json"})
        try:
            with _opener.open(request, timeout=SECONDS) as response:
                found = json.loads(response.read(ANSWER_BYTES))
        except (OSError, ValueError) as error:
            raise Problem(
                "not-ready", "The identity provider does not answer; try again in a moment."
            ) from error
        if not isinstance(found, dict):
            raise Problem("not-ready", "The identity provider's answer makes no sense; tell who runs this.")
        return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **options: Any) -> None:
        """Refuse redirects: a provider's endpoints do not move, and a redirect could lead anywhere."""


_opener = urllib.request.build_opener(_NoRedirects)


def _check_address(address: str) -> None:
    """Raises `UsageError` for an address without TLS that is not on this machine."""
    parts = urlsplit(address)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise UsageError(
            "is no https address", subject=address, remedy="give the provider's address with https://"
        )

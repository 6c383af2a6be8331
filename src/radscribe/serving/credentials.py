"""Who may use the service: bearer tokens, users with passwords, and the page's session cookie."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from pathlib import Path

from radscribe.errors import UsageError

SHORTEST = 16  # characters of a token
SESSION_SECONDS = 12 * 3600
SHARED = frozenset({"local", "token"})  # actors that may be several people
ANYONE = "local"  # actor where no credentials are required


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Credentials:
    """Tokens and users. Secrets are compared by their digests, in constant time.

    Parameters
    ----------
    token : for `Authorization: Bearer`; the page hands it in once and gets a session cookie.
    users : name → password, for `Authorization: Basic`.
    """

    def __init__(self, token: str | None = None, users: dict[str, str] | None = None) -> None:
        self._token = None if token is None else _digest(token)
        self._users = {name: _digest(password) for name, password in (users or {}).items()}

    def __bool__(self) -> bool:
        return self._token is not None or bool(self._users)

    @property
    def by_token_alone(self) -> bool:
        """Whether the page must ask for the token: no browser asks for it by itself, as it does for Basic."""
        return self._token is not None and not self._users

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate."""
        return 'Basic realm="radscribe", charset="UTF-8"' if self._users else 'Bearer realm="radscribe"'

    def actor(self, authorization: str | None, session: str | None) -> str | None:
        """Who asks: a user's name, `token`, or `local` where anyone may; None who may not."""
        if not self:
            return ANYONE
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() == "basic":
            return self._user(value.strip())
        if scheme.lower() == "bearer" and self._token is not None:
            return "token" if hmac.compare_digest(_digest(value.strip()), self._token) else None
        return "token" if session is not None and self._session_holds(session) else None

    def _user(self, encoded: str) -> str | None:
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            return None
        # An unknown name takes as long as a wrong password.
        expected = self._users.get(name, b"\0" * 32)
        return name if hmac.compare_digest(_digest(password), expected) else None

    def new_session(self) -> str:
        """A cookie's value: when it ends, signed with the token, so that it outlives a restart."""
        ends = str(int(time.time()) + SESSION_SECONDS)
        return f"{ends}.{self._sign(ends)}"

    def _session_holds(self, session: str) -> bool:
        ends, _, signature = session.partition(".")
        if self._token is None or not (ends.isascii() and ends.isdigit() and len(ends) < 16):
            return False
        return hmac.compare_digest(_digest(signature), _digest(self._sign(ends))) and time.time() < int(ends)

    def _sign(self, text: str) -> str:
        assert self._token is not None
        return hmac.new(self._token, b"session:" + text.encode(), hashlib.sha256).hexdigest()


def read_secret(path: Path) -> str:
    """A token or password from a file, without the line's end.

    Raises
    ------
    UsageError : no such file, or one that holds nothing of use.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        raise UsageError(f"cannot be read: {reason}", subject=path, remedy="name a text file") from error
    if len(secret.splitlines()) != 1:
        raise UsageError("does not hold one line", subject=path, remedy="write the secret alone into it")
    return secret


def read_token(path: Path) -> str:
    """A token from a file; raises `UsageError` where it could be guessed."""
    token = read_secret(path)
    if len(token) < SHORTEST:
        raise UsageError(
            f"holds a token of {len(token)} characters, and {SHORTEST} are the least",
            subject=path,
            remedy="make one: python -c 'import secrets; print(secrets.token_urlsafe())'",
        )
    return token

"""Access to the service: tokens, named users with roles, and sessions of the page."""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radscribe.errors import UsageError
from radscribe.files import atomic_write

log = logging.getLogger(__name__)
SHORTEST_TOKEN = 16  # characters
SHORTEST_PASSWORD = 10
SESSION_SECONDS = 12 * 3600  # absolute: use does not prolong a session
ROLES = ("read", "review", "delete", "administer")  # each includes those before it
ANYONE = "local"  # actor if no credentials are required
TOKEN = "token"
SHARED = frozenset({ANYONE, TOKEN})  # actors that may be several people
# Names that mean something in the audit trail, and so are no user's.
RESERVED = frozenset({ANYONE, TOKEN, "service", "nobody", "anonymous", "system", "unknown"})
COMMON = ("password", "radscribe", "passwort", "qwerty", "letmein", "12345", "admin", "welcome", "changeme")
SCRYPT = {"n": 1 << 14, "r": 8, "p": 1}  # 16 MB and some 50 ms for each guess
USERS_FILE = "users.json"
REMEMBERED = 256  # credentials that were right and need no further scrypt


@dataclass(frozen=True, slots=True)
class Identity:
    """The user or client behind a request.

    Parameters
    ----------
    name : str
        Shown and kept in the audit trail.
    role : str
        One of `ROLES`.
    """

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether the identity has a role, or one that includes it."""
        return ROLES.index(self.role) >= ROLES.index(role)


def digest(secret: str) -> bytes:
    """SHA-256 of a secret that cannot be guessed: a token or a session's key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class Users:
    """Named users in a file: roles, and hashes of passwords and tokens.

    The file is read again when it changes, so that `radscribe users` works beside a running service.

    Parameters
    ----------
    path : Path
        A JSON file; one that is missing holds no users.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._users: dict[str, dict[str, Any]] = {}
        self._remembered: OrderedDict[bytes, str] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()

    def all(self) -> dict[str, dict[str, Any]]:
        """Each user's entry by name.

        Raises
        ------
        UsageError
            The file is damaged.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._users = None, {}
            return {}
        seen = (status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            try:
                found = json.loads(self.path.read_text(encoding="utf-8"))["users"]
                users = {name: dict(entry) for name, entry in found.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise UsageError(
                    "is no file of users", subject=self.path, remedy="restore it from a backup"
                ) from error
            with self._lock:
                self._remembered.clear()
            self._users, self._seen = users, seen
        return self._users

    def add(self, name: str, role: str, password: str | None) -> None:
        """Add a user, or give one another role or password."""
        check_name(name)
        if password is not None:
            check_password(password, name, "the password")
        hashed = hash_password(password) if password else None
        with self._changing() as users:
            other = next((known for known in users if known != name and same_name(known, name)), None)
            if other is not None:
                raise UsageError(f"the user name {name!r} looks like {other!r}", remedy="choose another one")
            entry = users.get(name, {"created": _today(), "tokens": {}})
            users[name] = {**entry, "role": role, "password": hashed or entry.get("password")}

    def add_token(self, name: str, label: str) -> str:
        """Make a token for a user; it is shown once, and its hash is kept."""
        token = secrets.token_urlsafe(32)
        with self._changing() as users:
            entry = _known(users, name)
            users[name] = {**entry, "tokens": {**entry.get("tokens", {}), digest(token).hex(): label}}
        return token

    def disable(self, name: str, disabled: bool = True) -> None:
        """Let a user sign in no more, or again; running sessions end. The name stays taken."""
        with self._changing() as users:
            users[name] = {**_known(users, name), "disabled": disabled}

    def remove(self, name: str) -> None:
        """Remove a user and all tokens; running sessions end."""
        with self._changing() as users:
            _known(users, name)
            del users[name]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, Any]]]:
        """The users, to be changed and then written; one process at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            users = dict(self.all())
            yield users
            with atomic_write(self.path) as file:
                Path(file.name).chmod(0o600)
                file.write(json.dumps({"users": users}, indent=1, sort_keys=True).encode() + b"\n")
        finally:
            os.close(lock)

    def _active(self, name: str) -> dict[str, Any] | None:
        entry = self.all().get(name)
        return None if entry is None or entry.get("disabled") else entry

    def role(self, name: str) -> str | None:
        """Return the role of a user; None if there is no such user or it is disabled."""
        entry = self._active(name)
        return None if entry is None else str(entry["role"])

    def by_token(self, token: str) -> Identity | None:
        """Return the user that owns a token."""
        wanted = digest(token).hex()
        for name, entry in self.all().items():
            if wanted in entry.get("tokens", {}) and not entry.get("disabled"):
                return Identity(name, entry["role"])
        return None

    def remembered(self, name: str, password: str) -> Identity | None:
        """Return the user if this password was right before; takes no time."""
        entry = self._active(name)
        with self._lock:
            known = self._remembered.get(self._mark(name, password)) == name
        return Identity(name, entry["role"]) if known and entry is not None else None

    def by_password(self, name: str, password: str) -> Identity | None:
        """Return the user with this password, or None. An unknown name takes as long as a wrong password."""
        entry = self._active(name)
        if not verify_password(password, (entry or {}).get("password") or UNUSABLE) or entry is None:
            return None
        with self._lock:
            self._remembered[self._mark(name, password)] = name
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return Identity(name, entry["role"])

    def _mark(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{name}\0{password}".encode("utf-8", "surrogatepass"), "sha256")


class Credentials:
    """Checks the credentials of a request.

    Parameters
    ----------
    token : str, optional
        The service's one token, for `Authorization: Bearer`; its bearer may do anything.
    users : dict, optional
        Name to password, for `Authorization: Basic`; these users may do anything but administer.
    named : Users, optional
        Users with roles.
    oidc : bool
        Whether people sign in at an identity provider.
    """

    def __init__(
        self,
        token: str | None = None,
        users: dict[str, str] | None = None,
        named: Users | None = None,
        *,
        oidc: bool = False,
    ) -> None:
        self._token = None if token is None else digest(token)
        self._users = {name: digest(password) for name, password in (users or {}).items()}
        self.named = named
        self.oidc = oidc
        self._required = False
        bool(self)

    def __bool__(self) -> bool:
        """Whether credentials are required. If they ever were, they stay so, whoever is removed."""
        if not self._required:
            self._required = self._token is not None or bool(self._users) or self.has_named or self.oidc
        return self._required

    @property
    def has_named(self) -> bool:
        """Whether there are users with roles."""
        return self.named is not None and bool(self.named.all())

    @property
    def page_signs_in(self) -> bool:
        """Whether the page asks for credentials; else the browser does by itself, for Basic."""
        return bool(self) and not (self._users and not self.has_named and not self.oidc)

    @property
    def by_token(self) -> bool:
        """Whether a token is accepted."""
        return self._token is not None or self.has_named

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate."""
        basic = self._users and not self.page_signs_in
        return 'Basic realm="radscribe", charset="UTF-8"' if basic else 'Bearer realm="radscribe"'

    def check(self, authorization: str, *, hashing: bool = True) -> Identity | None:
        """Return the identity in an Authorization header, or None if it is wrong.

        Parameters
        ----------
        hashing : bool
            Whether to hash a password, which takes 50 ms and 16 MB, unless it was right before.
        """
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "basic":
            return self._by_basic(value.strip(), hashing)
        if scheme.lower() == "bearer":
            return self._by_bearer(value.strip())
        return None

    def _by_bearer(self, token: str) -> Identity | None:
        if self._token is not None and hmac.compare_digest(digest(token), self._token):
            return Identity(TOKEN, "administer")
        return self.named.by_token(token) if self.named is not None else None

    def _by_basic(self, encoded: str, hashing: bool) -> Identity | None:
        try:
            name, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            return None
        # An unknown name takes as long as a wrong password.
        expected = self._users.get(name, b"\0" * 32)
        if self._users and hmac.compare_digest(digest(password), expected):
            return Identity(name, "delete")
        if not self.has_named or self.named is None:
            return None
        known = self.named.remembered(name, password)
        return known or (self.named.by_password(name, password) if hashing else None)

    def is_local(self, name: str) -> bool:
        """Whether a user of this service, enabled or not, has the name or one that looks the same."""
        named = self.named.all() if self.named is not None else {}
        return any(same_name(name, known) for known in (*self._users, *named))

    def still(self, identity: Identity, *, from_provider: bool) -> Identity | None:
        """The identity of a session as it is now: a user may have been removed or given another role.

        Parameters
        ----------
        from_provider : bool
            Whether an identity provider vouched for it. It then has none of the rights of a user of the
            same name.
        """
        if from_provider:
            return identity if self.oidc and not self.is_local(identity.name) else None
        if identity.name == TOKEN:
            return identity if self._token is not None else None
        if identity.name in self._users:
            return identity
        role = self.named.role(identity.name) if self.named is not None else None
        return None if role is None else Identity(identity.name, role)


def hash_password(password: str) -> str:
    """A salted scrypt hash (RFC 7914)."""
    salt = secrets.token_bytes(16)
    hashed = hashlib.scrypt(password.encode(), salt=salt, **SCRYPT)
    return f"scrypt${salt.hex()}${hashed.hex()}"


def verify_password(password: str, stored: str) -> bool:
    """Whether a password has a hash."""
    _, salt, hashed = stored.split("$")
    found = hashlib.scrypt(password.encode("utf-8", "replace"), salt=bytes.fromhex(salt), **SCRYPT)
    return hmac.compare_digest(found, bytes.fromhex(hashed))


UNUSABLE = f"scrypt${'0' * 32}${'0' * 128}"  # no password's hash


def same_name(one: str, other: str) -> bool:
    """Whether two names look the same to a reader of the audit trail: case and width do not count."""
    return _folded(one) == _folded(other)


def is_reserved(name: str) -> bool:
    """Whether a name means something in the audit trail."""
    return _folded(name) in RESERVED


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _known(users: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name not in users:
        raise UsageError(f"there is no user {name!r}", remedy="see radscribe users list")
    return users[name]


def check_name(name: str) -> None:
    """Raises `UsageError` for a user name that is reserved or cannot be sent."""
    if is_reserved(name):
        raise UsageError(f"the user name {name!r} is reserved", remedy="choose another one")
    if not name or len(name) > 64 or ":" in name or not name.isprintable() or name != name.strip():
        raise UsageError(
            f"{name!r} is no user name", remedy="use 1 to 64 printable characters without a colon"
        )


def check_password(password: str, name: str, subject: str | Path) -> None:
    """Raises `UsageError` for a password that is easily guessed."""
    lower = password.lower()
    weak = (
        "is too short"
        if len(password) < SHORTEST_PASSWORD
        else "has too few different characters"
        if len(set(password)) < 5
        else "is built on a common word or the user's name"
        if any(word in lower and len(lower) - len(word) < 6 for word in (*COMMON, name.lower()))
        else None
    )
    if weak:
        raise UsageError(
            f"the password {weak}",
            subject=subject,
            remedy=f"use at least {SHORTEST_PASSWORD} characters, or make one: openssl rand -base64 18",
        )


def read_secret(path: Path) -> str:
    """Read a token or password from a file, without the end of the line.

    Raises
    ------
    UsageError
        The file is missing or does not hold one line.
    """
    try:
        secret = path.read_text(encoding="utf-8").strip()
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        raise UsageError(f"cannot be read: {reason}", subject=path, remedy="name a text file") from error
    if len(secret.splitlines()) != 1:
        raise UsageError("does not hold one line", subject=path, remedy="write the secret alone into it")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        log.warning("%s can be read by other users; run: chmod 600 %s", path, path)
    return secret


def read_token(path: Path) -> str:
    """Read a token from a file; raises `UsageError` if it is easily guessed."""
    token = read_secret(path)
    if len(token) < SHORTEST_TOKEN or len(set(token)) < 6:
        raise UsageError(
            f"holds a token of {len(token)} characters, which could be guessed",
            subject=path,
            remedy="make one: (umask 077; openssl rand -base64 32 > token)",
        )
    return token


def _today() -> str:
    return time.strftime("%Y-%m-%d", time.gmtime())

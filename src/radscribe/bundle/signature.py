"""Signed bundles: an Ed25519 signature of `bundle.json`, which holds the hashes of all other files.

Needs the extra `sign`. Keys are PEM files, as OpenSSL writes them.
"""

from __future__ import annotations

import base64
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from radscribe.errors import BundleError, RadscribeWarning, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE = "bundle.json.sig"
TRUSTED = "RADSCRIBE_TRUSTED_KEYS"  # environment: PEM files of public keys, separated as in PATH
_PURPOSE = b"radscribe bundle 1\n"  # so that a signature of something else never fits


def sign(description: Path, key: Path) -> Path:
    """Write the signature of a bundle's description beside it.

    Parameters
    ----------
    description : Path
        `bundle.json`.
    key : Path
        Private Ed25519 key in PEM without a password.

    Returns
    -------
    Path
        The file with the signature.

    Raises
    ------
    UsageError
        The key cannot be read, or is of another kind.
    """
    serialization, ed25519 = _cryptography(key)
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            "is not a private key in PEM without a password",
            subject=key,
            remedy="make one: (umask 077; openssl genpkey -algorithm ed25519 -out sign.pem)",
        ) from error
    if not isinstance(private, ed25519.Ed25519PrivateKey):
        raise UsageError("is not an Ed25519 key", subject=key, remedy="give openssl -algorithm ed25519")
    if key.stat().st_mode & 0o077:
        warnings.warn(
            f"{key}: can be read by other users; run: chmod 600 {key}", RadscribeWarning, stacklevel=2
        )
    path = description.with_name(SIGNATURE)
    path.write_bytes(base64.b64encode(private.sign(_PURPOSE + description.read_bytes())) + b"\n")
    return path


def verify(description: Path) -> None:
    """Check the signature of a bundle's description, if `RADSCRIBE_TRUSTED_KEYS` names keys.

    Raises
    ------
    BundleError
        The description is not signed with one of the keys.
    UsageError
        A key cannot be read, or is of another kind.
    """
    names = [Path(name) for name in os.environ.get(TRUSTED, "").split(os.pathsep) if name]
    if not names:
        return
    keys = [_public(name) for name in names]
    folder = description.parent
    try:
        signature = base64.b64decode(description.with_name(SIGNATURE).read_bytes().strip(), validate=True)
    except FileNotFoundError:
        raise BundleError(
            f"is not signed, and {TRUSTED} asks for a signature",
            subject=folder,
            remedy="use a signed bundle, or sign it with: radscribe export --sign KEY",
        ) from None
    except (OSError, ValueError) as error:
        raise BundleError("is a damaged signature", subject=folder / SIGNATURE) from error
    message = _PURPOSE + description.read_bytes()
    if not any(_fits(key, signature, message) for key in keys):
        raise BundleError(
            f"is not signed with a key of {TRUSTED}, or was changed afterwards",
            subject=folder,
            remedy="get the bundle from its publisher again, or add the publisher's key",
        )


def _public(path: Path) -> Ed25519PublicKey:
    serialization, ed25519 = _cryptography(path)
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"is not a public key in PEM ({TRUSTED})",
            subject=path,
            remedy="make it from the private one: openssl pkey -in sign.pem -pubout -out trusted.pem",
        ) from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UsageError(f"is not an Ed25519 key ({TRUSTED})", subject=path)
    return cast("Ed25519PublicKey", key)


def _fits(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _cryptography(subject: Path) -> tuple[Any, Any]:
    """The modules `serialization` and `ed25519`."""
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise UsageError(
            "signatures need cryptography",
            subject=subject,
            remedy='run: pip install ".[sign]" in the checkout',
        ) from None
    return serialization, ed25519

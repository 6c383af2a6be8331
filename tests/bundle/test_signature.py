"""Signed bundles: what a trusted key signed is read, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("cryptography", reason="signatures need cryptography, which is not installed")
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from radscribe.bundle.format import DEFAULT, DESCRIPTION, locate, read
from radscribe.bundle.signature import SIGNATURE, TRUSTED, sign
from radscribe.cli.main import radscribe
from radscribe.errors import BundleError, RadscribeWarning, UsageError


def key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    private.chmod(0o600)
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return private, public


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(locate(DEFAULT), tmp_path / "bundle"))


def test_only_bundles_of_trusted_keys_are_read(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (private, public), (_, other) = (key_pair(tmp_path, name) for name in ("mine", "other"))
    read(bundle)  # nobody asks for a signature
    monkeypatch.setenv(TRUSTED, str(public))
    with pytest.raises(BundleError, match="is not signed, and RADSCRIBE_TRUSTED_KEYS asks"):
        read(bundle)
    sign(bundle / DESCRIPTION, private)
    read(bundle)
    monkeypatch.setenv(TRUSTED, os.pathsep.join([str(other), str(public)]))
    read(bundle)
    monkeypatch.setenv(TRUSTED, str(other))
    with pytest.raises(BundleError, match="is not signed with a key of RADSCRIBE_TRUSTED_KEYS"):
        read(bundle)
    read(locate(DEFAULT))  # part of the package


def test_a_change_after_signing_is_found(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key_pair(tmp_path, "mine")
    sign(bundle / DESCRIPTION, private)
    monkeypatch.setenv(TRUSTED, str(public))
    text = (bundle / DESCRIPTION).read_text()
    (bundle / DESCRIPTION).write_text(text.replace('"frontal"', '"lateral"'))
    with pytest.raises(BundleError, match="or was changed afterwards"):
        read(bundle)
    (bundle / DESCRIPTION).write_text(text)
    (bundle / SIGNATURE).write_text("not base64!")
    with pytest.raises(BundleError, match="damaged signature"):
        read(bundle)


def test_export_signs_and_an_export_without_a_key_leaves_no_old_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key_pair(tmp_path, "mine")
    monkeypatch.setenv(TRUSTED, str(public))  # asks for a signature of what is used, not of what is made
    out = tmp_path / "out"
    for options in (["--sign", str(private)], ["--overwrite"]):
        pytest.importorskip("torch", reason="export needs torch, which is not installed")
        result = CliRunner().invoke(radscribe, ["export", DEFAULT, "--out", str(out), *options])
        assert result.exit_code == 0, result.output
        assert (out / SIGNATURE).exists() == ("--sign" in options)
        assert out.stat().st_mode & 0o777 == 0o700


def test_a_key_that_others_can_read_is_a_warning(bundle: Path, tmp_path: Path) -> None:
    private, _ = key_pair(tmp_path, "mine")
    private.chmod(0o644)
    with pytest.warns(RadscribeWarning, match="can be read by other users; run: chmod 600"):
        sign(bundle / DESCRIPTION, private)


def test_other_keys_are_refused(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.pem"
    path.write_text("no key")
    with pytest.raises(UsageError, match="is not a private key in PEM"):
        sign(bundle / DESCRIPTION, path)
    monkeypatch.setenv(TRUSTED, str(path))
    with pytest.raises(UsageError, match="is not a public key in PEM"):
        read(bundle)
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(UsageError, match="is not an Ed25519 key"):
        sign(bundle / DESCRIPTION, path)

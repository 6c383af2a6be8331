"""A repository on the Hugging Face Hub → a folder of its cache; needs the extra `hub`.

The Hub's client caches files: a second call, or one offline, fetches nothing that is cached.
The hashes in `bundle.json` tell whether they are the right files (`format.read`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from radscribe.errors import BundleError
from radscribe.files import sha256_of

PREFIX = "hf:"
DIGEST = "#sha256="


def fetch(
    bundle: str,
    description: str,
    files: Callable[[Path], Iterable[str]],
    optional: Iterable[str] = (),
    what: str = "bundle",
) -> Path:
    """Return the folder with the description of a bundle, or of a checkpoint, and the files that it names.

    Parameters
    ----------
    bundle : str
        `hf:owner/name`, `hf:owner/name@revision` with a branch, a tag or a commit, or
        `hf:owner/name@revision#sha256=DIGEST` with the SHA-256 of the description. As the description holds
        the hashes of all files, only that one bundle is accepted then.
    description : str
        Name of the file that is fetched first.
    files : callable
        From the folder with the description to the names of the files that are needed.
    optional : iterable of str
        Files that are fetched before if the repository has them.
    what : str
        What the repository should hold, for messages.

    Raises
    ------
    BundleError
        The extra is missing, there is no such repository, revision or file, it is not in the cache and the
        Hub cannot be reached, or the description has another digest.
    """
    try:
        from huggingface_hub import errors as hub
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise BundleError(
            "needs huggingface_hub", subject=bundle, remedy='run: pip install ".[hub]" in the checkout'
        ) from None
    address, pinned, digest = bundle.removeprefix(PREFIX).partition(DIGEST)
    repository, _, revision = address.partition("@")
    name = description
    try:
        folder = Path(hf_hub_download(repository, name, revision=revision or None)).parent
        if pinned and sha256_of(folder / description) != digest.lower():
            raise BundleError(
                f"{description} has another SHA-256 than the one that is pinned",
                subject=bundle,
                remedy="check the digest with its publisher",
            )
        for name in optional:
            with suppress(hub.EntryNotFoundError):
                hf_hub_download(repository, name, revision=folder.name)
        for name in files(folder):  # of one commit, named in the folder, even if somebody pushes meanwhile
            hf_hub_download(repository, name, revision=folder.name)
        return folder
    except BundleError:
        raise
    except Exception as error:  # the boundary to the client, whose network library has its own exceptions
        log_in = "log in with: hf auth login"
        told = (
            (hub.HFValidationError, "names no repository", f"write {PREFIX}owner/name[@revision]"),
            (hub.GatedRepoError, "is not open to everybody", f"accept its terms on its page and {log_in}"),
            (hub.RepositoryNotFoundError, "is not there, or private", f"check the name, or {log_in}"),
            (hub.RevisionNotFoundError, f"has no revision {revision}", "name a branch, a tag or a commit"),
            (
                hub.LocalEntryNotFoundError,
                f"{name} is not in the cache, and the Hub cannot be reached",
                f"check the connection, or name the {what}'s folder",
            ),
            (hub.EntryNotFoundError, f"has no {name}", f"name a repository that holds a {what}"),
            (Exception, f"{name} cannot be fetched: {error}", "try again"),
        )
        problem, remedy = next((problem, remedy) for kind, problem, remedy in told if isinstance(error, kind))
        raise BundleError(problem, subject=bundle, remedy=remedy) from error

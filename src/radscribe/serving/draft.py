"""Turn a `Caption` of stored files into a draft with the client's file names instead of paths."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from radscribe.inference.caption import DISCLAIMER, Caption
from radscribe.serving.queue import Job
from radscribe.serving.store.records import Draft


def draft_of(caption: Caption, job: Job) -> Draft:
    """Make the draft of a study that the engine captioned, refused or could not read."""
    rename = _Names(
        {**job.images, **{f"image {n} of the prior study": path for n, path in enumerate(job.prior, 1)}}
    )
    document = caption.to_dict()
    evidence = document.pop("evidence", None)
    document["study"] = job.study or None
    document["files"] = list(job.names)
    document["used"] = [rename.text(file) for file in document["used"]]
    for key in ("refused", "error"):
        document[key] = rename.text(document[key])
    document["left_out"] = {
        rename.text(file): rename.text(why) for file, why in document["left_out"].items()
    } | job.errors
    document["warnings"] = [rename.text(warning) for warning in document["warnings"]]
    if caption.error is None:
        document["warnings"] += [f"left out: {error}" for error in job.errors.values()]
    for image in evidence or ():
        image["file"] = rename.text(image["file"])
    return Draft(
        status="done" if caption.text is not None else "refused" if caption.refused else "failed",
        bundle=caption.bundle,
        document=msgspec.json.encode(document),
        text=caption.text,
        evidence=zlib.compress(msgspec.json.encode(evidence), 1) if evidence else None,
        findings=tuple(caption.findings.items()),
    )


def failed(job: Job, bundle: str, error: str) -> Draft:
    """Make the draft of a study that never reached the engine, or that the engine failed over."""
    caption = Caption(
        study="", files=job.names, bundle=bundle, error=error, warnings=(DISCLAIMER,), failed=True
    )
    return draft_of(caption, replace(job, images={}))


class _Names:
    """Replaces paths of stored files by the names that the client gave them."""

    def __init__(self, images: Mapping[str, Path]) -> None:
        self._names: dict[str, str] = {}  # whole paths before the names of files, which stand in them
        for name, path in images.items():
            # How an error shows it.
            as_told = "".join(c if c.isprintable() else "?" for c in " ".join(str(path).split()))
            self._names |= {str(path): name, as_told: name}
        # Some warnings name the file without its folder: a digest of its content, which is in no other text.
        self._names |= {path.name: name for name, path in images.items()}

    def text(self, text: Any) -> Any:
        for path, name in self._names.items():
            text = text and text.replace(path, name)
        return text

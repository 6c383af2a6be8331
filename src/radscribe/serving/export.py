"""Export reviewed studies as a manifest for `radscribe train`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from radscribe.data import manifest, records, reviews
from radscribe.data.splits import assign
from radscribe.data.study import ImageRef, Split, Study
from radscribe.labels import CHESTXRAY14
from radscribe.serving.store import reads
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.store import IMAGES, Store
from radscribe.text.findings import label
from radscribe.text.report import Report

HEADER = manifest.Header(manifest.VERSION, reviews.SOURCE)
VALUES: dict[str, float | None] = {"present": 1.0, "absent": 0.0, "uncertain": None}


def to_study(stored: StoredStudy, split: Split) -> Study:
    """Convert a reviewed study for the manifest.

    It has the images that the draft used, the accepted text as findings section, and the labels of that text.
    The store holds no patient ids, so studies of one patient may be in different parts.
    """
    text = stored.reviews[-1]["text"]
    said = label(text)
    return Study(
        stored.id,
        _images(stored),
        report=Report(findings=text),
        labels={finding: VALUES[said[finding]] for finding in CHESTXRAY14 if finding in said},
        split=split,
    )


def studies(store: Store) -> Iterator[Study]:
    """Yield the studies with a draft and an image whose last review accepts a text.

    `reviews.parts` selects their parts. No database connection is held between pages, because the consumer
    may be slow.
    """
    parts = reviews.parts(stored.id for stored in _all_accepted(store))
    for stored in _all_accepted(store):
        yield to_study(stored, parts.get(stored.id) or assign(stored.id))


def _all_accepted(store: Store) -> Iterator[StoredStudy]:
    after = ""
    while page := store.read(reads.reviewed, after):
        yield from filter(_accepted, page)
        after = page[-1].id


def _accepted(stored: StoredStudy) -> bool:
    if stored.text is None or not stored.reviews:  # no draft; erased between two queries
        return False
    last = stored.reviews[-1]
    return last["decision"] == "accept" and bool(last["text"].strip()) and bool(_images(stored))


def _images(stored: StoredStudy) -> tuple[ImageRef, ...]:
    """The images that the draft used."""
    left_out = msgspec.json.decode(stored.document or b"{}").get("left_out", {})
    return tuple(
        ImageRef(f"{IMAGES}/{row.file[:2]}/{row.file}", row.view, row.width, row.height)
        for row in stored.images
        if row.file and row.name not in left_out
    )


def lines(store: Store) -> Iterator[bytes]:
    """Yield the lines of the manifest; paths are relative to the store's folder."""
    yield records.encode_header(HEADER) + b"\n"
    for study in studies(store):
        yield records.encode(study) + b"\n"


def bundles(store: Store) -> list[str]:
    """Return the ids of the bundles that wrote the drafts of the accepted studies."""
    drafts = (msgspec.json.decode(stored.document or b"{}") for stored in _all_accepted(store))
    return sorted({draft["bundle"] for draft in drafts if "bundle" in draft})


def export(store: Store, out: Path) -> int:
    """Write a manifest with its images to a new folder.

    Parameters
    ----------
    store : Store
        Store with the reviews.
    out : Path
        Folder to write; only its owner can read it.

    Returns
    -------
    int
        Number of studies.
    """

    def copied() -> Iterator[Study]:
        for study in studies(store):
            for image in study.images:
                target = out / image.path
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    shutil.copyfile(store.images.path(target.name), target)
            yield study

    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    out.chmod(0o700)  # images of patients, whatever the umask
    return manifest.write(out, HEADER, copied())

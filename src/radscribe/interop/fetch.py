"""Pull studies by QIDO-RS and WADO-RS into a folder, or on into a service by STOW-RS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydicom import Dataset

from radscribe.errors import RadscribeError, UsageError
from radscribe.files import atomic_write

MODALITIES = ("CR", "DX", "RG")
PAGE = 200  # studies that are asked for at once


@dataclass(slots=True)
class Fetched:
    """Counts of the objects that were pulled."""

    studies: int = 0
    instances: int = 0
    failed: list[str] = field(default_factory=list)


class Archive:
    """A DICOMweb server.

    Parameters
    ----------
    url : str
        Address of the service, as in https://pacs.example/dicom-web.
    headers : dict of str to str
        Sent with each request, such as Authorization.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        from dicomweb_client import DICOMwebClient
        from dicomweb_client.session_utils import create_session

        if not url.startswith(("http://", "https://")):
            raise UsageError(
                "is not an address", subject=url, remedy="give one like https://pacs.example/dicom-web"
            )
        session = create_session()
        self.url = url
        self._client = DICOMwebClient(url.rstrip("/"), session=session, headers=dict(headers))

    def _ask(self, request: Callable[[], Any], doing: str) -> Any:
        """Make a request; raises `RadscribeError` with one line for every failure."""
        try:
            return request()
        except Exception as error:  # the boundary to requests and dicomweb-client, which raise many kinds
            response = getattr(error, "response", None)
            why = f"answers {response.status_code}" if response is not None else "does not answer"
            raise RadscribeError(
                f"{why} to {doing}", subject=self.url, remedy="check the address and the credentials"
            ) from error

    def studies(self, filters: Mapping[str, str]) -> Iterator[str]:
        """Yield the UIDs of the studies that match."""
        seen: set[str] = set()
        while True:
            ask = partial(
                self._client.search_for_studies, search_filters=dict(filters), limit=PAGE, offset=len(seen)
            )
            found = self._ask(ask, "the query")
            fresh = [uid for study in found if (uid := _value(study, "0020000D")) not in seen]
            seen.update(fresh)
            yield from fresh
            if not fresh or len(found) < PAGE:
                return

    def series(self, study: str, modalities: tuple[str, ...]) -> list[str]:
        """Return the UIDs of the series of a study with one of the modalities."""
        found = self._ask(lambda: self._client.search_for_series(study), "the query for series")
        return [_value(one, "0020000E") for one in found if _value(one, "00080060") in modalities]

    def instances(self, study: str, series: str) -> list[Dataset]:
        """Retrieve the instances of a series in the transfer syntax in which the server has them."""
        media_types = (("application/dicom", "*"),)
        found: list[Dataset] = self._ask(
            lambda: self._client.retrieve_series(study, series, media_types=media_types), "the retrieval"
        )
        return found

    def store(self, datasets: list[Dataset]) -> None:
        """Store instances by STOW-RS."""
        for dataset in datasets:
            dataset.preamble = (
                getattr(dataset, "preamble", None) or b"\0" * 128
            )  # else the client sends no DICOM file
        answer = self._ask(lambda: self._client.store_instances(datasets), "STOW-RS")
        if failed := len(answer.get("FailedSOPSequence") or []):
            raise RadscribeError(f"refused {failed} of {len(datasets)} instances", subject=self.url)


def fetch(
    source: Archive,
    filters: Mapping[str, str],
    target: Path | Archive,
    modalities: tuple[str, ...] = MODALITIES,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda studies: None,
) -> Fetched:
    """Pull the studies that match.

    Parameters
    ----------
    filters : mapping of str to str
        Attribute → value, as of QIDO-RS: keywords or tags, with wildcards and ranges.
    target : Path or Archive
        Folder with a folder for each study, or a service that takes STOW-RS.
    modalities : tuple of str
        Only series of these are pulled.
    limit : int, optional
        Largest number of studies.
    progress : callable
        Called with the number of studies that are done.

    Returns
    -------
    Fetched
        Studies that failed are counted, and the others are pulled.

    Raises
    ------
    RadscribeError
        The server does not answer the query.
    """
    done = Fetched()
    for study in source.studies(filters):
        if limit is not None and done.studies + len(done.failed) >= limit:
            break
        try:
            datasets = [
                dataset
                for series in source.series(study, modalities)
                for dataset in source.instances(study, series)
            ]
            if datasets:
                if isinstance(target, Archive):
                    target.store(datasets)
                else:
                    _write(target, datasets)
        except RadscribeError as error:
            done.failed.append(str(error))
            continue
        done.studies += bool(datasets)
        done.instances += len(datasets)
        progress(done.studies)
    return done


def _write(folder: Path, datasets: list[Dataset]) -> None:
    for dataset in datasets:
        # Digests: a UID comes from outside, and is not used as a file name.
        study, instance = (
            hashlib.sha256(str(dataset.get(k, "")).encode()).hexdigest()[:16]
            for k in ("StudyInstanceUID", "SOPInstanceUID")
        )
        place = folder / study
        place.mkdir(parents=True, exist_ok=True)
        with atomic_write(place / f"{instance}.dcm") as file:
            dataset.save_as(file, enforce_file_format=True)


def _value(item: Mapping[str, Any], tag: str) -> str:
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0])

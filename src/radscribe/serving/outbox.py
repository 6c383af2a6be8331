"""Sends the results of drafts and reviews to the destinations, with retries that survive restarts."""

from __future__ import annotations

import logging
import threading
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from radscribe.errors import DataError, RadscribeError
from radscribe.interop.destinations.destination import DeliveryError, Destination, Parcel
from radscribe.interop.identity import IdentityKey
from radscribe.interop.results.record import Film, Kind, Result, Review, result_of, version
from radscribe.serving import display
from radscribe.serving.metrics import Metrics
from radscribe.serving.store import identities, reads, writes
from radscribe.serving.store import outbox as rows
from radscribe.serving.store.outbox import OutboxRow
from radscribe.serving.store.reads import StoredStudy
from radscribe.serving.store.records import Shipping
from radscribe.serving.store.store import Store

log = logging.getLogger(__name__)
POLL_SECONDS = 1.0


class Outbox:
    """A thread per destination, which sends one object after the other.

    So a destination that does not answer holds up no other one. An object that does not arrive is tried again
    after 1, 2, 4, ... 60 seconds, until it arrives or its study is deleted. While a destination is down, one
    such object is tried at these times and the others wait; the first answer sets them free. An object that
    cannot be made, or that the destination has refused ten times, is given up until somebody asks for another
    try.

    Parameters
    ----------
    key : IdentityKey
        Decrypts the identities of studies.
    organisation : str
        The verifying organisation of reviewed results.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        store: Store,
        key: IdentityKey,
        metrics: Metrics,
        organisation: str,
    ) -> None:
        self._store, self._key, self._organisation = store, key, organisation
        self._sent = metrics.counter("results_sent", "Objects that arrived", ["destination", "kind"])
        self._failed = metrics.counter("results_failed", "Tries that failed", ["destination"])
        self._names = tuple(to.name for to in destinations)
        if not store.shared:
            store.write(rows.resume).result()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(to,), name=f"outbox-{n}", daemon=True)
            for n, to in enumerate(destinations)
        ]
        for to in destinations:
            for name, meaning, state in (
                ("results_waiting", "Objects to be sent", rows.WAITING),
                ("results_given_up", "Objects that were given up", rows.FAILED),
            ):
                metrics.gauge(name, meaning, partial(self._count, to.name, state), destination=to.name)
            metrics.gauge(
                "results_waiting_seconds",
                "Age of the oldest object to be sent; 0 if there is none",
                partial(self._age, to.name),
                destination=to.name,
            )
        for thread in self._threads:
            thread.start()

    def overview(self) -> list[dict[str, Any]]:
        """Return per destination how many objects wait and were given up, since when, and why."""
        return self._store.read(_overview, self._names)

    def close(self) -> None:
        """Finish the objects that are being sent; the next start sends the others."""
        self._closing.set()
        for thread in self._threads:
            thread.join()

    def _run(self, destination: Destination) -> None:
        unanswered, retries_from = 0, 0.0
        while not self._closing.is_set():
            try:
                retries = time.monotonic() >= retries_from
                row = self._store.write(rows.claim, destination.name, retries=retries).result()
                if row is not None:
                    if self._send(destination, row):
                        unanswered, retries_from = 0, 0.0
                    elif retries:
                        unanswered += 1
                        retries_from = time.monotonic() + rows.wait(unanswered)
                    continue
                destination.close()
            except SQLAlchemyError as error:
                log.warning("the outbox waits for the database: %s", type(error).__name__)
            except Exception:
                log.exception("the outbox failed; it tries again")
            self._closing.wait(POLL_SECONDS)
        destination.close()

    def _send(self, destination: Destination, row: OutboxRow) -> bool:
        """Send an object and record what became of it; False if the destination is down."""
        kind: Kind = row.kind  # type: ignore[assignment]
        refused = final = False
        try:
            parcel = self._parcel(row)
            if parcel is None:  # it was deleted meanwhile
                return True
            destination.send(kind, parcel)
        except DataError as error:
            why, final = str(error), True  # the study lacks what the object needs
        except RadscribeError as error:
            why, refused = str(error), isinstance(error, DeliveryError) and error.refused
        except Exception as error:  # noqa: BLE001  its message may quote the patient
            why, refused = f"{row.kind} cannot be made or sent: {type(error).__name__}", True
            log.error("%s of %s: %s", row.kind, row.study_id, why)
        else:
            self._store.write(_sent, row).result()
            self._sent.labels(destination.name, row.kind).inc()
            return True
        self._failed.labels(destination.name).inc()
        log.warning("%s of %s, try %d: %s", row.kind, row.study_id, row.attempts + 1, why)
        self._store.write(_failed, row, why, refused=refused, final=final).result()
        return refused or final

    def _parcel(self, row: OutboxRow) -> Parcel | None:
        study = self._store.read(reads.find, row.study_id, evidence=True)
        identity = self._store.read(identities.find, row.study_id)
        if study is None or study.deleted or study.document is None or identity is None:
            return None
        if identity.sealed is None:
            return None
        before = study.supersedes and self._store.read(reads.find, study.supersedes)
        result = to_result(self._key, study, identity.sealed, row.version, self._organisation, before or None)
        return Parcel(result, lambda: [self._pixels(film) for film in result.films])

    def _pixels(self, film: Film) -> npt.NDArray[np.uint8]:
        pixels = display.load(self._store.images.path(str(film.instance.path)))
        return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)

    def _count(self, destination: str, state: str) -> float:
        return float(self._store.read(rows.unsent, state).get(destination, (0, ""))[0])

    def _age(self, destination: str) -> float:
        found = self._store.read(rows.unsent, rows.WAITING).get(destination)
        if found is None:
            return 0.0
        return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(found[1])).total_seconds())


def _sent(connection: Connection, row: OutboxRow) -> None:
    if rows.mark_sent(connection, row):
        writes.record(connection, row.study_id, writes.SYSTEM, "sent", **_details(row))


def _failed(connection: Connection, row: OutboxRow, why: str, *, refused: bool, final: bool) -> None:
    if rows.mark_failed(connection, row, why, refused=refused, final=final):
        log.error("%s of %s is given up; send it again when the cause is gone", row.kind, row.study_id)
        writes.record(connection, row.study_id, writes.SYSTEM, "not sent", **_details(row), why=why)


def _details(row: OutboxRow) -> dict[str, Any]:
    return {"destination": row.destination, "kind": row.kind, "version": row.version}


def _overview(connection: Connection, destinations: Sequence[str]) -> list[dict[str, Any]]:
    waiting, given_up = (rows.unsent(connection, state) for state in (rows.WAITING, rows.FAILED))
    # Also those that a former start had: what waits for them waits for ever.
    names = dict.fromkeys((*destinations, *waiting, *given_up))
    return [
        {
            "destination": name,
            "configured": name in destinations,
            "waiting": waiting.get(name, (0, None))[0],
            "since": waiting.get(name, (0, None))[1],
            "given_up": given_up.get(name, (0, None))[0],
            "error": rows.last_error(connection, name),
        }
        for name in names
    ]


def shippings(destinations: Sequence[Destination]) -> tuple[Shipping, ...]:
    """Return which objects of a draft and of a review each destination gets."""
    return tuple(
        Shipping(to.name, to.kinds_of(verified=False), to.kinds_of(verified=True)) for to in destinations
    )


def to_result(
    key: IdentityKey,
    study: StoredStudy,
    sealed: bytes,
    number: int,
    organisation: str,
    before: StoredStudy | None,
) -> Result:
    """Put together the draft of a stored study, or its review of this number.

    Parameters
    ----------
    before : StoredStudy, optional
        The study that this one supersedes.
    """
    review = supersedes = None
    if number:
        row = study.reviews[number - 1]
        at = datetime.fromisoformat(row["created"]).astimezone(UTC)
        last = _last_accepted(study, number - 1)
        review = Review(row["reviewer"], organisation, row["text"], at, number, corrects=last > 0)
        supersedes = version(study.id, last)
    elif before is not None and before.text is not None:
        supersedes = version(before.id, _last_accepted(before, len(before.reviews)))
    return result_of(
        key.open(sealed, study.id),
        study.id,
        msgspec.json.decode(study.document or b"{}"),
        str(study.finished),
        evidence=msgspec.json.decode(zlib.decompress(study.evidence)) if study.evidence else (),
        paths={row.name: row.file for row in study.images if row.file},
        review=review,
        supersedes=supersedes,
    )


def _last_accepted(study: StoredStudy, reviews: int) -> int:
    """The number of the last accepted review among the first ones; 0 if there is none."""
    accepted = (n for n in range(reviews, 0, -1) if study.reviews[n - 1]["decision"] == "accept")
    return next(accepted, 0)

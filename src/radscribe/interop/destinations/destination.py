"""A destination: it takes the objects of a result, one at a time, and says whether they arrived."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from radscribe.errors import RadscribeError, UsageError
from radscribe.interop.results.record import Kind, Result

SECONDS = 30.0  # for a connection, and for each answer


class DeliveryError(RadscribeError):
    """A destination that did not take an object. The message names no patient.

    Parameters
    ----------
    refused : bool
        Whether the destination answered that it does not want this object, so that it will probably not take
        it later either. Otherwise the destination is down, overloaded or not set up yet.
    """

    def __init__(self, problem: str, *, subject: str | None = None, refused: bool = False) -> None:
        super().__init__(problem, subject=subject)
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Address:
    """A destination as the command line names it.

    Parameters
    ----------
    kind, place : str
        As in ``KIND:PLACE``.
    options : mapping of str to str
        What follows "#".
    """

    kind: str
    place: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, kind: str, place: str, options: str) -> Address:
        """Parse the options.

        Raises
        ------
        UsageError
            There is no place, or an option is not ``NAME=VALUE``.
        """
        pairs = [option.partition("=") for option in options.split("&") if option]
        address = cls(kind, place, {name: value for name, _, value in pairs})
        if not place:
            raise address.wrong("names no place")
        if any(not (name and value) for name, _, value in pairs):
            raise address.wrong("has an option that is not NAME=VALUE")
        return address

    @property
    def name(self) -> str:
        """The address without options, as the store, the page and the metrics name it."""
        return f"{self.kind}:{self.place}"

    def wrong(self, problem: str, remedy: str | None = None) -> UsageError:
        """Return the error for an address that makes no sense."""
        return UsageError(problem, subject=f"--destination {self.name}", remedy=remedy)

    def secret(self, option: str) -> str | None:
        """Return the first line of the file that an option names."""
        if option not in self.options:
            return None
        path = Path(self.options[option])
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not text"
            raise UsageError(f"cannot be read: {reason}", subject=path) from error
        if not lines or not lines[0].strip():
            raise UsageError("is empty", subject=path, remedy="write the secret in its first line")
        return lines[0].strip()

    def tls(self, *, always: bool = False) -> ssl.SSLContext | None:
        """Return how to encrypt, by the options ``ca``, ``cert`` and ``key``; None if it is not to be."""
        if not always and not {"ca", "cert", "tls"} & set(self.options):
            return None
        try:
            context = ssl.create_default_context(cafile=self.options.get("ca"))
            if "cert" in self.options:
                context.load_cert_chain(self.options["cert"], self.options.get("key"))
        except (OSError, ssl.SSLError) as error:
            raise self.wrong(f"has certificates that cannot be read: {error.strerror or error}") from error
        return context


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """A result with what its objects are made from.

    Parameters
    ----------
    pixels : callable
        Returns the radiographs of `result.films`, uint8 `[H, W]`; they are read only for the film.
    """

    result: Result
    pixels: Callable[[], Sequence[npt.NDArray[np.uint8]]]

    def dicom(self, kind: Kind) -> Dataset:
        """Make a DICOM object; the same one at each call."""
        # highdicom takes a second to import, and no destination of messages needs it.
        from radscribe.interop.results.film import film_capture
        from radscribe.interop.results.findings import findings_report
        from radscribe.interop.results.report import text_report

        if kind == "film":
            return film_capture(self.result, self.pixels())
        return findings_report(self.result) if kind == "findings" else text_report(self.result)


class Destination(ABC):
    """One destination.

    Parameters
    ----------
    address : Address
        Where it is.

    Raises
    ------
    UsageError
        The address or an option is not valid.
    """

    kinds: tuple[Kind, ...] = ("findings", "report", "film")
    options: frozenset[str] = frozenset()

    def __init__(self, address: Address) -> None:
        self.address = address
        for option in address.options:
            if option not in self.options:
                known = ", ".join(sorted(self.options)) or "none"
                raise address.wrong(f"has the option {option}, which is unknown", f"there are: {known}")

    @property
    def name(self) -> str:
        """Its name in the store, the page and the metrics."""
        return self.address.name

    def kinds_of(self, *, verified: bool) -> tuple[Kind, ...]:
        """Return the objects that it gets; the film is of the draft alone."""
        return tuple(kind for kind in self.kinds if not (verified and kind == "film"))

    @abstractmethod
    def send(self, kind: Kind, parcel: Parcel) -> None:
        """Send one object and return when it has arrived; one thread sends them all.

        Raises
        ------
        DeliveryError
            It has not arrived; sending it again does no harm.
        """

    def close(self) -> None:  # noqa: B027  most have nothing to close
        """Close what `send` keeps open for the next object; nothing is due at the moment."""

    def failed(self, problem: str, *, refused: bool = False) -> DeliveryError:
        """Return the error of an object that did not arrive."""
        return DeliveryError(problem, subject=self.name, refused=refused)

"""Errors that a user reads: one line that names the file, what is wrong with it, and what to do."""

from __future__ import annotations

from os import PathLike


class RadscribeError(Exception):
    """A problem the caller can act on.

    Parameters
    ----------
    problem : what is wrong, without a full stop.
    subject : the file, study or option that it is about.
    remedy : what to do about it, without a full stop.
    """

    def __init__(
        self, problem: str, *, subject: str | PathLike[str] | None = None, remedy: str | None = None
    ) -> None:
        self.problem = problem
        self.subject = None if subject is None else str(subject)
        self.remedy = remedy
        line = problem if self.subject is None else f"{self.subject}: {problem}"
        line = line if remedy is None else f"{line}; {remedy}"
        printable = (c if c.isprintable() else "?" for c in " ".join(line.split()))
        super().__init__("".join(printable))


class ImageError(RadscribeError):
    """A file that cannot become a `Radiograph`."""


class DataError(RadscribeError):
    """A dataset, manifest, report file or prediction file that breaks a rule."""


class LeakError(DataError):
    """Patients, studies or images that stand in more than one part of a split."""


class BundleError(RadscribeError):
    """A bundle that is incomplete, altered or of another format."""


class WeightsError(RadscribeError):
    """A file of weights that cannot be imported whole."""


class UsageError(RadscribeError):
    """An option or argument that makes no sense; the command line exits with 2."""


class RadscribeWarning(UserWarning):
    """Something that was done, but not as asked."""

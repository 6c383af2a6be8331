"""Errors for users: one line with the file, the problem and the remedy."""

from __future__ import annotations

from os import PathLike


class RadscribeError(Exception):
    """A problem that the caller can act on.

    Parameters
    ----------
    problem : str
        What is wrong, without a full stop.
    subject : str or path, optional
        The file, study or option that the problem is about.
    remedy : str, optional
        What to do about it, without a full stop.
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
    """Patients, studies or images that are in more than one part of a split."""


class BundleError(RadscribeError):
    """A bundle that is incomplete, altered or in another format."""


class WeightsError(RadscribeError):
    """A file of weights that cannot be imported completely."""


class UsageError(RadscribeError):
    """An option or argument that makes no sense. The command line exits with code 2."""


class OutputError(RadscribeError):
    """A file or folder that cannot be written: a full disk, a missing permission."""


class Interrupted(RadscribeError):
    """Ctrl-C or SIGTERM stopped a command that can continue later. The command line exits with code 130.

    Commands that cannot continue let `KeyboardInterrupt` pass.
    """


class RadscribeWarning(UserWarning):
    """Something was done, but not as asked."""

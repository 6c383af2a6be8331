"""Bootstrap over whole groups (Efron & Tibshirani, 1993): images of one patient are not independent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def resamples(groups: Sequence[str], rounds: int = 1000, seed: int = 0) -> Iterator[Rows]:
    """Draw groups with replacement and yield their row numbers.

    Parameters
    ----------
    groups : sequence of str
        The group of each row, usually the patient.
    rounds, seed : int
        Number of resamples and their seed.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == group) for group in range(len(names))]
    generator = np.random.default_rng(seed)
    for _ in range(rounds):
        yield np.concatenate([members[g] for g in generator.integers(0, len(names), len(names))])


def interval(
    statistic: Callable[[Rows], float],
    groups: Sequence[str],
    rounds: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Return the percentile interval of a statistic of rows. Resamples where it is NaN are left out."""
    return percentiles(np.array([statistic(rows) for rows in resamples(groups, rounds, seed)]), confidence)


def multiplicities(groups: Sequence[str], rounds: int = 1000, seed: int = 0) -> npt.NDArray[np.float64]:
    """Return how often each row occurs in each resample of whole groups, `[rounds, N]`.

    For a statistic of sums, `multiplicities(...) @ numbers` gives the sums of all resamples at once.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=rounds)
    return np.asarray(counts[:, index], dtype=np.float64)


def percentiles(values: npt.NDArray[np.float64], confidence: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of resampled values, `[rounds]`."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return float(low), float(high)


def paired_p_value(differences: npt.NDArray[np.float64], observed: float) -> float:
    """Return the two-sided p-value of a difference, by the paired bootstrap.

    Koehn (EMNLP 2004) in the form of Riezler & Maxwell (2005), as in sacrebleu: the resamples are shifted
    to a mean of 0. The result is at least 1 / (rounds + 1), and 1 if nothing differs.
    """
    shifted = np.abs(differences - differences.mean())
    return float((np.sum(shifted >= abs(observed)) + 1) / (len(differences) + 1))

"""Clinical metrics that need models, through the package `radeval` 2: RadGraph F1, CheXbert F1 and others.

radscribe installs and downloads nothing here: the terms of these models are for the user to accept.

Each metric has a direction, because not all are better if they are higher. RadCliQ estimates the number of
errors, so lower is better. Its direction differs between versions and modes of `radeval`: in 2.2 the mean is
inverted and the scores per report are not. So the direction is not assumed but measured, on a perfect and a
wrong report that are scored together with the captions.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from radscribe.errors import RadscribeError, UsageError
from radscribe.evaluation.bootstrap import multiplicities, percentiles

PACKAGE = "radeval"
MAJOR = 2
INSTALL = "run: pip install 'radeval>=2', and accept the terms of the models that it downloads"
Direction = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class ExternalMetric:
    """How one metric of `radeval` is called and read.

    Parameters
    ----------
    metric : str
        Its name in ``RadEval(metrics=[...])``.
    key : str
        The key of its main score.
    also : tuple of str
        Keys of further scores to keep.
    per_sample : bool
        Whether its scores per report add up to the score of the corpus. CheXbert's F1 does not.
    direction : {"higher", "lower", None}
        Whether higher or lower is better; None measures it.
    """

    metric: str
    key: str
    also: tuple[str, ...] = ()
    per_sample: bool = True
    direction: Direction | None = "higher"


EXTERNAL: Mapping[str, ExternalMetric] = {
    "radgraph_f1": ExternalMetric("radgraph", "radgraph_partial", ("radgraph_simple", "radgraph_complete")),
    "chexbert_f1": ExternalMetric(
        "f1chexbert",
        "f1chexbert_all_micro_f1",
        ("f1chexbert_all_macro_f1", "f1chexbert_5_micro_f1", "f1chexbert_5_macro_f1"),
        per_sample=False,
    ),
    "radcliq": ExternalMetric("radcliq", "radcliq_v1", direction=None),
    "green": ExternalMetric("green", "green"),
    "ratescore": ExternalMetric("ratescore", "ratescore"),
}
# Scored beside the captions to measure a direction: the first pair is perfect, the second wrong.
_KNOWN_PAIRS = (
    ("There is a large left pleural effusion.", "There is a large left pleural effusion."),
    ("The heart is enlarged. No effusion.", "There is a right pneumothorax with rib fractures."),
)


@dataclass(frozen=True, slots=True)
class ExternalScore:
    """A score of `radeval`.

    Parameters
    ----------
    value : float
        The score: the mean over reports, or the score of the corpus.
    direction : {"higher", "lower"}
        Whether higher or lower is better.
    interval : tuple of float, optional
        95% bootstrap interval; None if the metric gives no scores per report.
    also : dict
        Further scores of the metric.
    signature : str
        Package, version and key.
    """

    value: float
    direction: Direction
    interval: tuple[float, float] | None
    also: dict[str, float]
    signature: str

    def to_dict(self) -> dict[str, Any]:
        """Return what `scores.json` holds."""
        return {
            "value": self.value,
            "better": self.direction,
            "interval": self.interval,
            "signature": self.signature,
            **self.also,
        }


def available() -> bool:
    """Return whether `radeval` is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def require(names: Sequence[str]) -> None:
    """Check that metrics exist and that `radeval` 2 is installed.

    Raises
    ------
    UsageError
        There is no such metric.
    RadscribeError
        `radeval` is not installed, or is another major version.
    """
    if unknown := [name for name in names if name not in EXTERNAL]:
        raise UsageError(f"no metric '{unknown[0]}'", remedy=f"choose {', '.join(EXTERNAL)}")
    needs = f"{', '.join(names)} need{'s' if len(names) == 1 else ''}"
    if not available():
        raise RadscribeError(f"{needs} the package radeval, which is not installed", remedy=INSTALL)
    version = _version()
    if version.partition(".")[0] != str(MAJOR):
        raise RadscribeError(f"{needs} radeval {MAJOR}, and radeval {version} is installed", remedy=INSTALL)


def score(
    names: Sequence[str],
    captions: Sequence[str],
    references: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    rounds: int = 1000,
    seed: int = 0,
) -> dict[str, ExternalScore]:
    """Score captions with metrics of `radeval`.

    Parameters
    ----------
    names : sequence of str
        Names from `EXTERNAL`.
    captions, references : sequence of str
        N texts each.
    groups : sequence of str, optional
        The patient of each study, for the bootstrap (default: each study is its own patient).
    rounds, seed : int
        Number of bootstrap resamples and their seed.

    Raises
    ------
    UsageError
        There is no such metric.
    RadscribeError
        `radeval` is not installed or is another major version, or a model is not on this machine.
    """
    require(names)
    keys = groups or [str(number) for number in range(len(captions))]
    weights = multiplicities(keys, rounds, seed) if rounds else None
    return {name: _score(name, EXTERNAL[name], captions, references, weights) for name in names}


def _score(
    name: str, metric: ExternalMetric, captions: Sequence[str], references: Sequence[str], weights: Any
) -> ExternalScore:
    measured = metric.direction is None
    pairs = _KNOWN_PAIRS if measured else ()
    refs = [*references, *(reference for _, reference in pairs)]
    hyps = [*captions, *(caption for caption, _ in pairs)]
    found = _run(name, metric, refs, hyps)
    signature = f"{name}|{PACKAGE}:{_version()}|key:{metric.key}|n:{len(captions)}"
    if not metric.per_sample:
        also = {key: float(found[key]) for key in metric.also if key in found}
        return ExternalScore(float(found[metric.key]), metric.direction or "higher", None, also, signature)
    each = np.asarray(found[metric.key], dtype=np.float64)
    direction = metric.direction
    if measured:
        perfect, wrong = each[-2:]
        direction = "lower" if perfect < wrong else "higher"
        each = each[:-2]
    interval = None
    if weights is not None:
        interval = percentiles(weights @ each / weights.sum(1))
    also = {key: float(np.mean(found[key])) for key in metric.also if key in found}
    return ExternalScore(float(each.mean()), direction or "higher", interval, also, signature)


def _run(name: str, metric: ExternalMetric, refs: list[str], hyps: list[str]) -> Mapping[str, Any]:
    """Call `radeval`, with its output sent to standard error."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            module = importlib.import_module(PACKAGE)
            scorer = module.RadEval(
                metrics=[metric.metric], per_sample=metric.per_sample, show_progress=False
            )
            found: Mapping[str, Any] = scorer(refs=refs, hyps=hyps)
    except ModuleNotFoundError as error:
        raise RadscribeError(
            f"{name} needs the package {error.name}, which radeval did not find", remedy=INSTALL
        ) from error
    except OSError as error:
        raise RadscribeError(
            f"the model of {name} is not on this machine and cannot be downloaded",
            remedy="download it where there is a network, and copy the Hugging Face cache here",
        ) from error
    except Exception as error:  # third-party models can raise anything
        raise RadscribeError(
            f"radeval cannot compute {name} ({type(error).__name__})",
            remedy=f"try it in Python: radeval.RadEval(metrics=['{metric.metric}'])",
        ) from error
    if metric.key not in found:
        raise RadscribeError(
            f"radeval {_version()} returned no '{metric.key}' for {name}",
            remedy="report this with the version of radeval",
        )
    return found


def _version() -> str:
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"

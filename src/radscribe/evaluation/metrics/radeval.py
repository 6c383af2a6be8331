"""Clinical metrics that need models: RadGraph F1, CheXbert F1, RadCliQ and GREEN, through `radeval`.

radscribe installs and downloads nothing of them: the terms of `radeval`'s models are the user's to accept.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

from radscribe.errors import RadscribeError, UsageError

# Name here → the option of `RadEval` that computes it.
EXTERNAL: dict[str, str] = {
    "radgraph_f1": "do_radgraph",
    "chexbert_f1": "do_chexbert",
    "radcliq": "do_radcliq",
    "green": "do_green",
}
PACKAGE = "RadEval"


def available() -> bool:
    """Whether `radeval` is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def external(names: Sequence[str], captions: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
    """What `radeval` says, under its own keys.

    Raises
    ------
    UsageError : there is no such metric.
    RadscribeError : `radeval` is not installed, or it failed.
    """
    if unknown := [name for name in names if name not in EXTERNAL]:
        raise UsageError(f"no metric '{unknown[0]}'", remedy=f"choose of {', '.join(EXTERNAL)}")
    if not available():
        raise RadscribeError(
            f"{', '.join(names)} need the package radeval, which is not installed",
            remedy="pip install RadEval, and accept the terms of the models that it downloads",
        )
    try:
        evaluator = importlib.import_module(PACKAGE).RadEval(**{EXTERNAL[name]: True for name in names})
        return dict(evaluator(refs=list(references), hyps=list(captions)))
    except Exception as error:  # whatever a third party's models raise is its answer
        raise RadscribeError(
            f"radeval failed: {type(error).__name__}: {error}", remedy="see its documentation"
        ) from error

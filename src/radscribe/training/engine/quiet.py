"""Lightning's hints that a user of the command line can do nothing about."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

HINTS = (
    r".*does not have many workers.*",  # features and pixels are in memory: a worker would only copy them
    r".*sync_dist=True.*",  # figures made of gathered outputs are alike in every process
    r".*Trying to infer the `batch_size`.*",
    r".*treespec, LeafSpec.*",
    r".*GPU available but not used.*",
    r".*lr_scheduler\.step\(\)` before `optimizer\.step.*",  # told of a schedule that is restored, too
)


@contextmanager
def quiet() -> Iterator[None]:
    """Without tips, banners and these hints; other warnings are heard."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for hint in HINTS:
                warnings.filterwarnings("ignore", hint)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

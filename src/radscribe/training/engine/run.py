"""One training run, whatever is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader

from radscribe.training.config import RunConfig
from radscribe.training.engine.checkpoints import BEST, LAST, BestAndLast
from radscribe.training.engine.hardware import trainer_options
from radscribe.training.engine.history import History, Row
from radscribe.training.engine.pace import Pace
from radscribe.training.engine.processes import is_main
from radscribe.training.engine.progress import ShowProgress
from radscribe.training.engine.quiet import quiet
from radscribe.training.engine.randomness import Reseed


class Fitted(NamedTuple):
    """What a run came to."""

    rows: list[Row]  # figures of every epoch
    best_epoch: int  # from 1


def fit(
    module: L.LightningModule,
    training: DataLoader[Any],
    validation: DataLoader[Any],
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Fitted:
    """Train, and leave in the module the weights of the best epoch by `config.monitor`.

    `out` gets `best.ckpt`, `last.ckpt` and `log/`. On several devices, the other processes end here and only
    the one that writes files returns.

    Parameters
    ----------
    training, validation : made by `engine.loader`.

    Raises
    ------
    UsageError : the devices cannot do what is asked, or no figure has the name `config.monitor`.
    RadscribeError : the figure was never a number.
    """
    pace = Pace()
    history, checkpoints = History(out, pace), BestAndLast(out, config)
    last = out / LAST
    with quiet():
        trainer = L.Trainer(
            max_epochs=config.epochs,
            accumulate_grad_batches=config.accumulate,
            gradient_clip_val=config.clip or None,
            # In this order: each epoch is timed, kept, shown, and then saved with what the others know of it.
            callbacks=[
                Reseed(config.seed),
                pace,
                *callbacks,
                history,
                ShowProgress(pace, history),
                checkpoints,
            ],
            num_sanity_val_steps=0,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **trainer_options(config),
        )
        going_on = str(last) if resume and last.exists() else None
        trainer.fit(module, training, validation, ckpt_path=going_on, weights_only=False)
    if not is_main():
        raise SystemExit(0)
    checkpoints.require_best()
    best = torch.load(out / BEST, map_location="cpu", weights_only=False)
    module.load_state_dict(best["state_dict"])
    return Fitted(history.rows, checkpoints.best_epoch)

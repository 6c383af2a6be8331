"""One training run, whatever is trained: epochs, checkpoints, logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from radscribe.training.config import RunConfig

BEST, LAST = "best.ckpt", "last.ckpt"


def fit(
    module: L.LightningModule,
    training: DataLoader[Any],
    validation: DataLoader[Any],
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train, and leave in the module the weights of the best epoch by `config.monitor`.

    `out` gets `best.ckpt`, `last.ckpt` and `log/metrics.csv`.
    """
    stops = (
        [EarlyStopping(config.monitor, patience=config.patience, mode=config.mode)] if config.patience else []
    )
    trainer = L.Trainer(
        max_epochs=config.epochs,
        gradient_clip_val=config.clip,
        accelerator="auto",
        devices=1,
        logger=CSVLogger(out, name="", version="log"),
        callbacks=[
            *callbacks,
            *stops,
            ModelCheckpoint(
                out,
                filename="best",
                monitor=config.monitor,
                mode=config.mode,
                save_last=True,
                enable_version_counter=False,
            ),
        ],
        num_sanity_val_steps=0,
        log_every_n_steps=5,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    last = out / LAST
    trainer.fit(
        module,
        training,
        validation,
        ckpt_path=str(last) if resume and last.exists() else None,
        weights_only=False,
    )
    best = torch.load(out / BEST, map_location="cpu", weights_only=False)
    module.load_state_dict(best["state_dict"])

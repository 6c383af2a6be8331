"""`radscribe train-encoder`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import (
    TrainingCommand,
    configuration,
    require_extra,
    resumable,
    training_options,
)
from radscribe.cli.progress import Progress


@click.command(cls=TrainingCommand, configuration="EncoderConfig")
@training_options
def command(
    data: Path,
    out: Path,
    config: Path | None,
    settings: tuple[str, ...],
    resume: bool,
    devices: int | None,
    strategy: str | None,
) -> None:
    """Train an image encoder on the findings of a manifest.

    \b
    radscribe train-encoder --data nih --out runs/encoder --set image_size=320 --set epochs=14
    """
    require_extra("train")
    from radscribe.training.config import EncoderConfig
    from radscribe.training.train_encoder import train_encoder

    settled = configuration(EncoderConfig, out, config, settings, resume, devices=devices, strategy=strategy)
    with resumable(out), Progress() as progress:
        weights = train_encoder(data, out, settled, resume, progress)
    click.echo(f"wrote {weights}", err=True)

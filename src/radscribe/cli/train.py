"""`radscribe train`."""

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


@click.command(cls=TrainingCommand, configuration="DecoderConfig")
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
    """Train a captioner on an encoder's features.

    \b
    radscribe train --data iu --out runs/captioner --set encoder=runs/encoder
    """
    require_extra("train")
    from radscribe.training.config import DecoderConfig
    from radscribe.training.train_decoder import train_decoder

    settled = configuration(DecoderConfig, out, config, settings, resume, devices=devices, strategy=strategy)
    with resumable(out), Progress() as progress:
        weights = train_decoder(data, out, settled, resume, progress)
    click.echo(f"wrote {weights}", err=True)

"""`radscribe train-encoder`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import config_option, require_extra, set_option


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder with manifest.jsonl.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@config_option
@set_option
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def command(data: Path, out: Path, config: Path | None, settings: tuple[str, ...], resume: bool) -> None:
    """Train an image encoder on the findings of a manifest.

    \b
    radscribe train-encoder --data nih --out runs/encoder --set image_size=320 --set epochs=14
    """
    require_extra("train")
    from radscribe.training.config import EncoderConfig, load
    from radscribe.training.train_encoder import train_encoder

    weights = train_encoder(data, out, load(EncoderConfig, config, settings), resume)
    click.echo(f"wrote {weights}", err=True)

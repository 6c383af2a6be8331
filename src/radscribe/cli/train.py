"""`radscribe train`."""

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
    """Train a captioner on an encoder's features.

    \b
    radscribe train --data iu --out runs/captioner --set encoder=runs/encoder
    """
    require_extra("train")
    from radscribe.training.config import DecoderConfig, load
    from radscribe.training.train_decoder import train_decoder

    weights = train_decoder(data, out, load(DecoderConfig, config, settings), resume)
    click.echo(f"wrote {weights}", err=True)

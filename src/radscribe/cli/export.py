"""`radscribe export`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import require_extra


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the bundle.")
@click.option("--name", help="The bundle's name; the folder's unless given.")
@click.option("--card", type=click.Path(path_type=Path, exists=True), help="Model card to put in.")
@click.option(
    "--weights/--no-weights", default=True, help="With weights.safetensors, to go on with training."
)
def command(run: Path, out: Path, name: str | None, card: Path | None, weights: bool) -> None:
    """Export a captioner's run to a bundle that captions with onnxruntime alone.

    \b
    radscribe export runs/captioner --out bundles/mine
    """
    require_extra("train")
    from radscribe.bundle.export import export

    spec = export(run, out, name, card, weights)
    click.echo(f"wrote {spec.id} to {out}", err=True)

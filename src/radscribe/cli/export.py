"""`radscribe export`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import require_extra


@click.command()
@click.argument("source", metavar="RUN_OR_BUNDLE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the bundle.")
@click.option("--name", help="The bundle's name; the folder's unless given.")
@click.option(
    "--card", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Model card to put in."
)
@click.option(
    "--weights/--no-weights", default=True, help="With weights.safetensors, to go on with training."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Prepared dataset, whose validation part confidence is calibrated on.",
)
@click.option("--int8", is_flag=True, help="Encoder in int8, unless it costs too much; needs --data.")
@click.option(
    "--tolerance",
    multiple=True,
    metavar="FIGURE=DROP",
    help="Largest drop under int8: auroc=.01, finding_f1=.02 and cider_d=.02 unless given.",
)
def command(
    source: str,
    out: Path,
    name: str | None,
    card: Path | None,
    weights: bool,
    data: Path | None,
    int8: bool,
    tolerance: tuple[str, ...],
) -> None:
    """Export a captioner's run to a bundle that captions with onnxruntime alone.

    With --data, captions get a confidence, calibrated on its validation part: the test part is left for
    measuring what comes out. With --int8, the encoder is quantised as well: its ranges come from the training
    part, and what it costs on the validation part is printed. Where that is more than --tolerance, nothing is
    written. A bundle is exported anew alike.

    \b
    radscribe export runs/captioner --out bundles/mine --data data/iu
    radscribe export bundles/mine --out bundles/small --data data/iu --int8
    """
    require_extra("train")
    from radscribe.bundle.format import DESCRIPTION, locate
    from radscribe.errors import UsageError
    from radscribe.export import staging

    if int8 and data is None:
        raise UsageError("--int8 is measured on data", remedy="name a prepared dataset with --data")
    if tolerance and not int8:
        raise UsageError("--tolerance is what int8 may cost", remedy="give --int8, too")
    with staging.staged(out) as stage:
        if Path(source).is_dir() and not (Path(source) / DESCRIPTION).is_file():
            from radscribe.export.bundle import export

            spec = export(Path(source), stage, name, card, weights)
        else:
            spec = staging.copy(locate(source), stage, name or stage.name, card, weights)
        if data is not None:
            from radscribe.export.finish import finish
            from radscribe.export.int8 import tolerances

            spec, told = finish(stage, data, "val", int8, tolerances(tolerance))
            click.echo("\n\n".join(told))
    click.echo(f"wrote {spec.id} to {out}", err=True)

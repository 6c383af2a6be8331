"""`radscribe export`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from radscribe.cli.options import require_extra


@click.command()
@click.argument("source", metavar="RUN_OR_BUNDLE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the bundle to.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is already in the folder.")
@click.option("--name", help="Name of the bundle.  [default: name of the folder]")
@click.option(
    "--card",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Model card in Markdown.  [default: one that is made from the run]",
)
@click.option(
    "--weights/--no-weights",
    default=True,
    help="Include weights.safetensors, from which training can continue.  [default: include]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Prepared dataset; the confidence is calibrated on its validation part.",
)
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Private Ed25519 key (PEM) to sign the bundle with.  [default: not signed]",
)
@click.option(
    "--int8",
    is_flag=True,
    help="Quantise the encoder to int8, unless that costs more than --tolerance; needs --data.",
)
@click.option(
    "--tolerance",
    multiple=True,
    metavar="FIGURE=DROP",
    help="Largest drop that int8 may cause.  [default: auroc=.01, finding_f1=.02, cider_d=.02]",
)
def command(
    source: str,
    out: Path,
    overwrite: bool,
    name: str | None,
    card: Path | None,
    weights: bool,
    data: Path | None,
    key: Path | None,
    int8: bool,
    tolerance: tuple[str, ...],
) -> None:
    """Export a captioner's run as a bundle that captions with only onnxruntime.

    With --data, captions get a confidence that is calibrated on the validation part; the test part stays
    untouched for measuring. With --int8, the encoder is quantised too: its ranges come from the training
    part, and its cost on the validation part is printed. If that is more than --tolerance, nothing is
    written. A bundle can be exported again in the same way.

    \b
    radscribe export runs/captioner --out bundles/mine --data data/iu
    radscribe export bundles/mine --out bundles/small --data data/iu --int8
    """
    require_extra("train")
    from radscribe.bundle.format import DESCRIPTION, locate
    from radscribe.bundle.signature import TRUSTED
    from radscribe.errors import UsageError
    from radscribe.export import staging

    if int8 and data is None:
        raise UsageError(
            "--int8 needs data to measure its cost on", remedy="name a prepared dataset with --data"
        )
    if tolerance and not int8:
        raise UsageError("--tolerance has no effect without --int8", remedy="add --int8")
    if (Path(source) / "config.json").is_file() and not (Path(source) / "encoder").is_dir():
        raise UsageError(
            "is the run of an encoder, and a bundle needs a captioner",
            subject=source,
            remedy=f"train one with: radscribe train --set encoder={source} --data DIR --out RUN",
        )
    with staging.staged(out, overwrite) as stage:
        if Path(source).is_dir() and not (Path(source) / DESCRIPTION).is_file():
            from radscribe.export.bundle import export

            spec = export(Path(source), stage, name, card, weights)
        else:
            spec = staging.copy(locate(source), stage, name or stage.name, card, weights)
        os.environ.pop(TRUSTED, None)  # the source was checked; what is made of it is signed at the end
        if data is not None:
            from radscribe.export.finish import finish
            from radscribe.export.int8 import tolerances

            spec, told = finish(stage, data, "val", int8, tolerances(tolerance))
            click.echo("\n\n".join(told))
        if key is not None:
            from radscribe.bundle.signature import sign

            sign(stage / DESCRIPTION, key)
    click.echo(f"wrote {spec.id} to {out}", err=True)

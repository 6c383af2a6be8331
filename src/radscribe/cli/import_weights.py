"""`radscribe import-weights`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import require_extra


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the run to.")
@click.option(
    "--findings", help="Names of an encoder's outputs, separated by commas; an empty name skips one."
)
@click.option("--new-head", is_flag=True, help="Give the encoder an untrained head instead of the file's.")
@click.option("--image-size", type=int, help="Side of the input in pixels.  [default: the file's, or 224]")
@click.option(
    "--final-relu/--no-final-relu",
    default=None,
    help="Apply a ReLU before pooling.  [default: as the file]",
)
@click.option(
    "--words", type=click.Path(path_type=Path), help="Vocabulary of a captioner: JSON, or one word per line."
)
@click.option(
    "--encoder",
    type=click.Path(path_type=Path),
    help="Run of the encoder that a captioner reads.",
)
@click.option(
    "--max-length",
    type=click.IntRange(1),
    help="Largest number of words per caption.  [default: the captioner's window]",
)
def command(
    file: Path,
    out: Path,
    findings: str | None,
    new_head: bool,
    image_size: int | None,
    final_relu: bool | None,
    words: Path | None,
    encoder: Path | None,
    max_length: int | None,
) -> None:
    """Import published weights: a Keras, torch or torchxrayvision DenseNet-121, or a Keras captioner.

    \b
    radscribe import-weights model.pth.tar --out runs/chexnet
    radscribe import-weights model_3.h5 --words words.json --encoder runs/chexnet --out runs/captioner
    radscribe export runs/captioner --out bundles/mine
    """
    require_extra("train")
    from radscribe.training.import_weights import CaptionerOptions, EncoderOptions, import_weights

    names = tuple(name.strip().replace(" ", "_") for name in findings.split(",")) if findings else ()
    weights, notes = import_weights(
        file,
        out,
        EncoderOptions(names, new_head, image_size, final_relu),
        CaptionerOptions(words, encoder, max_length),
    )
    for note in notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"wrote {weights}", err=True)

"""`radscribe probe`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from radscribe.inference.options import DEFAULTS

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.option("--bundle", help="Test this bundle: its folder, or the name of an embedded one.")
@click.option("--url", help="Test a running service, such as http://127.0.0.1:8000.")
@click.option("--write", "folder", type=_FOLDER, help="Write the images and list.csv into a folder.")
@click.option(
    "--read",
    "captions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Score captions of these images from a file.",
)
@click.option("--out", type=_FOLDER, help="Folder for probe.json and probe.html.")
@click.option("--overwrite", is_flag=True, help="Replace files that are in the folder.")
@click.option(
    "--patients",
    type=click.IntRange(1, 9999),
    default=20,
    show_default=True,
    help="Number of drawn patients, about 70 images each.",
)
@click.option("--finding", "findings", multiple=True, help="Test only this finding; may be repeated.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the first patient."
)
@click.option(
    "--size",
    type=click.IntRange(64, 2048),
    default=256,
    show_default=True,
    help="Side of the images, in pixels.",
)
@click.option(
    "--beam",
    type=click.IntRange(min=1),
    default=DEFAULTS.beam,
    show_default=True,
    help="With --bundle: width of the beam search; 1 is greedy search.",
)
@click.option("--id-column", default="id", show_default=True, help="With --read: column of the image's name.")
@click.option("--report-column", default="report", show_default=True, help="Column of the caption.")
@click.option("--json", "as_json", is_flag=True, help="Print probe.json on standard output, in one line.")
def command(
    bundle: str | None,
    url: str | None,
    folder: Path | None,
    captions: Path | None,
    out: Path | None,
    overwrite: bool,
    patients: int,
    findings: tuple[str, ...],
    seed: int,
    size: int,
    beam: int,
    id_column: str,
    report_column: str,
    as_json: bool,
) -> None:
    """Test whether captions follow the image: pairs of drawn chests that differ in exactly one thing.

    A finding is inserted, removed, moved to the other side or enlarged; the text should change accordingly.
    The image is brightened, rotated by 3 degrees or gets a letter in a corner; the findings should stay.
    Results are given per finding, with 95% intervals.

    Any captioner can be tested: write the images, caption them, fill the column report of list.csv, read it.

    \b
    radscribe probe --bundle bundles/mine --out probes/mine
    radscribe probe --url http://127.0.0.1:8000 --out probes/service
    radscribe probe --write probes/images
    radscribe probe --read probes/images/list.csv --out probes/other

    Exit code 0: all done. 1: a file or the service is wrong. 2: wrong use.
    """
    from rich.console import Console

    from radscribe.cli.progress import Progress
    from radscribe.errors import UsageError
    from radscribe.evaluation import predictions
    from radscribe.evaluation.probes import captioners, pairs, report
    from radscribe.evaluation.probes.score import score_pairs
    from radscribe.files import refuse_existing
    from radscribe.inference.captioner import Captioner
    from radscribe.phantom import DRAWABLE

    if sum(one is not None for one in (bundle, url, folder, captions)) != 1:
        raise UsageError("give one of --bundle, --url, --write and --read")
    if out is not None:
        refuse_existing(out, overwrite)
    wanted = findings or DRAWABLE
    made = pairs.pairs(range(seed, seed + patients), wanted)
    with Progress() as progress:
        if folder is not None:
            count = pairs.write(folder, made, size, overwrite, progress.tick)
            click.echo(f"wrote {count} images and {folder / pairs.LIST}", err=True)
            return
        if captions is not None:
            found: captioners.Captions = {**predictions.read(captions, id_column, report_column)}
            seeds, named = pairs.seeds_in(found)
            if not seeds:
                raise UsageError(
                    f"{captions}: names no probe image", remedy="keep the ids of list.csv in its column"
                )
            made = pairs.pairs(seeds, [name for name in named if name in wanted])
            name = captions.stem
        elif url is not None:
            name, found = captioners.from_service(url, pairs.images(made), size, progress.tick)
        else:
            captioner = Captioner(bundle)
            name = captioner.bundle
            found = captioners.from_bundle(captioner, pairs.images(made), beam, size, progress.tick)
    result = score_pairs(made, found, name)
    report.show(result, Console(stderr=True, width=None if sys.stderr.isatty() else 110))
    if as_json:
        click.echo(json.dumps(result.to_dict()))
    if out is not None:
        click.echo(f"wrote {', '.join(map(str, report.save(result, out, overwrite)))}", err=True)

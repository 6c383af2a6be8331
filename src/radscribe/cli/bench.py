"""`radscribe bench`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--bundle",
    help="Bundle to measure: a folder, an embedded name or hf:owner/name.  [default: the embedded one]",
)
@click.option("--against", metavar="BUNDLE", help="Bundle to compare with, for example float32 with int8.")
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of radiographs, one study each.  [default: draw them]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--quick", is_flag=True, help="Measure roughly, in less than a minute.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Run only this measurement; may be repeated.  [default: all]",
)
def command(
    bundle: str | None,
    against: str | None,
    images: Path | None,
    as_json: bool,
    quick: bool,
    only: tuple[str, ...],
) -> None:
    """Measure speed and memory on this machine, as ratios with their ranges.

    \b
    end-to-end   captions from files against the bare encoder on decoded images
    against      another bundle: only its encoder, and end to end (--against)
    cold-start   a whole `radscribe caption` of one image against bare imports

    The sides of a comparison run in turn. Let nothing else run at the same time.
    """
    from radscribe.bench.run import bench
    from radscribe.bench.setting import FULL, QUICK

    bench(bundle, against, images, only, as_json, click.echo, QUICK if quick else FULL)

"""`radscribe batch`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from radscribe.cli import options
from radscribe.cli.options import require_extra
from radscribe.cli.progress import Progress
from radscribe.cli.search import search_options, strategy

if TYPE_CHECKING:
    from radscribe.batch.run import Batch, Estimate, Request
    from radscribe.batch.shard import Counts
    from radscribe.data.study import Split

NAMED = 5  # shards that an error names


class _Part(click.ParamType[tuple[int, int]]):
    """I/N, as `--shard` takes it."""

    name = "I/N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)/(\d+)", str(value))
        part = (int(match[1]), int(match[2])) if match else (0, 0)
        if not 1 <= part[0] <= part[1]:
            self.fail(f"'{value}' is not I/N with I from 1 to N, such as 3/8", param, ctx)
        return part


@click.command()
@click.argument("source")
@click.option(
    "--out",
    required=True,
    metavar="DIR",
    help="Folder or URL for the results; a folder with results of this batch is continued.",
)
@options.BUNDLE
@search_options
@options.FORCE
@options.EXACT
@options.MIN_CONFIDENCE
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test"]),
    help="Part of the manifest to caption.  [default: all of it]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of processes on this machine, with one core each.  [default: all cores]",
)
@click.option(
    "--ray",
    metavar="ADDRESS",
    help="Run on the Ray cluster at this address; auto finds the one that this machine is part of.",
)
@click.option(
    "--shard",
    "part",
    type=_Part(),
    default=(1, 1),
    metavar="I/N",
    help="Process only part I of N, counted from 1, as one task of a job array.  [default: all parts]",
)
@click.option(
    "--shard-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of studies per shard.  [default: 16 to 1,024, so that there are about 64 shards]",
)
@click.option(
    "--retry-errors", is_flag=True, help="Caption only the studies that failed, and rewrite their shards."
)
@click.option(
    "--dry-run", is_flag=True, help="Print the number of shards, the size and the time, and write nothing."
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Where to run the model: auto, cpu, cuda, or another execution provider of onnxruntime.",
)
def command(
    source: str,
    out: str,
    bundle: str | None,
    force: bool,
    exact: bool,
    min_confidence: float | None,
    split: Split | None,
    workers: int | None,
    ray: str | None,
    part: tuple[int, int],
    shard_size: int | None,
    retry_errors: bool,
    dry_run: bool,
    device: str,
    **search: Any,
) -> int:
    """Caption any number of studies into Parquet files, on one machine or many.

    SOURCE is a manifest or its folder, a folder of images or its URL (s3://, gs://, file://), or a text file
    with one study per line: a path or URL, or those of all its images, separated by tabs.

    The studies are cut into shards. Each shard becomes one file in DIR, which is there whole or not at all.
    The same command again does the shards that are missing. A study that cannot be read is a row with its
    error. The files are the same, byte for byte, for any number of workers.

    \b
    radscribe batch scans/ --out captions
    radscribe batch data/iu --split test --out captions
    radscribe batch s3://bucket/scans --out s3://bucket/captions --ray auto
    radscribe batch scans.txt --out captions --shard 3/8
    radscribe batch scans/ --out captions --retry-errors

    Exit code 0: all done. 1: some images could not be read, and their rows say why; or a shard failed. 2:
    wrong use.
    """
    require_extra("parquet")
    from radscribe.batch.run import Batch, Request, estimate
    from radscribe.inference.options import CaptionOptions
    from radscribe.runtime.onnx_session import available_cores

    captioning = CaptionOptions(
        force=force,
        strategy=strategy(n_best=1, **search),
        min_confidence=min_confidence,
        exact=exact,
    )
    request = Request(source, out, bundle, captioning, split, shard_size, part, retry_errors, device)
    cores = workers or available_cores()
    if dry_run:
        click.echo(render(estimate(request), cores))
        return 0
    return run(Batch(request), request, cores, ray)


def run(batch: Batch, request: Request, workers: int, ray: str | None) -> int:
    """Caption the shards of a batch under a progress bar; return the exit code."""
    from radscribe.batch.processes import Lost
    from radscribe.batch.shard import Counts
    from radscribe.errors import Interrupted, RadscribeError

    if batch.skipped:
        click.echo(f"radscribe: {batch.skipped}", err=True)
    if batch.done and not request.retry_errors:
        click.echo(f"radscribe: {batch.done} shards are already in {request.out}", err=True)
    total, finished, lost = Counts(), 0, list[int]()
    one_each = batch.terms.images == batch.terms.studies
    try:
        with Progress() as progress:
            progress.start("captioning", batch.studies, "images" if one_each else "studies")
            for outcome in batch.run(workers, ray):
                if isinstance(outcome, Lost):
                    lost.append(outcome.shard)
                    continue
                total, finished = total + outcome, finished + 1
                progress.advance(outcome.studies, f"{total.failed:,} failed" if total.failed else "")
    except KeyboardInterrupt as error:
        told = f"interrupted with {finished} of {len(batch.todo)} shards done; the same command goes on"
        raise Interrupted(told) from error
    click.echo(summary(total, finished, request), err=True)
    if lost:
        some = ", ".join(map(str, lost[:NAMED])) + (", …" if len(lost) > NAMED else "")
        raise RadscribeError(
            f"{len(lost)} shards ended their worker at each attempt: {some}",
            subject=request.out,
            remedy="give workers more memory, or look for an image that ends radscribe caption, too",
        )
    return int(total.failed > 0)


def summary(total: Counts, finished: int, request: Request) -> str:
    """One line about what was done."""
    if not finished:
        return f"nothing to do: all shards are in {request.out}"
    verb = "retried" if request.retry_errors else "wrote"
    line = (
        f"{verb} {finished:,} shard{'s' * (finished != 1)} in {request.out}: {total.studies:,} studies, "
        f"{total.captioned:,} captioned, {total.refused:,} refused, {total.failed:,} failed"
    )
    if total.failed and not request.retry_errors:
        line += "; add --retry-errors to caption the failed ones again"
    return line


def render(known: Estimate, cores: int) -> str:
    """The output of `--dry-run`."""
    size = f", {known.size / 1e6:,.1f} MB" if known.size else ""
    lines = [f"{known.studies:,} studies, {known.images:,} images{size}"]
    if known.skipped:
        lines.append(known.skipped)
    lines.append(
        f"{known.shards:,} shards of at most {known.shard_size:,} studies, {known.done:,} of them done"
    )
    each = f"{1000 * known.seconds_per_study:.1f} ms per study on one core"
    left = timedelta(seconds=round(known.seconds(cores)))
    lines.append(
        f"about {left} on {cores} core{'s' * (cores != 1)} ({each}, measured on {known.sampled} of them)"
    )
    return "\n".join(lines)

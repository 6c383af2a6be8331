"""`radscribe evaluate`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from radscribe.inference.options import DEFAULTS

_FILE = click.Path(path_type=Path, dir_okay=False)
_RESULTS = click.Path(path_type=Path)


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder made by `prepare`.",
)
@click.option(
    "--split",
    "part",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Part of the dataset to score.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--overwrite", is_flag=True, help="Replace results that are in the folder.")
@click.option("--bundle", help="Score this bundle: its folder, or the name of an embedded one.")
@click.option(
    "--predictions",
    type=_RESULTS,
    metavar="FILE...",
    help="Score captions of a file, or of the folder of `radscribe batch`; several are seeds.",
)
@click.argument("more", nargs=-1, type=_RESULTS, metavar="")
@click.option(
    "--compare", nargs=2, type=_RESULTS, metavar="A B", help="Score A and compare it with B, study by study."
)
@click.option(
    "--probabilities", type=_FILE, help="Score probabilities from a file with an id and a column per finding."
)
@click.option("--id-column", default="id", show_default=True, help="Column of the study's id in these files.")
@click.option(
    "--report-column", default="report", show_default=True, help="Column of the caption in these files."
)
@click.option(
    "--target",
    type=click.Choice(["findings", "impression", "both"]),
    default="findings",
    show_default=True,
    help="Section of the report to score against.",
)
@click.option(
    "--tokenization",
    default="plain",
    show_default=True,
    help="How texts become words: plain, ptb, r2gen or r2gen-mimic.",
)
@click.option("--vocabulary", type=_FILE, help="File of known words; others become <unk>.")
@click.option(
    "--uncertain",
    type=click.Choice(["absent", "present", "skip"]),
    default="absent",
    show_default=True,
    help="Count an uncertain finding as this, or skip it.",
)
@click.option(
    "--specificity",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Specificity at which the sensitivity is given.",
)
@click.option(
    "--missing",
    type=click.Choice(["error", "empty"]),
    default="error",
    show_default=True,
    help="Refuse studies without a caption, or score them as empty.",
)
@click.option(
    "--extra",
    type=click.Choice(["error", "ignore"]),
    default="error",
    show_default=True,
    help="Refuse or ignore captions of unknown studies.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=0),
    default=1000,
    show_default=True,
    help="Number of bootstrap resamples; 0 gives no intervals.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the bootstrap and of the random baseline."
)
@click.option(
    "--meteor",
    type=click.Choice(["none", "system", "all"]),
    default="none",
    show_default=True,
    help="Compute METEOR, which needs Java: for the system (seconds) or for the baselines, too (minutes).",
)
@click.option(
    "--external",
    multiple=True,
    help="Compute radgraph_f1, chexbert_f1, radcliq, green or ratescore with radeval; may be repeated.",
)
@click.option(
    "--evidence", type=click.Path(path_type=Path, file_okay=False), help="Folder of overlays to show, ID.png."
)
@click.option(
    "--beam",
    type=click.IntRange(min=1),
    default=DEFAULTS.beam,
    show_default=True,
    help="With --bundle: width of the beam search; 1 is greedy search.",
)
@click.option(
    "--encode-training",
    is_flag=True,
    help="With --bundle: encode the training images, too, for the nearest-neighbour baseline.",
)
@click.option(
    "--context",
    "context_of",
    type=click.Choice(["own", "none", "swapped"]),
    default="own",
    show_default=True,
    help="With --bundle: indication and prior study that captions are written with: the study's own, none, "
    "or another study's.",
)
@click.option("--json", "as_json", is_flag=True, help="Print scores.json on standard output, in one line.")
def command(
    data: Path,
    part: str,
    out: Path,
    overwrite: bool,
    bundle: str | None,
    predictions: Path | None,
    more: tuple[Path, ...],
    compare: tuple[Path, Path] | None,
    probabilities: Path | None,
    target: str,
    beam: int,
    encode_training: bool,
    context_of: str,
    evidence: Path | None,
    as_json: bool,
    **scoring: object,
) -> None:
    """Score captions and probabilities of findings beside baselines.

    On a dataset with reports, captions are scored beside baselines that need no model. On a dataset with
    labels, probabilities get AUROC, average precision, sensitivity and calibration error per finding, and the
    findings that captions assert are compared with the labels. A dataset with both gets both.

    Files of captions have a column for the study's id and one for the caption: CSV, JSON Lines, JSON or
    Parquet. The results are scores.json, report.html and, for labels, findings.csv.

    \b
    radscribe evaluate --data data/nih --bundle bundles/mine --out scores/nih
    radscribe evaluate --data data/iu --predictions mine.csv --out scores/mine
    radscribe evaluate --data data/iu --predictions s1.csv s2.csv s3.csv --out scores/mine
    radscribe evaluate --data data/iu --compare mine.csv theirs.csv --out scores/both
    radscribe evaluate --data data/nih --probabilities theirs.csv --out scores/theirs

    Exit code 0: all done. 1: a file is wrong. 2: wrong use.
    """
    from rich.console import Console

    from radscribe.cli.progress import Progress
    from radscribe.errors import UsageError
    from radscribe.evaluation import run, terminal
    from radscribe.files import refuse_existing

    if (predictions is not None) + (bundle is not None) + (compare is not None) > 1 or not (
        predictions or bundle or compare or probabilities
    ):
        raise UsageError("give one of --predictions, --bundle and --compare, or --probabilities")
    if more and predictions is None:
        raise UsageError(f"{more[0]}: belongs to no option", remedy="put seeds behind --predictions")
    refuse_existing(out, overwrite)
    seeds = [predictions, *more] if predictions is not None else [compare[0]] if compare is not None else []
    with Progress() as progress:
        result = run.evaluate(
            data,
            bundle=bundle,
            predictions=seeds,
            compare=compare[1:] if compare else (),
            probabilities=probabilities,
            split=part,
            target=target,
            beam=beam,
            encode_training=encode_training,
            context_of=context_of,
            advance=progress.tick,
            **scoring,
        )
    files = result.save(out, overwrite=overwrite, evidence=evidence)
    terminal.show(
        result.captions, result.labels, Console(stderr=True, width=None if sys.stderr.isatty() else 110)
    )
    if as_json:
        click.echo(json.dumps(result.to_dict(), ensure_ascii=False))
    click.echo(f"wrote {', '.join(map(str, files))}", err=True)

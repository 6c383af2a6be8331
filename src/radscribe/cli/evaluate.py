"""`radscribe evaluate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from radscribe.evaluation.dataset import Dataset
    from radscribe.evaluation.findings.probabilities import Probabilities
    from radscribe.evaluation.metrics.base import Floats
    from radscribe.evaluation.records import Captions
    from radscribe.evaluation.references import References
    from radscribe.inference.captioner import Captioner

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder with manifest.jsonl.")
@click.option(
    "--split", "part", type=click.Choice(["train", "val", "test"]), default="test", show_default=True
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder of scores.json and the page."
)
@click.option("--predictions", type=_FILE, metavar="CSV...", help="Columns id, report; several are seeds.")
@click.argument("more", nargs=-1, type=_FILE, metavar="")
@click.option("--bundle", help="Caption with this bundle: its folder, or the name of an embedded one.")
@click.option("--compare", nargs=2, type=_FILE, metavar="A B", help="Two CSV files: A's scores less B's.")
@click.option(
    "--target", type=click.Choice(["findings", "impression", "both"]), default="findings", show_default=True
)
@click.option("--tokenization", default="plain", show_default=True, help="plain, ptb, r2gen or r2gen-mimic.")
@click.option("--vocabulary", type=_FILE, help="Words that are known; others become <unk>.")
@click.option(
    "--uncertain",
    type=click.Choice(["absent", "present", "skip"]),
    default="absent",
    show_default=True,
    help="What a doubted finding counts as.",
)
@click.option("--missing", type=click.Choice(["error", "empty"]), default="error", show_default=True)
@click.option("--extra", type=click.Choice(["error", "ignore"]), default="error", show_default=True)
@click.option(
    "--rounds", type=click.IntRange(min=0), default=1000, show_default=True, help="Of the bootstrap."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap and random baseline.")
@click.option(
    "--meteor",
    type=click.Choice(["none", "system", "all"]),
    default="none",
    show_default=True,
    help="Whose METEOR, by its own jar in Java: the system's takes seconds, all minutes.",
)
@click.option(
    "--external", multiple=True, help="radgraph_f1, chexbert_f1, radcliq or green, through radeval."
)
@click.option(
    "--evidence", type=click.Path(path_type=Path, file_okay=False), help="Folder of overlays, ID.png."
)
@click.option("--probabilities", type=_FILE, help="CSV of id and columns named as findings, for the curves.")
@click.option("--beam", type=click.IntRange(min=1), default=3, show_default=True, help="With --bundle.")
@click.option(
    "--encode-training",
    is_flag=True,
    help="With --bundle: see the training images too, for the nearest neighbour.",
)
@click.option("--json", "as_json", is_flag=True, help="Print scores.json in one line on standard output.")
def command(
    data: Path,
    part: str,
    out: Path,
    predictions: Path | None,
    more: tuple[Path, ...],
    bundle: str | None,
    compare: tuple[Path, Path] | None,
    target: str,
    tokenization: str,
    vocabulary: Path | None,
    uncertain: str,
    missing: str,
    extra: str,
    rounds: int,
    seed: int,
    meteor: str,
    external: tuple[str, ...],
    evidence: Path | None,
    probabilities: Path | None,
    beam: int,
    encode_training: bool,
    as_json: bool,
) -> None:
    """Score captions beside their baselines; writes scores.json and report.html.

    CSV files have the columns id and report; other columns are ignored. Several after --predictions are seeds
    of one system. Constants are chosen on the val part; no other score looks at another part.

    \b
    radscribe evaluate --data data/iu --predictions mine.csv --out scores/mine
    radscribe evaluate --data data/iu --predictions s1.csv s2.csv s3.csv --out scores/mine
    radscribe evaluate --data data/iu --compare mine.csv theirs.csv --out scores/both
    radscribe evaluate --data data/nih --bundle bundles/mine --target both --out scores/bundle

    Exit code 0: done. 1: a file is wrong. 2: wrong use.
    """
    import radscribe
    from radscribe.errors import UsageError
    from radscribe.evaluation import dataset as datasets
    from radscribe.evaluation import run
    from radscribe.evaluation.findings import probability_file
    from radscribe.evaluation.findings.assertions import Labelled

    if (predictions is not None) + (bundle is not None) + (compare is not None) != 1:
        raise UsageError("give one of --predictions, --bundle and --compare")
    if more and predictions is None:
        raise UsageError(f"{more[0]}: is of no option", remedy="put seeds behind --predictions")
    options = run.options(tokenization, vocabulary, uncertain, rounds, seed, missing, extra, meteor, external)
    found = datasets.read(data, run.part(part), run.target(target))
    labelled = Labelled()
    compared: list[Captions] = []
    curves: Probabilities | None = None
    vectors: tuple[Floats, Floats] | None = None
    if bundle is not None:
        captioner = radscribe.load(bundle)
        captions, predicted = _from_bundle(captioner, found, beam)
        seeds = [captions]
        curves = datasets.probabilities_of(predicted, found, captions.name, labelled)
        if encode_training:
            vectors = _training_vectors(captioner, found, predicted)
    else:
        seeds, compared = run.read_predictions(predictions, more, compare, found, options)
        if probabilities is not None:
            predicted = probability_file.read(probabilities, found.references.ids)
            curves = datasets.probabilities_of(predicted, found, probabilities.stem, labelled)
    result = run.run(found, seeds, compared, options, labelled, curves, vectors)
    run.write(result, out, found.manifest.root, evidence)
    _show(result, out, as_json)


def _from_bundle(captioner: Captioner, dataset: Dataset, beam: int) -> tuple[Captions, Floats]:
    """A bundle's captions of the scored studies, and its probabilities; refused studies say nothing."""
    from radscribe.evaluation.records import Captions

    texts, probabilities = _caption(captioner, dataset, dataset.references, beam)
    empty = sum(text is None for text in texts)
    return Captions(captioner.bundle, [text or "" for text in texts], empty), probabilities


def _training_vectors(captioner: Captioner, dataset: Dataset, scored: Floats) -> tuple[Floats, Floats] | None:
    """The bundle's probabilities of training and scored studies; of a refused study, the training's mean."""
    import numpy as np

    if dataset.train is None:
        return None
    _, training = _caption(captioner, dataset, dataset.train, beam=1)
    known = ~np.isnan(training).all(0)
    training, scored = training[:, known], scored[:, known]
    mean = np.nanmean(training, axis=0)
    return np.where(np.isnan(training), mean, training), np.where(np.isnan(scored), mean, scored)


def _caption(
    captioner: Captioner, dataset: Dataset, references: References, beam: int
) -> tuple[list[str | None], Floats]:
    """A caption of each study, None where it is refused, and 14 probabilities, NaN where it is."""
    import math

    import numpy as np

    from radscribe.cli.progress import progress
    from radscribe.errors import DataError
    from radscribe.inference.inputs import StudyInput
    from radscribe.labels import CHESTXRAY14

    root, studies = dataset.manifest.root, references.studies
    if absent := [s.id for s in studies if not any((root / image.path).is_file() for image in s.images)]:
        raise DataError(
            f"{len(absent)} of {len(studies)} studies have no image on this machine, {absent[0]} among them",
            subject=root,
            remedy="get the images, or score captions that were made elsewhere with --predictions",
        )
    inputs = [StudyInput(study.id, tuple(root / image.path for image in study.images)) for study in studies]
    texts: list[str | None] = []
    probabilities: list[list[float]] = []
    with progress("captioning", len(inputs), "studies") as advance:
        for caption in captioner.stream(inputs, beam=beam):
            texts.append(caption.text)
            probabilities.append([caption.findings.get(name, math.nan) for name in CHESTXRAY14])
            advance()
    return texts, np.array(probabilities)


def _show(result: object, out: Path, as_json: bool) -> None:
    import json

    from rich.console import Console

    from radscribe.evaluation import scores_file, terminal
    from radscribe.evaluation.records import Evaluation

    assert isinstance(result, Evaluation)
    terminal.show(result, Console(stderr=True, width=None if sys.stderr.isatty() else 110))
    if as_json:
        click.echo(json.dumps(scores_file.as_json(result), ensure_ascii=False))
    click.echo(f"wrote {out / 'scores.json'} and {out / 'report.html'}", err=True)

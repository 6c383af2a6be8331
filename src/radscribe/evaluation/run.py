"""One evaluation from files to files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

from radscribe.data.study import Split
from radscribe.errors import RadscribeError, UsageError
from radscribe.evaluation import dataset as datasets
from radscribe.evaluation import predictions as prediction_files
from radscribe.evaluation import scores_file
from radscribe.evaluation.dataset import Dataset
from radscribe.evaluation.evaluate import evaluate
from radscribe.evaluation.findings.assertions import Labelled, Uncertain
from radscribe.evaluation.findings.probabilities import Probabilities
from radscribe.evaluation.metrics import radeval as external_metrics
from radscribe.evaluation.page.document import page
from radscribe.evaluation.predictions import Extra, Missing
from radscribe.evaluation.records import Captions, Evaluation, MeteorOf, Task, Vectors
from radscribe.evaluation.system_scores import Settings
from radscribe.evaluation.tokenisation.named import tokenization as tokenization_of
from radscribe.text.report import Target

SCORES, PAGE = "scores.json", "report.html"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside files."""

    settings: Settings
    missing: Missing
    extra: Extra
    meteor: MeteorOf
    external: tuple[str, ...] = ()


def options(
    tokenization: str = "plain",
    vocabulary: Path | None = None,
    uncertain: str = "absent",
    rounds: int = 1000,
    seed: int = 0,
    missing: str = "error",
    extra: str = "error",
    meteor: str = "none",
    external: Sequence[str] = (),
) -> Options:
    """Options by their names.

    Raises
    ------
    UsageError : a name that there is not. DataError : a vocabulary that cannot be read.
    """
    return Options(
        Settings(
            tokenization_of(tokenization, vocabulary),
            cast(Uncertain, _one_of("--uncertain", uncertain, get_args(Uncertain))),
            rounds=rounds,
            seed=seed,
        ),
        cast(Missing, _one_of("--missing", missing, get_args(Missing))),
        cast(Extra, _one_of("--extra", extra, get_args(Extra))),
        cast(MeteorOf, _one_of("--meteor", meteor, get_args(MeteorOf))),
        tuple(_one_of("--external", name, tuple(external_metrics.EXTERNAL)) for name in external),
    )


def part(name: str) -> Split:
    """A part by name; raises `UsageError`."""
    return cast(Split, _one_of("--split", name, get_args(Split)))


def target(name: str) -> Target:
    """A section by name; raises `UsageError`."""
    return cast(Target, _one_of("--target", name, get_args(Target)))


def read_captions(path: Path, dataset: Dataset, options: Options) -> Captions:
    """Captions of the scored studies from a CSV file.

    Raises
    ------
    DataError : the file is wrong; see `predictions`.
    """
    references = dataset.references
    found = prediction_files.read(path)
    texts = prediction_files.align(
        found, references.ids, path, references.left_out, options.missing, options.extra
    )
    return Captions(path.stem, texts, sum(not text.strip() for text in texts))


def read_predictions(
    first: Path | None,
    more: Sequence[Path],
    compare: tuple[Path, Path] | None,
    dataset: Dataset,
    options: Options,
) -> tuple[list[Captions], list[Captions]]:
    """Captions of the system's seeds, and of the system that it is compared with.

    Raises
    ------
    DataError : a file is wrong. UsageError : there is no file.
    """
    if compare is not None:
        one, other = (read_captions(path, dataset, options) for path in compare)
        if one.name == other.name:
            one, other = replace(one, name=f"{one.name} (A)"), replace(other, name=f"{other.name} (B)")
        return [one], [other]
    if first is None:
        raise UsageError("no predictions are named")
    return [read_captions(path, dataset, options) for path in (first, *more)], []


def run(
    dataset: Dataset,
    seeds: Sequence[Captions],
    compared: Sequence[Captions],
    options: Options,
    labelled: Labelled | None = None,
    probabilities: Probabilities | None = None,
    vectors: tuple[Vectors, Vectors] | None = None,
) -> Evaluation:
    """Evaluate captions on a dataset.

    Parameters
    ----------
    vectors : features of the training studies and of the scored ones, in place of `features.npz`.

    Raises
    ------
    RadscribeError : a metric of `radeval` was asked for, and it is not installed or failed.
    """
    labelled = Labelled() if labelled is None else labelled
    references, train, val = dataset.references, dataset.train, dataset.val
    if options.external and not external_metrics.available():
        external_metrics.external(options.external, [], [])  # says so before the work, not after it
    notes = list(dataset.notes)
    features: Vectors | None = None
    train_features: Vectors | None = None
    if vectors is not None:
        train_features, features = vectors
    elif dataset.table is None:
        notes.append("no nearest neighbour: there is no features.npz beside the manifest")
    elif train is not None:
        features, lacking = datasets.vectors(dataset.table, references.studies)
        train_features, lacking_train = datasets.vectors(dataset.table, train.studies)
        if reason := lacking or lacking_train:
            notes.append(f"no nearest neighbour: {reason}")
            features = train_features = None
    task = Task(
        references=references,
        seeds=seeds,
        settings=options.settings,
        compared=compared,
        train=train.texts if train else (),
        val=val.texts if val else (),
        train_features=train_features,
        features=features,
        probabilities=probabilities,
        overlaps=dataset.overlaps,
        meteor=options.meteor,
        source=dataset.manifest.header.source,
        notes=notes,
    )
    result = evaluate(task, labelled)
    if options.external:
        names = options.external
        found = external_metrics.external(names, result.system.captions, references.texts)
        result = replace(result, external=found)
    return result


def write(result: Evaluation, out: Path, image_root: Path, evidence: Path | None = None) -> None:
    """Write `scores.json` and the page.

    Raises
    ------
    RadscribeError : the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        scores_file.write(result, out / SCORES)
        (out / PAGE).write_text(page(result, image_root, evidence), encoding="utf-8")
    except OSError as error:
        raise RadscribeError(
            f"cannot be written: {error.strerror}", subject=out, remedy="choose another --out"
        ) from error


def _one_of(option: str, name: str, names: Sequence[str]) -> str:
    if name not in names:
        raise UsageError(f"{option} {name}: there is no such choice", remedy=f"choose of {', '.join(names)}")
    return name

"""One evaluation from files to files: the work behind `radscribe evaluate` and `radscribe.evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from radscribe.data.study import Study
from radscribe.errors import DataError, UsageError
from radscribe.evaluation import dataset as datasets
from radscribe.evaluation import predictions as prediction_files
from radscribe.evaluation import references
from radscribe.evaluation.bundle_captions import BundleCaptions, ContextOf, caption_studies, quiet
from radscribe.evaluation.dataset import Dataset
from radscribe.evaluation.evaluate import evaluate as evaluate_task
from radscribe.evaluation.findings import label_scores
from radscribe.evaluation.findings.assertions import FINDINGS, Labelled, Uncertain, asserted
from radscribe.evaluation.findings.label_scores import ProbabilityScores
from radscribe.evaluation.metrics import radeval
from radscribe.evaluation.metrics.base import Floats
from radscribe.evaluation.predictions import Extra, Missing
from radscribe.evaluation.records import Captions, Evaluation, LabelScores, MeteorOf, Task, Vectors
from radscribe.evaluation.references import Part
from radscribe.evaluation.results import Results
from radscribe.evaluation.system_scores import Settings
from radscribe.evaluation.tokenisation import tokenization as tokenization_of
from radscribe.inference.captioner import Captioner
from radscribe.inference.options import DEFAULTS
from radscribe.text.report import Target

Predictions = str | Path | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Options:
    """How predictions are read and scored.

    Parameters
    ----------
    settings : Settings
        Tokenization, bootstrap and treatment of uncertain findings.
    missing : {"error", "empty"}
        What happens if a study has no caption.
    extra : {"error", "ignore"}
        What happens if a caption belongs to no study of the part.
    meteor : {"none", "system", "all"}
        Which captions get METEOR.
    external : tuple of str
        Metrics of `radeval`.
    specificity : float
        Specificity at which the sensitivity of probabilities is given.
    id_column, report_column : str
        Columns of prediction files.
    """

    settings: Settings
    missing: Missing = "error"
    extra: Extra = "error"
    meteor: MeteorOf = "none"
    external: tuple[str, ...] = ()
    specificity: float = 0.9
    id_column: str = prediction_files.ID
    report_column: str = prediction_files.REPORT


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
    specificity: float = 0.9,
    id_column: str = prediction_files.ID,
    report_column: str = prediction_files.REPORT,
) -> Options:
    """Check options that are given by name.

    Raises
    ------
    UsageError
        A name or a number is not allowed.
    DataError
        The vocabulary cannot be read.
    """
    if not 0 < specificity < 1:
        raise UsageError(f"a specificity of {specificity}", remedy="give a number between 0 and 1")
    return Options(
        Settings(
            tokenization_of(tokenization, vocabulary),
            cast(Uncertain, _require_choice("uncertain", uncertain, get_args(Uncertain))),
            rounds=rounds,
            seed=seed,
        ),
        cast(Missing, _require_choice("missing", missing, get_args(Missing))),
        cast(Extra, _require_choice("extra", extra, get_args(Extra))),
        cast(MeteorOf, _require_choice("meteor", meteor, get_args(MeteorOf))),
        tuple(_require_choice("external", name, tuple(radeval.EXTERNAL)) for name in external),
        specificity,
        id_column,
        report_column,
    )


def part(name: str) -> Part:
    """Return a part by name; raises `UsageError`."""
    return cast(Part, _require_choice("split", name, ("train", "val", "test", "all")))


def target(name: str) -> Target:
    """Return a section by name; raises `UsageError`."""
    return cast(Target, _require_choice("target", name, get_args(Target)))


def evaluate(
    data: str | Path,
    *,
    bundle: str | Path | None = None,
    predictions: Predictions | Sequence[Predictions] | None = None,
    compare: Predictions | Sequence[Predictions] = (),
    probabilities: str | Path | None = None,
    split: str = "test",
    target: str = "findings",
    beam: int = DEFAULTS.beam,
    encode_training: bool = False,
    context_of: str = "own",
    advance: Callable[..., None] = quiet,
    **scoring: Any,
) -> Results:
    """Score captions and probabilities on a prepared dataset; see `radscribe.evaluate`."""
    given = options(**scoring)
    seeds = _as_list(predictions)
    if not (bundle or seeds or probabilities):
        raise UsageError("nothing to score", remedy="give predictions, a bundle or probabilities")
    if bundle and (seeds or probabilities):
        raise UsageError(
            "a bundle and files cannot be combined", remedy="give a bundle, or predictions and probabilities"
        )
    if given.external:
        radeval.require(given.external)  # before the work, not after it
    dataset = datasets.read(Path(data), part(split), globals()["target"](target))
    if bundle:
        return _on_bundle(
            Captioner(bundle),
            dataset,
            _as_list(compare),
            given,
            beam,
            encode_training,
            cast(ContextOf, _require_choice("context_of", context_of, get_args(ContextOf))),
            advance,
        )
    return _on_files(dataset, seeds, _as_list(compare), probabilities, given)


def _as_list(given: Predictions | Sequence[Predictions] | None) -> list[Predictions]:
    if given is None:
        return []
    return [given] if isinstance(given, str | Path | Mapping) else list(given)


def _on_bundle(
    captioner: Captioner,
    dataset: Dataset,
    compare: Sequence[Predictions],
    options: Options,
    beam: int,
    encode_training: bool,
    context_of: ContextOf,
    advance: Callable[..., None],
) -> Results:
    with_text = dataset.references.studies if dataset.references else []
    studies = list({study.id: study for study in (*with_text, *dataset.labelled)}.values())
    said = caption_studies(captioner, studies, beam, advance, context_of=context_of)
    row = {study.id: place for place, study in enumerate(studies)}
    labels = None
    if dataset.labelled:
        labels = _on_labels(dataset, _rows(said, [row[s.id] for s in dataset.labelled]), options)
    if not dataset.references:
        return Results(None, labels, dataset.manifest.root)
    own = _rows(said, [row[study.id] for study in with_text])
    vectors = _training_vectors(captioner, dataset, own, advance) if encode_training else None
    captions = Captions(said.bundle, [text or "" for text in own.texts], own.empty)
    result = run(
        dataset,
        [captions],
        [read_captions(one, dataset, options) for one in compare],
        options,
        probabilities=score_probabilities(own.findings, own.probabilities, dataset, said.bundle, options),
        vectors=vectors,
    )
    return Results(result, labels, dataset.manifest.root)


def _rows(said: BundleCaptions, rows: list[int]) -> BundleCaptions:
    return replace(said, texts=[said.texts[row] for row in rows], probabilities=said.probabilities[rows])


def _training_vectors(
    captioner: Captioner, dataset: Dataset, scored: BundleCaptions, advance: Callable[..., None]
) -> tuple[Vectors, Vectors] | None:
    """Probabilities of training and scored studies; a refused study gets the mean of the training studies."""
    if dataset.train is None:
        return None
    studies = dataset.train.studies
    training = caption_studies(captioner, studies, 1, advance, "encoding training studies").probabilities
    known = ~np.isnan(training).all(0)
    mean = np.nanmean(training[:, known], axis=0)
    one, other = training[:, known], scored.probabilities[:, known]
    return np.where(np.isnan(one), mean, one), np.where(np.isnan(other), mean, other)


def _on_labels(dataset: Dataset, said: BundleCaptions, options: Options) -> LabelScores:
    weights = _weights(dataset.labelled, options)
    true, source = datasets.truth(dataset.labelled, said.findings, "both")
    probabilities = label_scores.score_probabilities(
        said.findings,
        said.probabilities,
        true,
        source=said.bundle,
        truth=source,
        weights=weights,
        specificity=options.specificity,
        confidence=options.settings.confidence,
    )
    texts = [text or "" for text in said.texts]
    return _label_scores(dataset, said.bundle, options, probabilities, texts, weights, said.empty)


def _label_scores(
    dataset: Dataset,
    system: str,
    options: Options,
    probabilities: ProbabilityScores | None,
    texts: Sequence[str] | None,
    weights: Floats | None,
    refused: int = 0,
) -> LabelScores:
    studies, settings = dataset.labelled, options.settings
    captions = None
    names = tuple(dict.fromkeys(name for study in studies for name in study.labels))
    if texts is not None and (shared := [name for name in FINDINGS if name in names]):
        codes = Labelled().codes(texts)[:, [FINDINGS.index(name) for name in shared]]
        captions = label_scores.score_assertions(
            shared,
            asserted(codes, settings.uncertain),
            datasets.truth(studies, shared, "both")[0],
            weights=weights,
            confidence=settings.confidence,
        )
    warnings = list(dataset.overlaps)
    if refused:
        warnings.append(f"{refused} of {len(studies)} studies have no caption and assert nothing.")
    if probabilities and probabilities.missing:
        warnings.append(f"{probabilities.missing} of {len(studies)} studies have no probabilities.")
    if len(studies) < 100:
        warnings.append(f"Only {len(studies)} studies: intervals are wide.")
    return LabelScores(
        system,
        dataset.manifest.header.source,
        dataset.part,
        len(studies),
        references.resampled(studies),
        settings,
        probabilities,
        captions,
        refused,
        warnings,
    )


def _weights(studies: Sequence[Study], options: Options) -> Floats | None:
    settings = options.settings
    return label_scores.patient_weights(references.groups(studies), settings.rounds, settings.seed)


def _on_files(
    dataset: Dataset,
    seeds: Sequence[Predictions],
    compare: Sequence[Predictions],
    probabilities: str | Path | None,
    options: Options,
) -> Results:
    labels = None
    if dataset.labelled:
        labels = _files_on_labels(dataset, seeds, probabilities, options)
    if not seeds or (labels and not dataset.references):
        if labels is None:
            raise DataError(
                f"no {dataset.part} study has labels",
                subject=dataset.manifest.path,
                remedy="give predictions beside the probabilities, or a dataset with labels",
            )
        return Results(None, labels, dataset.manifest.root)
    everyone = [read_captions(one, dataset, options) for one in (*seeds, *compare)]
    system, compared = everyone[: len(seeds)], _with_distinct_names(everyone[len(seeds) :])
    curves = None
    if probabilities:
        path = Path(probabilities)
        also = {name for study in dataset.texts.studies for name in study.labels}
        names, values = prediction_files.read_probabilities(path, dataset.texts.ids, options.id_column, also)
        curves = score_probabilities(names, values, dataset, path.stem, options)
    if compared and compared[0].name == everyone[0].name:
        system = [replace(system[0], name=f"{system[0].name} (A)")]
        compared = [replace(compared[0], name=f"{compared[0].name} (B)"), *compared[1:]]
    return Results(
        run(dataset, system, compared, options, probabilities=curves), labels, dataset.manifest.root
    )


def _with_distinct_names(compared: list[Captions]) -> list[Captions]:
    """Compared systems with their own names."""
    taken: set[str] = set()
    out: list[Captions] = []
    for captions in compared:
        name, number = captions.name, 2
        while name in taken:
            name, number = f"{captions.name} ({number})", number + 1
        taken.add(name)
        out.append(replace(captions, name=name))
    return out


def _files_on_labels(
    dataset: Dataset, seeds: Sequence[Predictions], probabilities: str | Path | None, options: Options
) -> LabelScores | None:
    """Scores on labels; None if the captions are of no study with labels."""
    if seeds and dataset.references and not probabilities:  # captions may cover fewer studies
        _, known = _read(seeds[0], options)
        dataset = replace(dataset, labelled=[study for study in dataset.labelled if study.id in known])
        if not dataset.labelled:
            return None
    studies = dataset.labelled
    ids = [study.id for study in studies]
    weights = _weights(studies, options)
    scored, system = None, ""
    if probabilities:
        path, system = Path(probabilities), Path(probabilities).stem
        also = {name for study in studies for name in study.labels}
        names, values = prediction_files.read_probabilities(path, ids, options.id_column, also)
        true, source = datasets.truth(studies, names, "both")
        scored = label_scores.score_probabilities(
            names,
            values,
            true,
            source=path.stem,
            truth=source,
            weights=weights,
            specificity=options.specificity,
            confidence=options.settings.confidence,
        )
    texts, refused = None, 0
    if seeds and not (dataset.references and probabilities):
        name, found = _read(seeds[0], options)
        extra: Extra = "ignore" if dataset.references else options.extra
        texts = prediction_files.align(found, ids, name, frozenset(), options.missing, extra)
        system, refused = system or name, sum(not text.strip() for text in texts)
    return _label_scores(dataset, system, options, scored, texts, weights, refused)


def _read(given: Predictions, options: Options) -> tuple[str, Mapping[str, str]]:
    """Name and captions of predictions."""
    if isinstance(given, Mapping):
        return "predictions", given
    path = Path(given)
    return path.stem, prediction_files.read(path, options.id_column, options.report_column)


def read_captions(given: Predictions, dataset: Dataset, options: Options) -> Captions:
    """Read the captions of the scored studies.

    Parameters
    ----------
    given : path or mapping
        A file (see `predictions`), or captions by study id.

    Raises
    ------
    DataError
        The file is wrong, or its ids do not fit.
    """
    name, found = _read(given, options)
    texts = dataset.texts
    source = name if isinstance(given, Mapping) else Path(given)
    aligned = prediction_files.align(found, texts.ids, source, texts.left_out, options.missing, options.extra)
    return Captions(name, aligned, sum(not text.strip() for text in aligned))


def score_probabilities(
    findings: Sequence[str], values: Floats, dataset: Dataset, source: str, options: Options
) -> ProbabilityScores:
    """Score probabilities of the studies that have a reference text."""
    texts = dataset.texts
    true, truth = datasets.truth(texts.studies, findings, texts.target)
    return label_scores.score_probabilities(
        findings,
        values,
        true,
        source=source,
        truth=truth,
        weights=_weights(texts.studies, options),
        specificity=options.specificity,
        confidence=options.settings.confidence,
    )


def run(
    dataset: Dataset,
    seeds: Sequence[Captions],
    compared: Sequence[Captions],
    options: Options,
    labelled: Labelled | None = None,
    probabilities: ProbabilityScores | None = None,
    vectors: tuple[Vectors, Vectors] | None = None,
) -> Evaluation:
    """Score captions on a dataset that has reference texts.

    Parameters
    ----------
    dataset : Dataset
        What `dataset.read` returned.
    seeds, compared : sequence of Captions
        Captions of the system, one entry per seed, and of other systems.
    options : Options
        How they are scored.
    labelled : Labelled, optional
        Cache of the findings of texts.
    probabilities : ProbabilityScores, optional
        Scores of probabilities, for the page.
    vectors : tuple of ndarray, optional
        Features of training and scored studies, instead of `features.npz`.

    Raises
    ------
    RadscribeError
        A metric of `radeval` is not available or failed.
    """
    labelled = Labelled() if labelled is None else labelled
    texts, train, val = dataset.texts, dataset.train, dataset.val
    notes = list(dataset.notes)
    features: Vectors | None = None
    train_features: Vectors | None = None
    if vectors is not None:
        train_features, features = vectors
    elif dataset.table is None:
        notes.append("no nearest neighbour: there is no features.npz beside the manifest")
    elif train is not None:
        features, lacking = datasets.vectors(dataset.table, texts.studies)
        train_features, lacking_train = datasets.vectors(dataset.table, train.studies)
        if reason := lacking or lacking_train:
            notes.append(f"no nearest neighbour: {reason}")
            features = train_features = None
    task = Task(
        references=texts,
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
    result = evaluate_task(task, labelled)
    if options.external:
        found = radeval.score(
            options.external,
            result.system.captions,
            texts.texts,
            groups=texts.groups,
            rounds=options.settings.rounds,
            seed=options.settings.seed,
        )
        result = replace(result, external={name: one.to_dict() for name, one in found.items()})
    return result


def _require_choice(option: str, name: str, names: Sequence[str]) -> str:
    if name not in names:
        raise UsageError(f"{option} '{name}': there is no such choice", remedy=f"choose {', '.join(names)}")
    return name

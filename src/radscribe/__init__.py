"""radscribe writes the first draft of a chest radiograph's report. Research output: not for diagnosis.

>>> import radscribe
>>> captioner = radscribe.load()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radscribe._version import __version__
from radscribe.inference.options import DEFAULTS

if TYPE_CHECKING:
    from radscribe.data.study import Study
    from radscribe.evaluation.findings.assertions import Uncertain
    from radscribe.evaluation.results import Results
    from radscribe.evaluation.score import Scores
    from radscribe.imaging.radiograph import Radiograph
    from radscribe.inference.caption import Caption
    from radscribe.inference.captioner import Captioner
    from radscribe.inference.guard import Guard
    from radscribe.inference.inputs import Prior
    from radscribe.text.findings import ReportLabels

__all__ = [
    "Caption",
    "Captioner",
    "Prior",
    "Radiograph",
    "Study",
    "__version__",
    "evaluate",
    "guard",
    "label",
    "load",
    "read",
    "score",
]

# Imported on first use: `import radscribe` itself must cost nothing.
_HOMES = {
    "Caption": "radscribe.inference.caption",
    "Captioner": "radscribe.inference.captioner",
    "Prior": "radscribe.inference.inputs",
    "Radiograph": "radscribe.imaging.radiograph",
    "Study": "radscribe.data.study",
}


def load(bundle: str | Path | None = None, *, threads: int | None = None, device: str = "auto") -> Captioner:
    """Load a bundle for captioning. No torch is imported.

    Parameters
    ----------
    bundle : str or Path, optional
        Folder of a bundle, name of an embedded one, or `hf:owner/name` or `hf:owner/name@revision` for one on
        the Hugging Face Hub, which needs the extra `hub` (default: the embedded bundle).
    threads : int, optional
        Number of images that a stream reads and encodes at once (default: all cores).
    device : str
        Where to run the model: ``auto``, ``cpu``, ``cuda`` or another execution provider of onnxruntime.

    Returns
    -------
    Captioner
        It may be used from several threads at once.

    Raises
    ------
    BundleError
        There is no such bundle, or one of its files is not the file that was exported.
    """
    from radscribe.inference.captioner import Captioner

    return Captioner(bundle, threads=threads, device=device)


def guard(captioner: Callable[..., str] | str, bundle: str | Path | None = None, **options: Any) -> Guard:
    """Guard a captioner that is not ours: check the images before it, and its text after it.

    Parameters
    ----------
    captioner : callable or str
        A function of images (uint8 arrays ``[H, W]``, bright is dense) and views that returns text; an
        address of an HTTP endpoint; or ``module:function``.
    bundle : str or Path, optional
        Bundle whose encoder checks the text (default: the embedded bundle).
    **options
        Keywords of `radscribe.inference.guard.Guard`, such as `mark`, `timeout`, `api` and `token`.

    Returns
    -------
    Guard
        It captions as `Captioner` does, with `caption` and `stream`.

    Raises
    ------
    UsageError
        The captioner cannot be used, or an option makes no sense.

    Examples
    --------
    >>> import radscribe
    >>> from radscribe import phantom
    >>> guard = radscribe.guard(lambda images, views: "No effusion. There is a large effusion.")
    >>> guard.caption(phantom.draw(7, ()).radiograph).text
    'No effusion.'
    """
    from radscribe.inference.guard import Guard

    return Guard(captioner, bundle, **options)


def label(text: str) -> ReportLabels:
    """Find the findings that a radiology report asserts, denies or leaves open.

    Parameters
    ----------
    text : str
        An English report, with or without section headings. Text under INDICATION, HISTORY,
        COMPARISON or TECHNIQUE is not labelled.

    Returns
    -------
    ReportLabels
        `findings` maps each finding that the report mentions to "present", "absent" or "uncertain";
        `mentions` has the words that say so and their character positions.

    Examples
    --------
    >>> import radscribe
    >>> labels = radscribe.label("Mild cardiomegaly. No pleural effusion.")
    >>> labels.findings
    {'Cardiomegaly': 'present', 'Effusion': 'absent'}
    >>> labels.mentions[1].text, labels.mentions[1].start, labels.mentions[1].end
    ('pleural effusion', 22, 38)
    """
    from radscribe.text.findings import ReportLabels, find, summarise

    mentions = find(text)
    return ReportLabels(summarise(mentions), tuple(mentions))


def read(source: Any, *, size: int | None = None, exact: bool = False) -> Radiograph:
    """Read one radiograph from a file, bytes, a PIL image, an array or a pydicom Dataset.

    See `radscribe.imaging.reader.read` for how each kind is interpreted.

    Parameters
    ----------
    source : path, bytes, binary file object, PIL image, numpy array or pydicom Dataset
        What to read.
    size : int, optional
        Side in pixels of the square to resize the image to while it is read (default: keep the size).
    exact : bool
        With `size`: decode JPEG and JPEG 2000 at full resolution (default: only as much as is needed).

    Returns
    -------
    Radiograph
        Pixels are float32 `[H, W]` in 0..1, bright is dense.

    Raises
    ------
    ImageError
        If it is damaged, too large, smaller than 64 pixels, of one constant value, or not a single image.

    Examples
    --------
    >>> import numpy as np
    >>> import radscribe
    >>> film = radscribe.read(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64))
    >>> film.pixels.shape, film.view
    ((64, 64), 'unknown')
    """
    from radscribe.imaging import reader

    return reader.read(source, size=size, exact=exact)


def score(
    hypotheses: Sequence[str],
    references: Sequence[str] | Sequence[Sequence[str]],
    *,
    metrics: str | Sequence[str] = ("bleu_1", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1"),
    tokenization: str = "plain",
    uncertain: Uncertain = "absent",
    groups: Sequence[str] | None = None,
    rounds: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Scores:
    """Score captions beside reference reports.

    Parameters
    ----------
    hypotheses : sequence of str
        The captions of N studies; "" for a study without one.
    references : sequence of str, or of sequences of str
        The reports of these studies, one or more each. Findings are compared with the first.
    metrics : str or sequence of str
        Names such as "bleu_4" or "BLEU-4": bleu_1 to bleu_4, bleu_4_add_1, rouge_l, cider, cider_d,
        exact_match, length_ratio, meteor (needs Java); findings by the labeller: micro_f1, macro_f1 and their
        precision and recall, normal_agreement, abnormal_hit_rate, laterality_error_rate; with the package
        radeval: radgraph_f1, chexbert_f1, radcliq, green, ratescore.
    tokenization : str
        "plain", "ptb", "r2gen" or "r2gen-mimic".
    uncertain : {"absent", "present", "skip"}
        What a finding in doubt counts as.
    groups : sequence of str, optional
        The patient of each study; the bootstrap draws patients (default: studies).
    rounds : int
        Number of bootstrap resamples; 0 gives no intervals.
    confidence : float
        Coverage of the intervals.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Scores
        A mapping from name to `Score`, which has `value`, `interval`, `better` and `signature`.

    Raises
    ------
    UsageError
        There is no such metric or tokenization.
    DataError
        There is not one reference per hypothesis.
    RadscribeError
        A metric needs Java, a package or a model that is not on this machine.

    Examples
    --------
    >>> import radscribe
    >>> hypotheses = ["Small left pleural effusion.", "The lungs are clear."]
    >>> references = ["There is a small left effusion.", "The lungs are clear. The heart is normal."]
    >>> scores = radscribe.score(hypotheses, references, metrics=["BLEU-1", "micro_f1"], rounds=0)
    >>> print(scores)
    BLEU-1 = 0.413
    findings, micro-F1 = 1.000
    >>> f"{scores['bleu_1']:.1%}"
    '41.3%'
    """
    from radscribe.evaluation.score import score

    return score(
        hypotheses,
        references,
        metrics=metrics,
        tokenization=tokenization,
        uncertain=uncertain,
        groups=groups,
        rounds=rounds,
        confidence=confidence,
        seed=seed,
    )


def evaluate(
    data: str | Path,
    *,
    bundle: str | Path | None = None,
    predictions: str | Path | Mapping[str, str] | Sequence[str | Path] | None = None,
    compare: str | Path | Mapping[str, str] | Sequence[str | Path] = (),
    probabilities: str | Path | None = None,
    split: str = "test",
    target: str = "findings",
    tokenization: str = "plain",
    vocabulary: Path | None = None,
    uncertain: str = "absent",
    specificity: float = 0.9,
    rounds: int = 1000,
    seed: int = 0,
    missing: str = "error",
    extra: str = "error",
    meteor: str = "none",
    external: Sequence[str] = (),
    id_column: str = "id",
    report_column: str = "report",
    beam: int = DEFAULTS.beam,
    encode_training: bool = False,
    context_of: str = "own",
    advance: Callable[..., None] | None = None,
) -> Results:
    """Score captions, and probabilities of findings, on a prepared dataset.

    Parameters
    ----------
    data : str or Path
        Folder made by `radscribe prepare`.
    bundle : str or Path, optional
        A bundle to score: its folder, or the name of an embedded one.
    predictions : path, mapping from study id to caption, or sequence of paths, optional
        Captions to score. Several files are seeds of one system.
    compare : path, mapping, or sequence of paths
        Captions of other systems, for paired comparisons.
    probabilities : str or Path, optional
        Table with an id and a column per finding.
    split : {"test", "val", "train", "all"}
        The part to score.
    target : {"findings", "impression", "both"}
        The section of the report to score against.
    tokenization : str
        "plain", "ptb", "r2gen" or "r2gen-mimic".
    vocabulary : Path, optional
        File of known words; others become "<unk>".
    uncertain : {"absent", "present", "skip"}
        What a finding in doubt counts as.
    specificity : float
        Specificity at which the sensitivity of probabilities is given.
    rounds, seed : int
        Number of bootstrap resamples, and their seed.
    missing : {"error", "empty"}
        "empty" scores studies without a caption as empty.
    extra : {"error", "ignore"}
        "ignore" leaves out captions of unknown studies.
    meteor : {"none", "system", "all"}
        Which captions get METEOR, which needs Java.
    external : sequence of str
        Metrics of the package radeval: radgraph_f1, chexbert_f1, radcliq, green, ratescore.
    id_column, report_column : str
        Columns of prediction files.
    beam : int
        Beam width of the bundle.
    encode_training : bool
        Encode the training images with the bundle, for the nearest-neighbour baseline.
    context_of : {"own", "none", "swapped"}
        Whose indication and prior study the bundle's captions are written with: the study's own, nobody's, or
        those of another study.
    advance : callable, optional
        Called with the name of the step and its number of studies after each study.

    Returns
    -------
    Results
        `captions` and `labels` hold the scores, each None if the dataset has no reports or no labels;
        `to_dict()` is `scores.json`, `save(folder)` writes it with the page, and `print` shows the tables.

    Raises
    ------
    UsageError
        Options do not fit together.
    DataError
        A file is wrong, or its ids do not fit the dataset.

    Examples
    --------
    >>> import radscribe
    >>> results = radscribe.evaluate("data/iu", predictions="mine.csv")  # doctest: +SKIP
    >>> results.captions.system.values["cider_d"]  # doctest: +SKIP
    0.412
    >>> results.save("scores/mine")  # doctest: +SKIP
    """
    from radscribe.evaluation.bundle_captions import quiet
    from radscribe.evaluation.run import evaluate

    return evaluate(
        data,
        bundle=bundle,
        predictions=predictions,
        compare=compare,
        probabilities=probabilities,
        split=split,
        target=target,
        beam=beam,
        encode_training=encode_training,
        context_of=context_of,
        advance=advance or quiet,
        tokenization=tokenization,
        vocabulary=vocabulary,
        uncertain=uncertain,
        specificity=specificity,
        rounds=rounds,
        seed=seed,
        missing=missing,
        extra=extra,
        meteor=meteor,
        external=external,
        id_column=id_column,
        report_column=report_column,
    )


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'radscribe' has no attribute '{name}'")

"""Two bundles on the same held-out studies: whether the new one may replace the one in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from radscribe.data import reviews
from radscribe.data.manifest import Manifest
from radscribe.errors import DataError
from radscribe.evaluation import references
from radscribe.evaluation.bundle_captions import caption_studies, quiet
from radscribe.evaluation.references import Part, References
from radscribe.evaluation.system_scores import Difference, Scorer, Settings, difference
from radscribe.evaluation.tokenisation import tokenization
from radscribe.inference.captioner import Captioner
from radscribe.inference.options import DEFAULTS
from radscribe.text.report import Target

Verdict = Literal["better", "worse", "undecided"]
DECISIVE = "micro_f1"
JUDGED = (DECISIVE, "macro_f1", "abnormal_hit_rate", "cider_d", "rouge_l")
LEAST = 20  # studies: with fewer, bootstrap intervals are too narrow to decide anything


@dataclass(frozen=True, slots=True)
class Score:
    """One score of both bundles, and new minus in use with its interval."""

    in_use: float
    new: float
    difference: float
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The better one of two bundles.

    Parameters
    ----------
    in_use, new : str
        Names and digests of the bundles.
    verdict : {"better", "worse", "undecided"}
        What the new bundle is.
    reason : str
        Why, in one sentence.
    n : int
        Studies that were captioned by both.
    scores : dict of str to Score
        The scores in `JUDGED`.
    notes : list of str
        What to keep in mind.
    """

    in_use: str
    new: str
    verdict: Verdict
    reason: str
    n: int
    scores: dict[str, Score]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain dictionaries and lists."""
        return asdict(self)


def compare(
    data: Path,
    in_use: str,
    new: str,
    part: Part = "test",
    target: Target = "findings",
    beam: int = DEFAULTS.beam,
    rounds: int = 1000,
    seed: int = 0,
    advance: Callable[..., None] = quiet,
) -> Comparison:
    """Caption the same studies with two bundles and compare the captions with the reports.

    Parameters
    ----------
    data : Path
        Folder with a manifest, such as that of `radscribe export-reviews`.
    in_use, new : str
        The bundles.
    part : {"train", "val", "test", "all"}
        Part of the dataset.
    target : {"findings", "impression", "both"}
        Section of the report to score against.
    beam : int
        Width of the beam search.
    rounds, seed : int
        Number of bootstrap resamples, over patients, and their seed.
    advance : callable
        Called with the step's name and its number of studies after each study.

    Raises
    ------
    DataError
        The part has no study with a text, or an image is missing.
    BundleError
        A bundle is missing or damaged.
    """
    manifest = Manifest(data)
    captioners = Captioner(in_use), Captioner(new)
    names = captioners[0].bundle, captioners[1].bundle
    notes: list[str] = []
    if reviews.is_of_reviews(manifest):
        notes.append(
            "the reviewed texts were corrected from drafts, so they favour the bundle that wrote the drafts"
        )
        if part != "all" and not reviews.studies_of(manifest, part):
            return Comparison(*names, "undecided", f"no reviewed study is in the {part} part", 0, {}, notes)
    scored = references.read(manifest, part, target)
    texts: list[list[str]] = []
    for captioner, role in zip(captioners, ("the bundle in use", "the new bundle"), strict=True):
        said = caption_studies(captioner, scored.studies, beam, advance, f"captioning with {role}")
        texts.append([text or "" for text in said.texts])
        if said.empty:
            notes.append(f"{said.empty} of {len(scored.texts)} studies got no caption from {role}")
    scores, differences = _scores(scored, texts, Settings(tokenization("plain"), rounds=rounds, seed=seed))
    verdict, reason = judge(differences, len(scored.texts))
    return Comparison(*names, verdict, reason, len(scored.texts), scores, notes)


def _scores(
    scored: References, texts: Sequence[Sequence[str]], settings: Settings
) -> tuple[dict[str, Score], dict[str, Difference]]:
    scorer = Scorer([[text] for text in scored.texts], scored.groups, settings)
    old, new = (scorer.score(name, "", said) for name, said in zip(("in use", "new"), texts, strict=True))
    differences = {k: d for k, d in difference(new, old, settings.confidence).items() if k in JUDGED}
    scores = {
        name: Score(
            old.values[name], new.values[name], differences[name].difference, differences[name].interval
        )
        for name in JUDGED
    }
    return scores, differences


def judge(differences: dict[str, Difference], n: int) -> tuple[Verdict, str]:
    """Decide by the intervals of the differences, new minus in use.

    Worse: the interval of a score lies below 0. Better: none does, and that of micro-F1 lies above 0.
    Otherwise, or with fewer than `LEAST` studies, it is not decided.
    """
    if n < LEAST:
        return "undecided", f"{n} held-out studies are too few; {LEAST} are the least"
    intervals = {name: one.interval for name, one in differences.items() if one.interval is not None}
    if DECISIVE not in intervals:
        raise DataError("there are no intervals", remedy="give more than 0 rounds")
    if lower := [name for name, (_, high) in intervals.items() if high < 0]:
        return "worse", f"the interval of the difference in {' and '.join(lower)} lies below 0"
    if intervals[DECISIVE][0] > 0:
        return "better", f"the interval of the difference in {DECISIVE} lies above 0, and no score is worse"
    return "undecided", f"the interval of the difference in {DECISIVE} includes 0"

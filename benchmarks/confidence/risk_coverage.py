"""Measure how well confidence separates right from wrong captions; prints the tables of the model card.

    python -m benchmarks.confidence.risk_coverage DATA [--bundle B] [--part val]

On the part that the confidence was fitted on, it is cross-fitted over patients; on other parts it is the
bundle's own. It is compared with the product of the encoder's probabilities of asserted findings, the mean
log-probability of the words (all that a language model knows), a random order and the perfect order.
Intervals come from a bootstrap over patients.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import radscribe
from radscribe.bundle.format import ConfidenceSpec
from radscribe.data.manifest import Manifest
from radscribe.evaluation.bootstrap import Rows, interval
from radscribe.evaluation.calibration import reliability
from radscribe.evaluation.findings.binary_scores import aurc, auroc, risks
from radscribe.evaluation.metrics.base import Floats
from radscribe.export.captioned_part import CaptionedPart, caption_part
from radscribe.export.confidence_fit import cross_fitted, features, fit_confidence, right
from radscribe.inference.confidence import contradicts
from radscribe.runtime.numeric import sigmoid
from radscribe.text.findings import Status, label

COVERAGES = (1.0, 0.75, 0.5, 0.25)
LEAST = (0.3, 0.4, 0.5, 0.6, 0.7)


def confidence_of(part: CaptionedPart, fitted: ConfidenceSpec) -> Floats:
    """Confidence of captions with a known outcome, fitted without their own patient."""
    if (part.name, part.source) == (fitted.part, fitted.data):
        return np.asarray(cross_fitted(part, fitted.features)[0].mean(0))
    known = ~np.isnan(right(part.said, part.true))
    return sigmoid(features(part, fitted.features)[known] @ np.array(fitted.weights) + fitted.bias)


def print_orders(orders: dict[str, Floats], y: Floats, groups: Sequence[str]) -> None:
    print(
        "| order | AUROC of right and wrong | AURC | calibration error | "
        + " | ".join(f"risk at {c:.0%}" for c in COVERAGES)
        + " |"
    )
    print("|---|---|---|---:|" + "---:|" * len(COVERAGES))

    def with_interval(statistic: Callable[[Floats, Floats], float], values: Floats) -> str:
        def of(rows: Rows) -> float:
            return statistic(values[rows], y[rows])

        low, high = interval(of, groups)
        return f"{statistic(values, y):.3f} ({low:.3f} to {high:.3f})"

    kept = [max(round(c * len(y)), 1) - 1 for c in COVERAGES]
    for name, values in orders.items():
        is_probability = values.min() >= 0 and values.max() <= 1
        error = f"{reliability(values, y).error:.3f}" if is_probability else ""
        curve = " | ".join(f"{risk:.0%}" for risk in risks(values, y)[kept])
        print(
            f"| {name} | {with_interval(auroc, values)} | {with_interval(aurc, values)} | {error} | {curve} |"
        )
    share = 1 - y.mean()
    print(f"| at random | 0.500 | {share:.3f} | | " + " | ".join([f"{share:.0%}"] * len(COVERAGES)) + " |")
    best = " | ".join(f"{risk:.0%}" for risk in risks(y, y)[kept])
    print(f"| perfect | 1.000 | {aurc(y, y):.3f} | | {best} |")


def print_handed_back(confidence: Floats, y: Floats) -> None:
    print("| `--min-confidence` | coverage | risk of what is kept | risk of what is refused |")
    print("|---:|---:|---:|---:|")
    for least in LEAST:
        kept = confidence >= least
        inside, outside = (f"{1 - y[k].mean():.0%}" if k.any() else "" for k in (kept, ~kept))
        print(f"| {least:.0%} | {kept.mean():.0%} | {inside} | {outside} |")


def print_marks(part: CaptionedPart) -> None:
    """Print how often statements about findings are wrong, with and without the mark for doubt."""
    statuses: tuple[Status, ...] = ("present", "absent")
    counts = {(status, mark): [0, 0] for status in statuses for mark in (True, False)}
    unsaid = [0, 0]
    for caption, true in zip(part.captions, part.true, strict=True):
        said = label(caption.text or "")
        for finding, is_there in zip(part.findings, true, strict=True):
            status = said.get(finding)
            if np.isnan(is_there):
                continue
            if status in ("present", "absent"):
                count = counts[status, contradicts(caption.findings[finding], status)]
                count[0] += 1
                count[1] += (status == "present") != bool(is_there)
            if finding in caption.unsaid_findings:
                unsaid[0] += 1
                unsaid[1] += int(is_there)
    print("| what a caption says of a finding | marked doubtful | times | wrong |\n|---|---|---:|---:|")
    for (claim, mark), (times, wrong) in counts.items():
        share = f"{wrong / times:.0%}" if times else ""
        print(f"| {claim} | {'yes' if mark else 'no'} | {times} | {share} |")
    print(f"\nLikely and not said: {unsaid[0]} times, of which {unsaid[1]} are there.")


def print_words(part: CaptionedPart) -> None:
    """Print how well word probabilities and finding probabilities detect wrong mentions."""
    print("| mentions as | times | AUROC of wrong by the least likely word | by the finding's probability |")
    print("|---|---:|---:|---:|")
    statuses: tuple[Status, ...] = ("present", "absent")
    for status in statuses:
        words, probabilities, wrong = list[float](), list[float](), list[float]()
        for caption, row in zip(part.captions, part.true, strict=True):
            true = dict(zip(part.findings, row, strict=True))
            least: dict[str, float] = {}
            for token in caption.tokens:
                if token.status == status and token.finding is not None:
                    least[token.finding] = min(token.log_probability, least.get(token.finding, 0.0))
            for finding, value in least.items():
                if not np.isnan(true.get(finding, np.nan)):
                    words.append(-value)
                    probabilities.append(caption.findings[finding] * (-1 if status == "present" else 1))
                    wrong.append(float((status == "present") != bool(true[finding])))
        by = (auroc(np.array(values), np.array(wrong)) for values in (words, probabilities))
        print(f"| {status} | {len(wrong)} | " + " | ".join(f"{value:.3f}" for value in by) + " |")


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--part", choices=("val", "test"), default="val")
    arguments = parser.parse_args(given)
    captioner = radscribe.load(arguments.bundle)
    part = caption_part(captioner, Manifest(arguments.data), arguments.part)
    fitted = captioner.spec.confidence or fit_confidence(part)
    y = right(part.said, part.true)
    known = ~np.isnan(y)
    confidence = confidence_of(part, fitted)
    y, groups = y[known], [g for g, k in zip(part.groups, known, strict=True) if k]
    orders = {
        f"confidence ({', '.join(name.replace('_', ' ') for name in fitted.features)})": confidence,
        "the encoder's probabilities, multiplied": sigmoid(features(part, ["agreement"])[known, 0]),
        "the words' mean log-probability": features(part, ["mean_log_probability"])[known, 0],
    }
    how = "cross-fitted over patients" if part.name == fitted.part else "as fitted on the other part"
    print(
        f"{captioner.bundle}, {part.name} part: {len(y)} captions of {len(set(groups))} patients, "
        f"{y.mean():.0%} of them right; confidence {how}.\n"
    )
    print_orders(orders, y, groups)
    print()
    print_handed_back(confidence, y)
    print()
    print_marks(part)
    print()
    print_words(part)


if __name__ == "__main__":
    main()

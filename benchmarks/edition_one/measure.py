"""Held-out figures of the embedded bundle, as the tables of its model card.

    python -m benchmarks.edition_one.measure DATA ANNOTATION [--bundle B] [--part test]

Encoder: AUROC of each finding, with intervals from a bootstrap over patients. Captions: agreement of asserted
findings (by the labeller; doubt does not count) with the labels, compared with the best constant caption
(chosen on the validation part) and with the same captions shuffled over the images.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import radscribe
from radscribe.data.manifest import Manifest
from radscribe.data.study import Split, Study
from radscribe.data.weak_pairs import WeakPairs, reports_to_pair
from radscribe.evaluation.bootstrap import Rows, interval
from radscribe.evaluation.calibration import expected_calibration_error
from radscribe.evaluation.findings.binary_scores import Agreement, agreement, auroc, macro_f1
from radscribe.inference.caption import Caption
from radscribe.text.findings import label

FEWEST = 20  # positives of a finding that a mean is taken over
SHUFFLES = 200
CANDIDATES = 2000  # training reports that the constant caption may be
Booleans = npt.NDArray[np.bool_]


def asserted(texts: Sequence[str], findings: Sequence[str]) -> Booleans:
    """Findings that each text asserts, `[N, F]`."""
    found = {text: label(text) for text in set(texts)}
    return np.array([[found[text].get(f) == "present" for f in findings] for text in texts])


def truth(studies: Sequence[Study], findings: Sequence[str]) -> Booleans:
    return np.array([[study.labels[f] == 1.0 for f in findings] for study in studies])


def patients(studies: Sequence[Study]) -> list[str]:
    return [str(study.patient_id) for study in studies]


def best_constant(candidates: Sequence[str], true: Booleans, findings: Sequence[str]) -> str:
    """Find the text with the best micro-F1 if every image gets it."""
    said = asserted(candidates, findings)
    scores = [agreement(np.broadcast_to(row, true.shape), true).f1 for row in said]
    return candidates[int(np.argmax(scores))]


def print_auroc(findings: Sequence[str], scores: npt.NDArray[Any], true: Booleans, groups: list[str]) -> None:
    labels = true.astype(np.float64)
    often = np.flatnonzero(true.sum(0) >= FEWEST)

    def mean(rows: Rows) -> float:
        return float(np.nanmean([auroc(scores[rows, f], labels[rows, f]) for f in often]))

    print("| finding | positives | AUROC | 95% interval |\n|---|---:|---:|---|")
    for f, finding in enumerate(findings):

        def one(rows: Rows, f: int = f) -> float:
            return auroc(scores[rows, f], labels[rows, f])

        low, high = interval(one, groups)
        value = one(np.arange(len(true)))
        print(f"| {finding.replace('_', ' ')} | {true[:, f].sum()} | {value:.3f} | {low:.3f} to {high:.3f} |")
    low, high = interval(mean, groups)
    value = mean(np.arange(len(true)))
    print(
        f"| **mean of the {len(often)} with at least {FEWEST} positives** | | **{value:.3f}** "
        f"| {low:.3f} to {high:.3f} |"
    )
    error = expected_calibration_error(scores, labels)
    print(f"\nExpected calibration error, ten bins, all findings: {error:.3f}.")


def row(name: str, said: Booleans, true: Booleans, groups: list[str]) -> str:
    often = true.sum(0) >= FEWEST
    whole: Agreement = agreement(said, true)
    low, high = interval(lambda rows: agreement(said[rows], true[rows]).f1, groups)
    silent = float((~said.any(1)).mean())
    return (
        f"| {name} | {whole.precision:.3f} | {whole.recall:.3f} | {whole.f1:.3f} ({low:.3f} to {high:.3f}) "
        f"| {macro_f1(said[:, often], true[:, often]):.3f} | {silent:.0%} |"
    )


def shuffled_row(said: Booleans, true: Booleans) -> str:
    often = true.sum(0) >= FEWEST
    generator = np.random.default_rng(0)
    draws = [said[generator.permutation(len(said))] for _ in range(SHUFFLES)]
    scores = [agreement(draw, true) for draw in draws]
    f1 = np.array([score.f1 for score in scores])
    low, high = np.quantile(f1, (0.025, 0.975))
    macro = np.mean([macro_f1(draw[:, often], true[:, often]) for draw in draws])
    precision = np.mean([score.precision for score in scores])
    recall = np.mean([score.recall for score in scores])
    silent = float((~said.any(1)).mean())
    return (
        f"| the same captions, shuffled ({SHUFFLES} times) | {precision:.3f} | {recall:.3f} "
        f"| {f1.mean():.3f} ({low:.3f} to {high:.3f}) | {macro:.3f} | {silent:.0%} |"
    )


def main(arguments_given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("annotation", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--part", choices=("val", "test"), default="test")
    parser.add_argument("--beam", type=int, default=3)
    arguments = parser.parse_args(arguments_given)
    part: Split = arguments.part
    captioner = radscribe.load(arguments.bundle)
    findings = captioner.findings
    manifest = Manifest(arguments.data)

    def captions_of(split: Split) -> tuple[list[Study], list[Caption]]:
        studies = manifest.split(split)
        paths = [manifest.root / study.images[0].path for study in studies]
        return list(studies), list(captioner.stream(paths, beam=arguments.beam, force=True))

    studies, captions = captions_of(part)
    true, groups = truth(studies, findings), patients(studies)
    scores = np.array([[caption.findings[f] for f in findings] for caption in captions])
    print(
        f"{captioner.bundle}, {part} part: {len(studies)} images of {len(set(groups))} patients.\n\n"
        "### Encoder\n"
    )
    print_auroc(findings, scores, true, groups)

    validation, its_captions = (studies, captions) if part == "val" else captions_of("val")
    pairs = WeakPairs(reports_to_pair(arguments.annotation)["train"])
    generator = random.Random(0)
    training = manifest.split("train")
    candidates = [caption.text or "" for caption in its_captions]
    for study in generator.choices(training, k=CANDIDATES):
        candidates.append(pairs.sample([f for f, value in study.labels.items() if value == 1.0], generator))
    constant = best_constant(candidates, truth(validation, findings), findings)

    texts = [caption.text or "" for caption in captions]
    said = asserted(texts, findings)
    print(f"\n### Captions (beam {arguments.beam})\n")
    print("| captions | precision | recall | micro-F1 (95% interval) | macro-F1 | assert no finding |")
    print("|---|---:|---:|---|---:|---:|")
    print(row("this model", said, true, groups))
    constant_said = asserted([constant] * len(studies), findings)
    print(row("best constant caption", constant_said, true, groups))
    print(shuffled_row(said, true))
    low, high = interval(
        lambda rows: agreement(said[rows], true[rows]).f1 - agreement(constant_said[rows], true[rows]).f1,
        groups,
    )
    print(f"\nMicro-F1 of this model less the constant's: 95% interval {low:+.3f} to {high:+.3f}.")
    print(f'The constant: "{constant}"')
    healthy = ~true.any(1)
    print(
        f"Of {healthy.sum()} images without a finding, {(~said[healthy].any(1)).mean():.0%} get a caption "
        f"that asserts none; of {(~healthy).sum()} with one, {said[~healthy].any(1).mean():.0%} get one that "
        "does."
    )
    often, count = Counter(texts).most_common(1)[0]
    print(f'{len(set(texts))} distinct captions; the most frequent, {count / len(texts):.0%}: "{often}"')
    print("\n| finding | in images | asserted | precision | recall |\n|---|---:|---:|---:|---:|")
    for f, finding in enumerate(findings):
        one = agreement(said[:, f], true[:, f])
        print(
            f"| {finding.replace('_', ' ')} | {true[:, f].sum()} | {said[:, f].sum()} "
            f"| {one.precision:.2f} | {one.recall:.2f} |"
        )


if __name__ == "__main__":
    main()

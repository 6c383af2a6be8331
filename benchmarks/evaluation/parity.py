"""Scores and time compared with pycocoevalcap, in one run, on the Indiana test references.

    python -m benchmarks.evaluation.parity MANIFEST [--meteor] [--ptb]

Three kinds of predictions: one constant, random training reports, and references with words removed. Time is
the processor time of BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D on the same words, minimum of three runs.
`--meteor` compares the jar's scores (minutes), `--ptb` the tokenizers on every report (needs Java).
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from radscribe.data.manifest import Manifest
from radscribe.evaluation import references
from radscribe.evaluation.metrics import bleu, cider, rouge
from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.meteor import meteor
from radscribe.evaluation.metrics.registry import score
from radscribe.evaluation.tokenisation import TOKENIZATIONS, Tokens, penn_treebank

TIMES = 3
Scores = dict[str, float]


def reference_scores(captions: Sequence[Tokens], references: Sequence[Tokens]) -> Scores:
    """Scores by pycocoevalcap."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    said = {i: [" ".join(words)] for i, words in enumerate(captions)}
    written = {i: [" ".join(words)] for i, words in enumerate(references)}
    found, _ = Bleu(4).compute_score(written, said, verbose=0)
    return {
        **{f"bleu_{order}": float(found[order - 1]) for order in range(1, 5)},
        "rouge_l": float(Rouge().compute_score(written, said)[0]),
        "cider_d": float(Cider().compute_score(written, said)[0]),
    }


def own_scores(captions: Sequence[Tokens], references: Sequence[Tokens]) -> Scores:
    """The same metrics here."""
    corpus = Corpus(captions, [[words] for words in references])
    found: Scores = {}
    for metric in (bleu.BLEU, rouge.ROUGE_L, cider.CIDER_D):
        values = metric.value(metric.statistics(corpus).sum(0)[None])[0]
        found |= {name: float(value) for name, value in zip(metric.names, values, strict=True)}
    return found


def timed(function: Callable[[], Scores]) -> tuple[Scores, float]:
    """The result and the least processor time."""
    least, found = float("inf"), Scores()
    for _ in range(TIMES):
        start = time.process_time()
        found = function()
        least = min(least, time.process_time() - start)
    return found, least


def compare_ptb(texts: Sequence[str]) -> None:
    """Count the reports on which both tokenizers agree."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    different = [" ".join(text.split()) for text in dict.fromkeys(texts)]
    theirs = PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(different)})
    equal = sum(" ".join(penn_treebank(text)) == theirs[i][0] for i, text in enumerate(different))
    print(f"ptb: {equal:,} of {len(different):,} different reports have the same words.")


def compare_meteor(captions: Sequence[Tokens], references: Sequence[Tokens]) -> None:
    """The jar through pycocoevalcap and through radscribe."""
    from pycocoevalcap.meteor.meteor import Meteor

    said = {i: [" ".join(words)] for i, words in enumerate(captions)}
    written = {i: [" ".join(words)] for i, words in enumerate(references)}
    theirs = Meteor().compute_score(written, said)[0]
    mine = meteor([Corpus(captions, [[words] for words in references])])[0]
    print(f"METEOR: pycocoevalcap {theirs!r}, radscribe {mine.score!r}")


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--meteor", action="store_true")
    parser.add_argument("--ptb", action="store_true")
    arguments = parser.parse_args(given)
    manifest = Manifest(arguments.data)
    parts = {part: references.read(manifest, part, "findings").texts for part in ("train", "val", "test")}
    plain, generator = TOKENIZATIONS["plain"], random.Random(0)
    train, test = plain.all(parts["train"]), plain.all(parts["test"])
    kinds: dict[str, list[Tokens]] = {
        "constant": [train[5]] * len(test),
        "random": generator.choices(train, k=len(test)),
        "words taken out": [tuple(w for w in words if generator.random() < 0.7) for words in test],
    }
    score(Corpus(test[:5], [[words] for words in test[:5]]))  # imports are not timed
    columns = ("predictions", "largest difference", "pycocoevalcap", "radscribe", "times faster")
    print(f"| {' | '.join(columns)} |")
    print("|---|---:|---:|---:|---:|")
    for kind, captions in kinds.items():
        theirs, slow = timed(lambda captions=captions: reference_scores(captions, test))  # type: ignore[misc]
        mine, fast = timed(lambda captions=captions: own_scores(captions, test))  # type: ignore[misc]
        gap = max(abs(mine[name] - theirs[name]) for name in theirs)
        print(f"| {kind} | {gap:.0e} | {slow:.3f} s | {fast:.3f} s | {slow / fast:.1f} |")
    if arguments.ptb:
        compare_ptb([text for texts in parts.values() for text in texts])
    if arguments.meteor:
        compare_meteor(kinds["random"], test)


if __name__ == "__main__":
    main()

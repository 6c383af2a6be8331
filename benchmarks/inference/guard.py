"""How often the guard objects to true reports, to those of other studies, and to mirrored ones.

    radscribe prepare iu-kaggle downloads/iu --out data/iu --drop-missing
    python -m benchmarks.inference.guard data/iu [--bundle B] [--studies N]

Takes studies of the test part that pass the chest check, and guards three texts of each: its own findings,
those of another study, and its own with left and right exchanged. Counts the sentences that break each rule.
Radiologists had the earlier study and the lateral view, so `prior` and `view` say nothing about the guard.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from radscribe.data.manifest import Manifest
from radscribe.inference.guard import RULES, Guard
from radscribe.text.findings import find

OTHER = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
KINDS = ("its own", "another study's", "its own, mirrored")


class Says:
    """A captioner that returns the text it was given."""

    name = "report"
    text = ""

    def ask(self, images: Sequence[object], views: Sequence[str]) -> str:
        return self.text


def mirrored(text: str) -> str:
    return re.sub(r"\b(?:left|right|Left|Right)\b", lambda match: OTHER[match[0]], text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--studies", type=int, default=200)
    arguments = parser.parse_args()
    studies = [
        study
        for study in Manifest(arguments.data).split("test", with_images=True)
        if study.report is not None and study.report.findings
    ][: arguments.studies]
    texts = [str(study.report.findings) for study in studies if study.report]
    captioner = Says()
    guard = Guard(captioner, arguments.bundle)
    broken = {kind: Counter[str]() for kind in KINDS}
    sentences, asserting = Counter[str](), Counter[str]()
    used = 0
    for place, study in enumerate(studies):
        other = texts[(place + len(texts) // 2) % len(texts)]
        for kind, text in zip(KINDS, (texts[place], other, mirrored(texts[place])), strict=True):
            captioner.text = text
            caption = guard.caption(study)
            if caption.text is None:
                break
            used += kind == KINDS[0]
            sentences[kind] += len(caption.sentences)
            for sentence in caption.sentences:
                known = [m for m in find(sentence.text) if m.finding in caption.findings]
                asserting[kind] += any(mention.status == "present" for mention in known)
                broken[kind].update({reason.rule for reason in sentence.reasons})
    print(f"{used} of {len(studies)} studies pass the chest check; bundle {guard.spec.id}")
    print(f"| sentences that break the rule | {' | '.join(KINDS)} |")
    print("|---|---:|---:|---:|")
    for rule in RULES:
        print(f"| `{rule}` | {' | '.join(str(broken[kind][rule]) for kind in KINDS)} |")
    print(f"| asserting a finding of the encoder | {' | '.join(str(asserting[kind]) for kind in KINDS)} |")
    print(f"| all | {' | '.join(str(sentences[kind]) for kind in KINDS)} |")


if __name__ == "__main__":
    main()

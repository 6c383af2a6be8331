"""Train a captioner on pairs of drawn studies, and count how often its change words are right.

    python -m benchmarks.context.pairs OUT [--pairs 1600]

OUT keeps every step, and a second call goes on where the first stopped: the pairs, an encoder, a Show and
Tell that reads the prior, and its bundle. The captions are those of the bundle on the test part:

- with the study's own prior: each finding whose change the report gives, and the change that the caption
  gives;
- with the prior of another patient: each finding that is in one of the two studies, and whether the caption
  calls it new, resolved, or neither, as the two studies have it;
- without a prior: captions that compare with one;
- with a false finding in the prior's report, which neither study's image shows: captions that speak of it and
  did not before, as if it were there or as if it had been.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from radscribe.data.manifest import Manifest
from radscribe.data.study import Study
from radscribe.inference.captioner import Captioner
from radscribe.text.changes import changes, courses
from radscribe.text.findings import label
from radscribe.text.report import Report
from radscribe.text.sentences import compares_with_prior, split_sentences
from radscribe.training.validation import changes_right

FINDINGS = ("Cardiomegaly", "Effusion", "Pneumothorax")
FALSE = {
    "Cardiomegaly": "The heart is severely enlarged.",
    "Effusion": "There is a large right pleural effusion.",
    "Pneumothorax": "There is a large left pneumothorax.",
}
OPTIONS = "options={image_input: plan+probabilities}"


def run(*arguments: object) -> None:
    """Run a command of radscribe."""
    subprocess.run([sys.executable, "-m", "radscribe", *map(str, arguments)], check=True)


def sets(*settings: str) -> list[str]:
    """The settings as options."""
    return [part for setting in settings for part in ("--set", setting)]


def made(out: Path, pairs: int) -> Path:
    """Return the bundle, made as far as it is not there."""
    data, encoder, decoder, bundle = (out / name for name in ("data", "encoder", "decoder", "bundle"))
    if not (data / "manifest.jsonl").is_file():
        drawn = sets("pairs=true", "size=256", f"count={pairs}", f"findings={' '.join(FINDINGS)}")
        run("prepare", "phantom", "--out", data, *drawn)
    if not (encoder / "encoder.pt").is_file():
        settings = sets(f"findings=[{', '.join(FINDINGS)}]", "image_size=128", "epochs=3", "batch_size=16")
        settings += sets("learning_rate=0.001")
        run("train-encoder", "--resume", "--data", data, "--out", encoder, *settings)
    if not (decoder / "decoder.pt").is_file():
        settings = sets(f"encoder={encoder}", "context=[prior]", "decoder=show-and-tell", OPTIONS)
        settings += sets("target=findings", "max_length=90", "batch_size=64", "epochs=24", "patience=0")
        settings += sets("monitor=val_changes", "swapped_priors=1")
        run("train", "--resume", "--data", data, "--out", decoder, *settings)
    if not (bundle / "bundle.json").is_file():
        run("export", decoder, "--out", bundle)
    return bundle


def texts(captioner: Captioner, studies: Sequence[Study], context: bool = True) -> list[str]:
    """The captions of some studies."""
    return [one.text or "" for one in captioner.stream(studies, force=True, context=context)]


def misled(studies: Sequence[Study]) -> list[tuple[str, Study]]:
    """Each study with a sentence in the prior's report that claims a finding of neither study."""
    found: list[tuple[str, Study]] = []
    for study in studies:
        assert study.earlier is not None
        for finding, sentence in FALSE.items():
            if became(study.earlier, study, finding) is None:
                report = study.earlier.report or Report()
                told = replace(report, findings=f"{sentence} {report.findings}", impression=sentence)
                found.append((finding, replace(study, earlier=replace(study.earlier, report=told))))
    return found


def speaks_of(caption: str, finding: str) -> bool:
    """Whether a caption says that a finding is there, or that it was."""
    return label(caption).get(finding) == "present" or finding in changes(caption)


def became(then: Study, now: Study, finding: str) -> str | None:
    """What became of a finding by the labels: appeared, resolved, stayed; None if it was never there."""
    before, after = then.labels[finding] == 1, now.labels[finding] == 1
    return {(False, True): "appeared", (True, False): "resolved", (True, True): "stayed"}.get((before, after))


def share(right: Sequence[bool]) -> str:
    """A share with its 95% interval (Wilson)."""
    if not right:
        return "0 of 0"
    n, p, z = len(right), float(np.mean(right)), 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n)
    return f"{p:.3f} ({centre - half:.3f} to {centre + half:.3f}) of {n}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pairs", type=int, default=1600, help="pairs to draw (%(default)s)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    captioner = Captioner(made(options.out, options.pairs))
    manifest = Manifest(options.out / "data")
    studies = [study for study in manifest.split("test") if study.earlier is not None]
    others = [one.earlier for one in studies[1:] + studies[:1]]
    swapped = [replace(study, earlier=other) for study, other in zip(studies, others, strict=True)]
    own = texts(captioner, studies)
    right = changes_right((caption, study.text()) for study, caption in zip(studies, own, strict=True))
    sides = [
        said.side == there.side
        for study, caption in zip(studies, own, strict=True)
        for there in courses(study.text("findings"))
        for said in courses(caption)
        if there.side and (said.finding, said.change) == (there.finding, there.change)
    ]
    follows = []
    for study, caption in zip(swapped, texts(captioner, swapped), strict=True):
        assert study.earlier is not None
        for finding in FINDINGS:
            if truth := became(study.earlier, study, finding):
                said = changes(caption).get(finding)
                follows.append(truth == (said if said in ("appeared", "resolved") else "stayed"))
    alone = texts(captioner, studies, context=False)
    compares = sum(any(map(compares_with_prior, split_sentences(text))) for text in alone)
    told = misled(studies)
    before = dict(zip((study.id for study in studies), own, strict=True))
    print(f"own prior: the change is right for {share(right)} findings, the side for {share(sides)} of those")
    print(f"another patient's prior: new, resolved or neither, right for {share(follows)} findings")
    print(f"no prior: {compares} of {len(alone)} captions compare with one")
    for finding in FINDINGS:
        lied = [study for name, study in told if name == finding]
        clean = [not speaks_of(before[study.id], finding) for study in lied]
        flipped = [
            speaks_of(caption, finding)
            for caption, was in zip(texts(captioner, lied), clean, strict=True)
            if was
        ]
        print(f'"{FALSE[finding]}" in the prior\'s report: {share(flipped)} captions speak of it')


if __name__ == "__main__":
    main()

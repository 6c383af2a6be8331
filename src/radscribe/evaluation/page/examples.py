"""Single studies: the best, the worst and some at random, with the findings marked in both texts."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from radscribe.evaluation.findings.assertions import (
    ABSENT,
    FINDINGS,
    PRESENT,
    UNCERTAIN,
    UNSAID,
    Codes,
    Labelled,
)
from radscribe.evaluation.findings.reading_errors import hallucinated, missed, negated, sides, wrong_side
from radscribe.evaluation.page.markup import Markup, escape, join, tag
from radscribe.evaluation.page.plots import figure, image
from radscribe.evaluation.records import Evaluation
from radscribe.text.findings import Mention

# Worst last: if mentions overlap, the worse one is shown.
KINDS = ("", "denied", "doubt", "agree", "missed", "invented", "against")
WORDS = {
    "agree": "asserted by both",
    "denied": "denied by both",
    "doubt": "in doubt in one of them",
    "missed": "missed by the caption",
    "invented": "invented by the caption",
    "against": "contradicted, or on the other side",
}
EACH = 3
LARGEST = 384  # pixels of the longer side of a picture
QUALITY = 72  # of JPEG


@dataclass(frozen=True, slots=True)
class Compared:
    """Two texts with their marks, and the findings of each kind."""

    caption: Markup
    reference: Markup
    findings: dict[str, list[str]]

    @property
    def wrong(self) -> int:
        """Findings missed, invented or contradicted."""
        return sum(len(self.findings.get(kind, [])) for kind in ("missed", "invented", "against"))


def compare(caption: str, reference: str, labelled: Labelled) -> Compared:
    """Mark the mentions of both texts."""
    said, written = labelled.codes([caption])[0], labelled.codes([reference])[0]
    left = sides(labelled.mentions(caption))
    right = sides(labelled.mentions(reference))
    kinds = [verdict(int(a), int(b)) for a, b in zip(said, written, strict=True)]
    for place in wrong_side(left, right).nonzero()[0]:
        kinds[place] = "against"
    findings: dict[str, list[str]] = {}
    for name, kind in zip(FINDINGS, kinds, strict=True):
        if kind in ("agree", "missed", "invented", "against"):
            findings.setdefault(kind, []).append(name.replace("_", " "))
    return Compared(
        _marked(caption, labelled.mentions(caption), said, kinds, missed="", invented="invented"),
        _marked(reference, labelled.mentions(reference), written, kinds, missed="missed", invented=""),
        findings,
    )


def verdict(said: int, written: int) -> str:
    """Return the kind of a pair of statuses."""
    pair = {said, written}
    if pair == {PRESENT}:
        return "agree"
    if pair == {ABSENT}:
        return "denied"
    if pair == {PRESENT, ABSENT}:
        return "against"
    if UNCERTAIN in pair:
        return "doubt"
    if PRESENT in pair:
        return "invented" if said == PRESENT else "missed"
    return ""


def verdicts(compared: Compared) -> Markup:
    """Return the findings by kind, as a list."""
    items = [
        tag("li", tag("b", f"{WORDS[kind].split(',')[0].capitalize()}: "), ", ".join(names), class_=kind)
        for kind in ("invented", "missed", "against", "agree")
        if (names := compared.findings.get(kind))
    ]
    if not items:
        items = [tag("li", "Neither asserts a finding.")]
    return tag("ul", *items, class_="verdict")


def _marked(
    text: str, mentions: Sequence[Mention], codes: Codes, kinds: Sequence[str], missed: str, invented: str
) -> Markup:
    """The text with a mark on each word of a mention whose status decides its finding."""
    shown = [0] * len(text)
    code = {"absent": ABSENT, "uncertain": UNCERTAIN, "present": PRESENT}
    for mention in mentions:
        if mention.finding not in FINDINGS:
            continue
        place = FINDINGS.index(mention.finding)
        if code[mention.status] != codes[place] or codes[place] == UNSAID:
            continue
        kind = {"missed": missed, "invented": invented}.get(kinds[place], kinds[place])
        for position in range(max(mention.start, 0), min(mention.end, len(text))):
            shown[position] = max(shown[position], KINDS.index(kind))
    runs = groupby(zip(text, shown, strict=True), key=lambda pair: pair[1])
    return join(
        tag("mark", piece, class_=KINDS[kind], title=WORDS[KINDS[kind]]) if kind else escape(piece)
        for kind, pairs in runs
        for piece in ["".join(character for character, _ in pairs)]
    )


def examples(evaluation: Evaluation, image_root: Path, evidence: Path | None) -> Markup:
    """Return the sections of examples."""
    legend = tag(
        "p",
        *join_spaced([tag("mark", WORDS[kind], class_=kind) for kind in KINDS if kind]),
        class_="legend",
    )
    return join(
        [
            tag("h2", "Single studies"),
            tag(
                "p",
                "Words that mention a finding, as the labeller reads them. Best: highest CIDEr-D of a study "
                "with a finding, if there is one. Worst: most findings invented, missed or contradicted. "
                "Random: drawn with a fixed seed.",
                class_="note",
            ),
            legend,
            *(
                join([tag("h3", title), *(_card(evaluation, row, image_root, evidence) for row in rows)])
                for title, rows in choose(evaluation).items()
            ),
        ]
    )


def choose(evaluation: Evaluation, each: int = EACH) -> dict[str, list[int]]:
    """Choose the rows of the studies to show, none twice."""
    said, written = evaluation.system.codes, evaluation.scorer.codes
    wrong = (hallucinated(said, written) | missed(said, written) | negated(said, written)).sum(1)
    close = evaluation.system.per_study["cider_d"]
    order = np.arange(evaluation.n)
    best = sorted(order, key=lambda row: (not evaluation.scorer.abnormal[row], wrong[row] > 0, -close[row]))
    worst = sorted(order, key=lambda row: (-wrong[row], close[row]))
    random = np.random.default_rng(evaluation.settings.seed).permutation(evaluation.n)
    taken: set[int] = set()
    chosen: dict[str, list[int]] = {}
    for title, rows in (("Best", best), ("Worst", worst), ("Random", random)):
        kept = [int(row) for row in rows if int(row) not in taken][:each]
        taken |= set(kept)
        if kept:
            chosen[title] = kept
    return chosen


def join_spaced(parts: list[Markup]) -> list[object]:
    """Return parts with spaces between them."""
    return [piece for part in parts for piece in (part, "  ")]


def _card(evaluation: Evaluation, row: int, image_root: Path, evidence: Path | None) -> Markup:
    study = evaluation.task.references.studies[row]
    caption, reference = evaluation.system.captions[row], evaluation.scorer.texts[row]
    compared = compare(caption, reference, evaluation.scorer.labelled)
    shown = [
        figure(image(uri, f"Radiograph of {study.id}"))
        for uri in pictures_of([ref.path for ref in study.images], image_root)
    ]
    if uri := overlay(study.id, evidence):
        shown.append(figure(image(uri, f"Where the model looked, {study.id}"), "where the model looked"))
    score = evaluation.system.per_study["cider_d"][row]
    texts = tag(
        "div",
        tag("div", tag("h4", "Reference"), tag("p", compared.reference)),
        tag("div", tag("h4", "Caption"), tag("p", compared.caption or tag("i", "no caption"))),
        class_="texts",
    )
    return tag(
        "article",
        tag("header", tag("b", study.id), tag("span", f"CIDEr-D {score:.2f}", class_="note")),
        *([tag("div", *shown, class_="pictures")] if shown else []),
        texts,
        verdicts(compared),
        class_="card example" + ("" if shown else " bare"),
    )


def data_uri(path: Path) -> str | None:
    """Return a JPEG of at most 384 pixels in base64; None if Pillow cannot read the file."""
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            picture: Image.Image = ImageOps.exif_transpose(opened)
            if picture.mode.startswith("I") or picture.mode == "F":  # more than 8 bits per pixel
                pixels = np.asarray(picture, dtype=np.float64)
                low, high = float(pixels.min()), float(pixels.max())
                picture = Image.fromarray(np.uint8((pixels - low) / max(high - low, 1) * 255))
            picture = picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB")
            picture.thumbnail((LARGEST, LARGEST))
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=QUALITY, optimize=True)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def pictures_of(paths: list[str], root: Path, most: int = 2) -> list[str]:
    """Return the first pictures of a study that can be shown."""
    found = (data_uri(root / path) for path in paths if (root / path).is_file())
    return [uri for uri in found if uri is not None][:most]


def overlay(name: str, folder: Path | None) -> str | None:
    """Return the overlay of a study, a picture named by its id."""
    if folder is None:
        return None
    safe = name.replace("/", "_")
    for suffix in (".png", ".jpg", ".jpeg"):
        if (path := folder / f"{safe}{suffix}").is_file():
            return data_uri(path)
    return None

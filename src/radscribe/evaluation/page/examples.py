"""Single studies: the best, the worst and some at random, with both texts."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from radscribe.evaluation.findings.reading_errors import hallucinated, missed, negated
from radscribe.evaluation.page.diff import KINDS, WORDS, compare, verdicts
from radscribe.evaluation.page.markup import Markup, join, tag
from radscribe.evaluation.page.plots import figure, image
from radscribe.evaluation.records import Evaluation

EACH = 3
LARGEST = 384  # pixels of the longer side of a picture
QUALITY = 72  # of JPEG


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
            if picture.mode.startswith("I") or picture.mode == "F":  # more than 8 bits a pixel
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

"""The whole page."""

from __future__ import annotations

from pathlib import Path

from radscribe._version import __version__
from radscribe.evaluation.page import finding_sections, label_sections, sections
from radscribe.evaluation.page.examples import examples
from radscribe.evaluation.page.markup import Markup, join, tag, void
from radscribe.evaluation.page.style import STYLE
from radscribe.evaluation.records import Evaluation, LabelScores

# The page loads nothing, even if a caption holds markup.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(
    captions: Evaluation | None, labels: LabelScores | None, image_root: Path, evidence: Path | None = None
) -> str:
    """Return the report as one HTML file.

    Parameters
    ----------
    captions : Evaluation, optional
        Captions beside reports.
    labels : LabelScores, optional
        Probabilities and captions beside labels.
    image_root : Path
        The folder from which the image paths of the studies start. Images that are there are shown.
    evidence : Path, optional
        Folder of overlays, one picture per study, named by its id.
    """
    content: list[Markup] = []
    name = ""
    if captions is not None:
        name = captions.system.name
        content += _captions(captions, image_root, evidence)
    if labels is not None:
        name = name or labels.system
        content += label_sections.sections(labels, alone=captions is None)
    return document(name, "captions beside their references" if captions else "scores on labels", content)


def document(name: str, kicker: str, content: list[Markup]) -> str:
    """Return a page with a title and sections."""
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{name}: {kicker}"),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "main",
        tag("p", f"radscribe: {kicker}", class_="kicker"),
        tag("h1", name),
        *content,
        tag(
            "footer",
            tag(
                "p",
                f"radscribe {__version__}. Captions are drafts by a model: not verified, not for diagnosis.",
            ),
        ),
    )
    return join([Markup("<!DOCTYPE html>\n"), tag("html", head, tag("body", body), lang="en")]) + "\n"


def _captions(evaluation: Evaluation, image_root: Path, evidence: Path | None) -> list[Markup]:
    references = evaluation.task.references
    of = f" of {evaluation.task.source}" if evaluation.task.source else ""
    return [
        tag(
            "p",
            f"{evaluation.n} {references.part} studies{of}, scored against the "
            f"{'report' if references.target == 'both' else references.target}.",
        ),
        sections.warnings(evaluation),
        sections.tiles(evaluation),
        sections.scores(evaluation),
        finding_sections.findings(evaluation),
        examples(evaluation, image_root, evidence),
        sections.wording_section(evaluation),
        finding_sections.probabilities(evaluation),
        sections.method(evaluation),
    ]

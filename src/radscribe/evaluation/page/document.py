"""The whole page."""

from __future__ import annotations

from pathlib import Path

from radscribe._version import __version__
from radscribe.evaluation.page import finding_sections, sections
from radscribe.evaluation.page.examples import examples
from radscribe.evaluation.page.markup import Markup, join, tag, void
from radscribe.evaluation.page.style import STYLE
from radscribe.evaluation.records import Evaluation

# Nothing is loaded from anywhere, whatever a caption holds.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(evaluation: Evaluation, image_root: Path, evidence: Path | None = None) -> str:
    """One HTML file.

    Parameters
    ----------
    image_root : the folder that the studies' image paths start from; pictures that are there are shown.
    evidence : folder of attention overlays, a picture for each study, named by its id.
    """
    references = evaluation.task.references
    name = evaluation.system.name
    of = f" of {evaluation.task.source}" if evaluation.task.source else ""
    head = tag(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", f"{name}: captions scored"),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "main",
        tag("p", "radscribe: captions beside their references", class_="kicker"),
        tag("h1", name),
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
        tag(
            "footer",
            tag(
                "p",
                f"radscribe {__version__}. Captions are drafts by a model: not verified, not for diagnosis.",
            ),
        ),
    )
    return join([Markup("<!DOCTYPE html>\n"), tag("html", head, tag("body", body), lang="en")]) + "\n"

"""`radscribe caption`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.cli.options import require_extra
from radscribe.cli.progress import progress
from radscribe.cli.search import search_options, strategy

if TYPE_CHECKING:
    from radscribe.inference.caption import Caption
    from radscribe.inference.evidence.gather import Explain
    from radscribe.inference.evidence.write import Which

BAR = 24  # characters of a full bar


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    help="Bundle to caption with: a folder, an embedded name or hf:owner/name.  [default: the embedded one]",
)
@search_options
@click.option(
    "--n-best", type=click.IntRange(min=1), default=1, show_default=True, help="Number of captions per study."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per study and line.")
@click.option("--force", is_flag=True, help="Caption images that the chest check refuses, with a warning.")
@click.option("--one-study", is_flag=True, help="Treat all PATHs as one study.")
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a folder per study with pictures of where each finding and word comes from.",
)
@click.option(
    "--evidence-findings",
    type=click.Choice(["stated", "all"]),
    default="stated",
    show_default=True,
    help="Findings that get a picture: those that are asserted or likely, or all.",
)
@click.option(
    "--grad-cam",
    is_flag=True,
    help="Compute evidence by Grad-CAM if the bundle has none; needs torch and the bundle's weights.",
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Refuse studies whose caption is right with a probability below P.  [default: refuse none]",
)
@click.option(
    "--threads", type=click.IntRange(min=1), help="Number of images to encode at once.  [default: all cores]"
)
def command(
    paths: tuple[Path, ...],
    bundle: str | None,
    n_best: int,
    as_json: bool,
    force: bool,
    one_study: bool,
    evidence: Path | None,
    evidence_findings: Which,
    grad_cam: bool,
    min_confidence: float | None,
    threads: int | None,
    **search: Any,
) -> int:
    """Write a draft caption for each study: not verified, not for diagnosis.

    DICOM, PNG, JPEG, BMP, TIFF and WebP are read. DICOM files with one StudyInstanceUID are one study, a
    folder is one study (unless it holds more than eight pictures), other pictures are studies of their own
    unless their names say that they belong together.

    \b
    radscribe caption chest.dcm
    radscribe caption scans/ --json | jq -r '.study + ": " + .text'
    radscribe caption chest.dcm --evidence pictures

    Exit code 0: all done. 1: some inputs could not be read or were refused; the others are done.
    2: wrong use.
    """
    from radscribe.errors import UsageError
    from radscribe.inference.captioner import Captioner
    from radscribe.inference.evidence.write import write
    from radscribe.inference.studies import group

    if grad_cam and evidence is None:
        raise UsageError("--grad-cam makes evidence", remedy="say where to with --evidence DIR")
    chosen = strategy(n_best=n_best, **search)
    explain = gradients(bundle) if grad_cam else None
    captioner = Captioner(bundle, threads=threads, explain=explain)
    point = captioner.spec.decoder.operating_point
    grouping = group(paths, together=one_study)
    studies = grouping.studies
    if skipped := grouping.describe_skipped():
        click.echo(f"radscribe: {skipped}", err=True)
    failed = False
    with progress("captioning", len(studies), "studies") as advance:
        for caption in captioner.stream(
            studies,
            strategy=chosen,
            n_best=n_best,
            force=force,
            evidence=evidence is not None,
            min_confidence=min_confidence,
        ):
            failed |= caption.failed
            if as_json:
                click.echo(json.dumps(caption.to_dict(), ensure_ascii=False))
            elif not caption.error:
                click.echo(render(caption))
            if caption.error:  # it names the file
                click.echo(f"radscribe: {caption.error}", err=True)
            elif caption.refused and as_json:
                click.echo(f"radscribe: {caption.study}: refused: {caption.refused}", err=True)
            if evidence is not None and caption.text is not None:
                folder = write(caption, evidence, point, evidence_findings)
                click.echo(f"radscribe: {caption.study}: evidence in {folder}", err=True)
            advance()
    return int(failed)


def gradients(bundle: str | None) -> Explain:
    """Grad-CAM of a bundle's own weights."""
    require_extra("train")
    import torch

    from radscribe.bundle.format import locate
    from radscribe.export.restore import restore
    from radscribe.models.grad_cam import GradCam

    torch.set_num_threads(1)  # it runs in every thread of the stream
    return GradCam(*restore(locate(bundle)))


def render(caption: Caption) -> str:
    """A caption for the terminal."""
    import textwrap

    lines = [f"── {caption.study}"]
    if caption.text is None:
        lines.append(f"refused: {caption.refused}")
    else:
        lines += textwrap.wrap(marked(caption), 100)
        lines += doubts(caption)
        lines += [f"or: {alternative.text}" for alternative in caption.alternatives]
        for finding, probability in sorted(caption.findings.items(), key=lambda item: -item[1]):
            filled = round(probability * BAR)
            bar = "█" * filled + "·" * (BAR - filled)
            lines.append(f"  {finding.replace('_', ' '):20} {bar} {probability:4.0%}")
    lines += [f"! {warning}" for warning in caption.warnings]
    return "\n".join(lines) + "\n"


def marked(caption: Caption) -> str:
    """The text with a question mark behind the words of each doubtful finding."""
    text, tokens = caption.text or "", caption.tokens
    following = [*tokens[1:], None]
    ends = [
        token.end
        for token, after in zip(tokens, following, strict=True)
        if token.doubtful and not (after and after.doubtful and after.finding == token.finding)
    ]
    for end in reversed(ends):
        text = f"{text[:end]}?{text[end:]}"
    return text


def doubts(caption: Caption) -> list[str]:
    """How sure the caption is, and of what it is not."""
    lines = [] if caption.confidence is None else [f"confidence {caption.confidence:.0%}"]
    for what, names in (
        ("doubtful", caption.doubtful_findings),
        ("likely, and not said", caption.unsaid_findings),
    ):
        if names:
            told = (f"{name.replace('_', ' ')} {caption.findings[name]:.0%}" for name in names)
            lines.append(f"{what}: {', '.join(told)}")
    return lines

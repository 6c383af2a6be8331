"""`radscribe caption`."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.cli import options
from radscribe.cli.options import require_extra
from radscribe.cli.progress import Progress
from radscribe.cli.search import search_options, strategy
from radscribe.inference.options import DEFAULTS

if TYPE_CHECKING:
    from radscribe.bundle.format import BundleSpec
    from radscribe.inference.caption import Caption
    from radscribe.inference.evidence.image_evidence import Explain
    from radscribe.inference.evidence.write import Which

BAR = 24  # characters of a full bar
DOUBT = " (?)"


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@options.BUNDLE
@search_options
@click.option(
    "--n-best",
    type=click.IntRange(min=1),
    default=DEFAULTS.n_best,
    show_default=True,
    help="Number of captions per study.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
    help="Output: text, one JSON object per line, or a CSV table with one row per study.",
)
@click.option("--json", "form", flag_value="json", help="Same as --format json.")
@click.option("-v", "--verbose", is_flag=True, help="With --format text: print findings and all warnings.")
@options.FORCE
@options.EXACT
@options.ONE_STUDY
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write pictures of where findings and words come from to DIR.",
)
@click.option(
    "--evidence-findings",
    type=click.Choice(["stated", "all"]),
    default="stated",
    show_default=True,
    help="Draw the findings that are asserted or likely, or all findings.",
)
@click.option("--overwrite", is_flag=True, help="Replace evidence that is already in DIR.")
@click.option(
    "--grad-cam",
    is_flag=True,
    help="Compute evidence by gradients if the bundle has none. Needs torch and the bundle's weights.",
)
@options.MIN_CONFIDENCE
@click.option(
    "--indication",
    metavar="TEXT",
    help="Reason for the examination, for bundles that read it.  [default: not known]",
)
@click.option(
    "--indication-from-dicom",
    is_flag=True,
    help="Take the indication from Reason for Study, or else Study Description, of DICOM files.",
)
@click.option(
    "--prior",
    "prior",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="An image of an earlier study of the same patient; may be repeated. Only for a single study.",
)
@click.option("--prior-report", metavar="TEXT", help="Report of the earlier study.  [default: not known]")
@click.option(
    "--threads", type=click.IntRange(min=1), help="Number of images to encode at once.  [default: all cores]"
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Where to run the model: auto, cpu, cuda, or another execution provider of onnxruntime.",
)
def command(
    paths: tuple[Path, ...],
    bundle: str | None,
    n_best: int,
    form: str,
    verbose: bool,
    force: bool,
    exact: bool,
    one_study: bool,
    evidence: Path | None,
    evidence_findings: Which,
    overwrite: bool,
    grad_cam: bool,
    min_confidence: float | None,
    indication: str | None,
    indication_from_dicom: bool,
    prior: tuple[Path, ...],
    prior_report: str | None,
    threads: int | None,
    device: str,
    **search: Any,
) -> int:
    """Write a draft caption for each study: not verified, not for diagnosis.

    Reads DICOM, PNG, JPEG, BMP, TIFF and WebP. Folders are searched with their subfolders; files that are not
    images are skipped and counted. One image is one study, unless DICOM gives several the same
    StudyInstanceUID, their names follow the Indiana, MIMIC-CXR or CheXpert scheme, or you pass --study.
    Images of different patients are never one study.

    \b
    radscribe caption chest.dcm
    radscribe caption scans/ --format csv > findings.csv
    radscribe caption frontal.png lateral.png --study --verbose
    radscribe caption chest.dcm --evidence pictures
    radscribe caption chest.dcm --indication "cough, fever" --prior earlier.dcm

    Exit code 0: all done. 1: some inputs could not be read or were refused; the others are done. 2: wrong
    use.
    """
    from radscribe.errors import UsageError
    from radscribe.files import refuse_existing
    from radscribe.inference.captioner import Captioner
    from radscribe.inference.evidence.write import write
    from radscribe.inference.inputs import Prior, with_context
    from radscribe.inference.studies import group, indication_of

    if grad_cam and evidence is None:
        raise UsageError("--grad-cam computes evidence", remedy="name a folder with --evidence DIR")
    if evidence is not None:
        refuse_existing(evidence, overwrite)
    if indication is not None and indication_from_dicom:
        raise UsageError("--indication and --indication-from-dicom exclude each other", remedy="give one")
    chosen = strategy(n_best=n_best, **search)
    explain = gradients(bundle) if grad_cam else None
    captioner = Captioner(bundle, threads=threads, explain=explain, device=device)
    point = captioner.spec.decoder.operating_point
    grouping = group(paths, together=one_study)
    if skipped := grouping.describe_skipped():
        click.echo(f"radscribe: {skipped}", err=True)
    earlier = Prior(prior, prior_report or "") if prior or prior_report else None
    if earlier is not None and len(grouping.studies) > 1:
        raise UsageError(
            f"--prior belongs to one study, and there are {len(grouping.studies)}",
            remedy="name the images of one study, with --study if they have no common name",
        )
    studies = [
        with_context(study, indication_of(study) if indication_from_dicom else indication, earlier)
        for study in grouping.studies
    ]
    out = _Output(form, verbose, captioner.spec)
    failed = False
    with Progress() as progress:
        progress.start("captioning", len(studies), "studies")
        for caption in captioner.stream(
            studies,
            strategy=chosen,
            n_best=n_best,
            force=force,
            evidence=evidence is not None,
            min_confidence=min_confidence,
            exact=exact,
        ):
            failed |= caption.failed
            out.write(caption)
            if evidence is not None and caption.text is not None:
                folder = write(caption, evidence, point, evidence_findings)
                click.echo(f"radscribe: {named(caption)}: evidence in {folder}", err=True)
            progress.advance()
    out.close()
    return int(failed)


class _Output:
    """Prints captions in one of the three forms."""

    def __init__(self, form: str, verbose: bool, spec: BundleSpec) -> None:
        self._form, self._verbose, self._spec = form, verbose, spec
        self._shared: list[str] | None = None
        self._table = csv.writer(sys.stdout, lineterminator="\n")
        if form == "csv":
            head = ("study", "files", "text", "confidence", "normality", "refused", "error", "warnings")
            self._table.writerow((*head, *spec.encoder.findings))

    def write(self, caption: Caption) -> None:
        if self._form == "json":
            click.echo(json.dumps(caption.to_dict(), ensure_ascii=False))
        elif self._form == "csv":
            self._table.writerow(csv_row(caption, self._spec.encoder.findings))
            sys.stdout.flush()
        elif not caption.error:
            shared = [] if self._verbose else shared_warnings(caption, self._spec)
            if shared:
                self._shared = shared
            click.echo(render(caption) if self._verbose else line(caption, shared))
        if caption.error:  # it names the file
            click.echo(f"radscribe: {printable(caption.error)}", err=True)
        elif caption.refused and self._form != "text":
            click.echo(f"radscribe: {named(caption)}: refused: {caption.refused}", err=True)

    def close(self) -> None:
        for warning in self._shared or ():
            click.echo(f"! {warning}")


def shared_warnings(caption: Caption, spec: BundleSpec) -> list[str]:
    """The warnings that hold for every study of a bundle."""
    own = {caption.warnings[0], *spec.cautions} if caption.warnings else set()
    return [warning for warning in caption.warnings if warning in own or warning.startswith("not assessed:")]


def named(caption: Caption) -> str:
    """The study's name, with its files if the name is a DICOM UID."""
    files = [Path(file).name for file in caption.files]
    if caption.study in caption.files or caption.study == "array":
        return printable(caption.study)
    shown = ", ".join(files[:4]) + (f" and {len(files) - 4} more" if len(files) > 4 else "")
    return printable(f"{caption.study} ({shown})")


def printable(name: str) -> str:
    """A name on one line: a file's name may hold a line break or other control characters."""
    return "".join(c if c.isprintable() or "\ud800" <= c <= "\udfff" else repr(c)[1:-1] for c in name)


def line(caption: Caption, shared: list[str]) -> str:
    """A caption in one line, and a line for each warning that is its own."""
    if caption.text is None:
        return f"{named(caption)}: refused: {caption.refused}"
    text = f"{named(caption)}: {marked(caption)}{trust(caption)}"
    lines = [text, *(f"    or: {alternative.text}" for alternative in caption.alternatives)]
    lines += [f"    read beside the images: {', '.join(caption.context)}"] if caption.context else []
    lines += [f"    ! {warning}" for warning in caption.warnings if warning not in shared]
    return "\n".join(lines)


def trust(caption: Caption) -> str:
    """Confidence or normality, in brackets."""
    if caption.confidence is not None:
        return f" [asserted findings right: {caption.confidence:.0%}]"
    return "" if caption.normality is None else f" [no finding at all: {caption.normality:.0%}]"


def csv_row(caption: Caption, findings: tuple[str, ...]) -> list[object]:
    """A caption as a row of the table."""

    def number(value: float | None) -> object:
        return "" if value is None else f"{value:.5f}"

    return [
        caption.study,
        " ".join(caption.files),
        caption.text or "",
        number(caption.confidence),
        number(caption.normality),
        caption.refused or "",
        caption.error or "",
        " | ".join(caption.warnings),
        *(number(caption.findings.get(finding)) for finding in findings),
    ]


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
    """A caption with everything that is known of it, for the terminal."""
    import textwrap

    lines = [f"── {named(caption)}"]
    if caption.text is None:
        lines.append(f"refused: {caption.refused}")
    else:
        for paragraph in marked(caption, "\n").splitlines():
            lines += textwrap.wrap(paragraph, 100)
        lines += doubts(caption)
        lines += [f"or: {alternative.text}" for alternative in caption.alternatives]
        lines += [f"read beside the images: {', '.join(caption.context)}"] if caption.context else []
        for finding, probability in sorted(caption.findings.items(), key=lambda item: -item[1]):
            filled = round(probability * BAR)
            bar = "█" * filled + "·" * (BAR - filled)
            note = "  not assessed" if finding in caption.not_assessed else ""
            lines.append(f"  {finding.replace('_', ' '):20} {bar} {probability:4.0%}{note}")
    lines += [f"! {warning}" for warning in caption.warnings]
    return "\n".join(lines) + "\n"


def marked(caption: Caption, between: str = " ") -> str:
    """The text with headings of sections, and "(?)" after the words of each doubtful finding.

    `between` separates the sections.
    """
    text, tokens = caption.text or "", caption.tokens
    following = [*tokens[1:], None][: len(tokens)]
    ends = [
        token.end
        for token, after in zip(tokens, following, strict=True)
        if token.doubtful and not (after and after.doubtful and after.finding == token.finding)
    ]
    inserts = [(end, DOUBT) for end in ends]
    inserts += [(start, f"{name.upper()}: ") for name, start in caption.section_starts().items()]
    for at, insert in sorted(inserts, reverse=True):
        before = text[:at].rstrip() + between if at and insert != DOUBT else text[:at]
        text = f"{before}{insert}{text[at:]}"
    return text


def doubts(caption: Caption) -> list[str]:
    """Confidence and normality, and the findings that contradict the caption."""
    lines = []
    if caption.confidence is not None:
        lines.append(f"confidence in what it asserts: {caption.confidence:.0%}")
    if caption.normality is not None:
        lines.append(f"probability of no finding at all: {caption.normality:.0%}")
    for what, names in (
        ("doubtful", caption.doubtful_findings),
        ("likely but not mentioned", caption.unsaid_findings),
    ):
        if names:
            told = (f"{name.replace('_', ' ')} {caption.findings[name]:.0%}" for name in names)
            lines.append(f"{what}: {', '.join(told)}")
    return lines

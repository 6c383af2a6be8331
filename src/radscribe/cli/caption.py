"""`radscribe caption`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.cli.options import progress
from radscribe.cli.search import search_options, strategy

if TYPE_CHECKING:
    from radscribe.inference.caption import Caption

BAR = 24  # characters of a full bar


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--bundle", help="A bundle's folder, or the name of an embedded one.")
@search_options
@click.option("--n-best", type=click.IntRange(min=1), default=1, show_default=True, help="Captions a study.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a study, a line each.")
@click.option("--force", is_flag=True, help="Caption also what the chest check refuses, under a warning.")
@click.option("--one-study", is_flag=True, help="Take all PATHs as one study.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the encoder; else all cores.")
def command(
    paths: tuple[Path, ...],
    bundle: str | None,
    n_best: int,
    as_json: bool,
    force: bool,
    one_study: bool,
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

    Exit code 0: all done. 1: some inputs could not be read or were refused; the others are done.
    2: wrong use.
    """
    import radscribe
    from radscribe.inference.inputs import group

    chosen = strategy(n_best=n_best, **search)
    captioner = radscribe.load(bundle, threads=threads)
    studies = group(paths, together=one_study)
    failed = False
    with progress(len(studies)) as advance:
        for caption in captioner.stream(studies, strategy=chosen, n_best=n_best, force=force):
            failed |= caption.failed
            if as_json:
                click.echo(json.dumps(caption.to_dict(), ensure_ascii=False))
            elif not caption.error:
                click.echo(render(caption))
            if caption.error:  # it names the file
                click.echo(f"radscribe: {caption.error}", err=True)
            elif caption.refused and as_json:
                click.echo(f"radscribe: {caption.study}: refused: {caption.refused}", err=True)
            advance()
    return int(failed)


def render(caption: Caption) -> str:
    """A caption for the terminal."""
    import textwrap

    lines = [f"── {caption.study}"]
    if caption.text is None:
        lines.append(f"refused: {caption.refused}")
    else:
        lines += textwrap.wrap(caption.text, 100)
        lines += [f"or: {alternative.text}" for alternative in caption.alternatives]
        for finding, probability in sorted(caption.findings.items(), key=lambda item: -item[1]):
            filled = round(probability * BAR)
            bar = "█" * filled + "·" * (BAR - filled)
            lines.append(f"  {finding.replace('_', ' '):20} {bar} {probability:4.0%}")
    lines += [f"! {warning}" for warning in caption.warnings]
    return "\n".join(lines) + "\n"

"""`radscribe guard`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radscribe.cli import options
from radscribe.cli.progress import Progress

if TYPE_CHECKING:
    from radscribe.inference.guard import GuardedCaption
    from radscribe.inference.guard.sources import Api

RULE_NAMES = (
    "prior",
    "view",
    "redacted",
    "repeated",
    "contradiction",
    "absent",
    "denied",
    "side",
    "unassessed",
)


@click.command()
@click.argument("captioner")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--bundle",
    help="Bundle whose encoder checks the text: a folder, an embedded one's name, or hf:owner/name.  "
    "[default: the embedded one]",
)
@click.option(
    "--mark",
    multiple=True,
    type=click.Choice(RULE_NAMES),
    help="Keep sentences that break this rule, with the reason; may be repeated.  "
    "[default: side, unassessed]",
)
@click.option(
    "--drop",
    multiple=True,
    type=click.Choice(RULE_NAMES),
    help="Drop sentences that break this rule; may be repeated.  [default: all other rules]",
)
@click.option(
    "--absent-below",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    help="Probability below which an asserted finding may count as clearly absent.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds per study to wait for the captioner.",
)
@click.option(
    "--api",
    type=click.Choice(["plain", "openai"]),
    default="plain",
    show_default=True,
    help="How to ask an endpoint: radscribe's own JSON, or a chat completion with images.",
)
@click.option("--model", default="default", show_default=True, help="Name of the model with --api openai.")
@click.option("--prompt", help="Instruction to the model with --api openai.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the token that the endpoint expects.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Output: text, or one JSON object per line.",
)
@click.option("--json", "form", flag_value="json", help="Same as --format json.")
@click.option("--force", is_flag=True, help="Ask about images that the chest check refuses, with a warning.")
@options.ONE_STUDY
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write pictures of where the encoder sees findings to DIR.",
)
@click.option("--overwrite", is_flag=True, help="Replace evidence that is already in DIR.")
@options.MIN_CONFIDENCE
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Number of studies to send to the captioner at once.  [default: all cores]",
)
def command(
    captioner: str,
    paths: tuple[Path, ...],
    bundle: str | None,
    mark: tuple[str, ...],
    drop: tuple[str, ...],
    absent_below: float,
    timeout: float,
    api: Api,
    model: str,
    prompt: str | None,
    token_file: Path | None,
    form: str,
    force: bool,
    one_study: bool,
    evidence: Path | None,
    overwrite: bool,
    min_confidence: float | None,
    threads: int | None,
) -> int:
    """Check the captions of a captioner that is not part of radscribe.

    CAPTIONER is an address (http://host:port/path), module:function or file.py:function. It is asked only
    about images that pass the chest check. It gets pixels and views: no file name and no DICOM header.
    Sentences that break a rule are dropped, or kept with the reason.

    \b
    radscribe guard http://127.0.0.1:9000/caption scans/
    radscribe guard my_model.py:describe chest.dcm --format json
    radscribe guard http://127.0.0.1:8080/v1/chat/completions chest.dcm --api openai --model medgemma

    Exit code 0: all done. 1: some inputs could not be read or were refused, or the captioner failed; the
    others are done. 2: wrong use.
    """
    from radscribe.cli.caption import named, trust
    from radscribe.errors import UsageError
    from radscribe.files import refuse_existing
    from radscribe.inference.evidence.write import write
    from radscribe.inference.guard import Guard
    from radscribe.inference.guard.sentences import MARKED
    from radscribe.inference.guard.sources import PROMPT
    from radscribe.inference.studies import group

    if both := sorted(set(mark) & set(drop)):
        raise UsageError(
            f"--mark {both[0]} and --drop {both[0]} exclude each other", remedy="give one of them"
        )
    if evidence is not None:
        refuse_existing(evidence, overwrite)
    guard = Guard(
        captioner,
        bundle,
        mark=(MARKED | set(mark)) - set(drop),
        absent_below=absent_below,
        timeout=timeout,
        api=api,
        model=model,
        prompt=prompt or PROMPT,
        token=_token(token_file) if token_file else None,
        threads=threads,
    )
    grouping = group(paths, together=one_study)
    if skipped := grouping.describe_skipped():
        click.echo(f"radscribe: {skipped}", err=True)
    failed = False
    with Progress() as progress:
        progress.start("captioning", len(grouping.studies), "studies")
        for caption in guard.stream(
            grouping.studies, force=force, evidence=evidence is not None, min_confidence=min_confidence
        ):
            failed |= caption.failed
            if form == "json":
                click.echo(json.dumps(caption.to_dict(), ensure_ascii=False))
            elif not caption.error:
                click.echo(_lines(caption, named(caption), trust(caption)))
            if caption.error:
                about = "" if caption.error.startswith(caption.study) else f"{named(caption)}: "
                click.echo(f"radscribe: {about}{caption.error}", err=True)
            if evidence is not None and caption.text is not None:
                folder = write(caption, evidence, guard.spec.decoder.operating_point, "stated")
                click.echo(f"radscribe: {named(caption)}: evidence in {folder}", err=True)
            progress.advance()
    if form == "text":
        click.echo("! Draft by an external model: not verified, not for diagnosis.")
    return int(failed)


def _lines(caption: GuardedCaption, name: str, trust: str) -> str:
    """The guarded text, and a line for each sentence that was dropped."""
    if caption.text is None:
        return f"{name}: refused: {caption.refused}"
    kept = [sentence for sentence in caption.sentences if not sentence.dropped]
    lines = [f"{name}: {caption.marked if kept else caption.text}{trust}"]
    for sentence in caption.dropped:
        reasons = "; ".join(reason.text for reason in sentence.reasons)
        lines.append(f"    - dropped: {' '.join(sentence.text.split())} ({reasons})")
    if caption.unsaid_findings:
        unsaid = (f"{f.replace('_', ' ')} {caption.findings[f]:.0%}" for f in caption.unsaid_findings)
        lines.append(f"    ! likely but not mentioned: {', '.join(unsaid)}")
    return "\n".join(lines)


def _token(path: Path) -> str:
    """The token in a file; raises `UsageError`."""
    from radscribe.errors import UsageError

    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "cannot be read as a token", subject=path, remedy="write one line of ASCII"
        ) from error
    if not token or any(c.isspace() for c in token):
        raise UsageError("holds no token", subject=path, remedy="write one line of ASCII")
    return token

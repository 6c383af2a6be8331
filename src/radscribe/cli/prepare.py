"""`radscribe prepare`: one subcommand per source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.cli.progress import Progress

if TYPE_CHECKING:
    from radscribe.data.leaks import LeakReport
    from radscribe.data.prepare import Outcome

SHOWN = 3  # names of a list that is too long for the screen

OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder to write the manifest to.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace a manifest that is already in DIR."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change a setting of this source; may be repeated.",
    ),
    click.option(
        "--exclude",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Leave out the studies that FILE names, by study, patient or image, one per line.",
    ),
    click.option("--allow-missing", is_flag=True, help="Write the manifest although images are missing."),
    click.option(
        "--drop-missing",
        is_flag=True,
        help="Leave out missing images, and studies that have no other image.",
    ),
    click.option(
        "--duplicates",
        type=click.Choice(["error", "group", "rename", "drop"]),
        default="error",
        show_default=True,
        help="What to do with studies that share an id: group their images, rename or drop the later ones.",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Seed of the split.",
    ),
    click.option(
        "--fractions",
        metavar="T,V,T",
        help="Shares of train, val and test, if there is no official split.  [default: 0.7,0.1,0.2]",
    ),
    click.option("--check", is_flag=True, help="Also compare image contents in the leak check."),
    click.option(
        "--drop-leaks",
        is_flag=True,
        help="Drop leaking studies from train (or val), and keep them in the part that is used to measure.",
    ),
    click.option(
        "--features",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Attach precomputed features by image name (.npz).",
    ),
    click.option(
        "--also",
        multiple=True,
        type=click.Choice(["r2gen", "imagefolder", "webdataset"]),
        help="Also write the dataset in this layout; may be repeated.",
    ),
]


class Sources(click.Group):
    """One subcommand per source. A source's module is imported when the source is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from radscribe.data.sources import SOURCES

        return list(SOURCES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        return _command(cmd_name)  # an unknown name raises an error with a suggestion

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from radscribe.data.sources import SOURCES

        with formatter.section("Sources"):
            formatter.write_dl([(name, _summary(name)) for name in SOURCES])


def _summary(name: str) -> str:
    from radscribe.data.sources import SOURCES
    from radscribe.errors import RadscribeError

    try:
        return SOURCES[name].summary
    except RadscribeError as error:  # another package's
        return str(error)


@click.group(cls=Sources, subcommand_metavar="SOURCE SRC --out DIR [OPTIONS]")
def command() -> None:
    """Turn a downloaded dataset into a manifest that the other commands read.

    SRC is the folder of the download. The result is DIR/manifest.jsonl, with ids, images, reports, labels and
    parts. A patient or study that is in two parts is an error.

    \b
    radscribe prepare iu-kaggle downloads/iu --out data/iu --check
    radscribe prepare table captions.csv --out data/mine --set image=file --set text=report
    radscribe prepare nih-cxr14 --help

    Exit code 0: done. 1: something is missing, broken or leaks. 2: wrong usage.
    """


def _command(source: str) -> click.Command:
    from radscribe.data.sources import SOURCES

    found = SOURCES[source]

    def run(src: Path | None = None, **options: Any) -> None:
        _prepare(source, src, **options)

    argument = click.argument("src", required=found.needs_src, type=click.Path(path_type=Path))
    for decorate in reversed([argument, *OPTIONS]):
        run = decorate(run)
    return click.command(source, cls=_SourceCommand, help=_help(found.about))(run)


class _SourceCommand(click.Command):
    """Shows the settings of the source below the options."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from radscribe.data.sources import SOURCES

        if described := _described(SOURCES[str(self.name)].settings):
            with formatter.section("Settings (--set KEY=VALUE)"):
                formatter.write_dl(described)


def _described(settings: Any) -> list[tuple[str, str]]:
    import msgspec

    rows: list[tuple[str, str]] = []
    for item in msgspec.structs.fields(settings):
        meta = next((m for m in getattr(item.type, "__metadata__", ()) if isinstance(m, msgspec.Meta)), None)
        default = {True: "yes", False: "no", None: ""}.get(item.default, item.default)
        told = f"  [default: {default}]" if default != "" else ""
        rows.append((item.name, f"{meta.description if meta else ''}{told}"))
    return rows


def _help(about: str) -> str:
    """A source's manual with its line breaks."""
    paragraphs = about.strip().split("\n\n")
    return "\n\n".join([paragraphs[0], *(f"\b\n{paragraph}" for paragraph in paragraphs[1:])])


def _prepare(
    source: str,
    src: Path | None,
    out: Path,
    settings: tuple[str, ...],
    seed: int,
    fractions: str | None,
    **options: Any,
) -> None:
    from radscribe.data.prepare import Request, prepare
    from radscribe.data.splits import FRACTIONS, Parts, parse_fractions

    request = Request(
        source,
        src,
        out,
        dict(_setting(setting) for setting in settings),
        Parts(seed, parse_fractions(fractions) if fractions else dict(FRACTIONS)),
        **options,
    )
    with Progress() as progress:
        outcome = prepare(request, progress.tick)
    click.echo(render(outcome), err=True)


def _setting(setting: str) -> tuple[str, str]:
    from radscribe.errors import UsageError

    key, equals, value = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: is not key=value")
    return key, value


def render(outcome: Outcome) -> str:
    """The table and the remarks at the end."""
    lines = [outcome.summary.text(), ""]
    lines += [f"note: {note}" for note in outcome.notes]
    if outcome.missing:
        told = _first_names(outcome.missing)
        lines.append(f"missing or unreadable: {len(outcome.missing):,} images{told}; all in missing.txt")
    if found := outcome.attached:
        kinds = ", ".join(f"{kind} [{length}]" for kind, length in found.kinds.items())
        lines.append(
            f"features: {kinds} attached to {found.images:,} images, to all of {found.studies:,} studies"
        )
        if found.lacking:
            told = f"{len(found.missing):,} images of {len(found.lacking):,} studies"
            lines.append(f"  without features: {told}{_first_names(found.lacking)}")
        if found.unused:
            lines.append(f"  of the file not used: {len(found.unused):,}{_first_names(found.unused)}")
    if outcome.dropped:
        lines.append(f"leaks: {outcome.dropped:,} taken out of training or validation")
    if outcome.leaks is not None:
        lines.append(f"leak check: {_compared(outcome.leaks)}")
    lines.append(f"wrote {outcome.manifest}")
    return "\n".join(lines)


def _compared(report: LeakReport) -> str:
    """Describe the scope of the leak check; say so if no patients were known."""
    things = ["studies"]
    if report.patients:
        things.insert(0, f"{report.patients:,} patients")
    if report.images:
        things.append(f"{report.images:,} images by content")
    text = f"no overlap of {', '.join(things[:-1])}{' and ' * (len(things) > 1)}{things[-1]}"
    if report.unreadable:
        text += f" ({report.unreadable:,} images are missing or unreadable)"
    if report.without_patient:
        who = f"{report.without_patient:,} studies have no patient id"
        text += f"; patients were not compared: {who}" if not report.patients else f"; {who}"
    return text


def _first_names(names: list[str]) -> str:
    return f" ({', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''})"

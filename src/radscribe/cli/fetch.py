"""`radscribe fetch`."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from radscribe.cli.options import require_extra
from radscribe.errors import UsageError

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option("--qido", required=True, metavar="URL", help="DICOMweb address of the archive.")
@click.option(
    "--query",
    multiple=True,
    metavar="ATTRIBUTE=VALUE",
    help="Studies to pull, as in StudyDate=20260101-20260131; may be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the pulled files.")
@click.option(
    "--to",
    metavar="URL",
    help="Send the files to the radscribe service at this DICOMweb address instead of keeping them.",
)
@click.option(
    "--modality",
    multiple=True,
    default=("CR", "DX", "RG"),
    show_default=True,
    help="Modality of the series to pull; may be repeated.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Maximum number of studies.  [default: all]")
@click.option("--token-file", type=FILE, help="File with a bearer token for the archive.")
@click.option("--basic", metavar="USER:FILE", help="User name and file with the password for the archive.")
@click.option("--to-token-file", type=FILE, help="File with a bearer token for the service.")
def command(
    qido: str,
    query: tuple[str, ...],
    out: Path | None,
    to: str | None,
    modality: tuple[str, ...],
    limit: int | None,
    token_file: Path | None,
    basic: str | None,
    to_token_file: Path | None,
) -> int:
    """Pull studies from an archive by QIDO-RS and WADO-RS.

    The files go into a folder, or by STOW-RS into a running service, which captions them.

    \b
    radscribe fetch --qido http://127.0.0.1:8042/dicom-web --query StudyDate=20260101- --out chests
    radscribe fetch --qido URL --query PatientID=4711 --to http://127.0.0.1:8000/dicom-web
    """
    require_extra("interop")
    from radscribe.interop.fetch import Archive, fetch

    if (out is None) == (to is None):
        raise UsageError("give one of --out and --to")
    filters: dict[str, str] = {}
    for option in query:
        name, equals, value = option.partition("=")
        if not (name and equals):
            raise UsageError("is not ATTRIBUTE=VALUE", subject=f"--query {option}")
        filters[name] = value
    source = Archive(qido, _credentials(token_file, basic))
    target: Path | Archive
    if to is not None:
        target = Archive(to, _credentials(to_token_file, None))
    else:
        assert out is not None
        target = out
    done = fetch(source, filters, target, modality, limit)
    for line in done.failed:
        click.echo(line, err=True)
    click.echo(f"{done.studies} studies, {done.instances} instances, {len(done.failed)} failed", err=True)
    return 1 if done.failed else 0


def _credentials(token_file: Path | None, basic: str | None) -> dict[str, str]:
    if token_file is not None:
        return {"Authorization": f"Bearer {_secret(token_file)}"}
    if basic is None:
        return {}
    name, colon, file = basic.partition(":")
    if not (name and colon and file):
        raise UsageError("is not USER:FILE", subject=f"--basic {basic}")
    pair = base64.b64encode(f"{name}:{_secret(Path(file))}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not text"
        raise UsageError(f"cannot be read: {reason}", subject=path) from error

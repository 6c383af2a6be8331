"""`radscribe serve`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import require_extra
from radscribe.errors import UsageError

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
store_option = click.option(
    "--store",
    type=FOLDER,
    default=Path("radscribe-store"),
    show_default=True,
    help="Folder of images and, without --database, of the database.",
)
database_option = click.option(
    "--database",
    metavar="URL",
    envvar="RADSCRIBE_DATABASE",
    help="postgresql://user:password@host/name; also from RADSCRIBE_DATABASE.  [default: SQLite in --store]",
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--bundle", help="A bundle's folder, or the name of an embedded one.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the encoder; else all cores.")
@store_option
@database_option
@click.option("--token-file", type=FILE, help="File with a token, for Authorization: Bearer.")
@click.option("--basic", multiple=True, metavar="USER:FILE", help="A user, and the file with the password.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further name to answer to.")
@click.option(
    "--queue", type=click.IntRange(min=1), default=128, show_default=True, help="Studies under way."
)
@click.option(
    "--retain", type=click.FloatRange(min=0, min_open=True), metavar="DAYS", help="Erase older studies."
)
@click.option(
    "--keep-free", type=click.IntRange(min=0), default=1024, show_default=True, help="MB of disk left free."
)
@click.option("--keep-identifiers", is_flag=True, help="Keep files as they came, DICOM headers and all.")
@click.option("--max-file", type=click.IntRange(min=1), default=64, show_default=True, help="MB of a file.")
@click.option(
    "--max-request", type=click.IntRange(min=1), default=256, show_default=True, help="MB of a study."
)
@click.option(
    "--max-files", type=click.IntRange(min=1), default=8, show_default=True, help="Files of a study."
)
@click.option(
    "--max-pixels", type=click.FloatRange(min=0, min_open=True), help="Megapixels of an image.  [default: 67]"
)
@click.option("--upload-time", type=click.FloatRange(min=0.1), default=60, show_default=True, help="Seconds.")
@click.option(
    "--wait-time", type=click.FloatRange(min=0), default=30, show_default=True, help="Seconds until 202."
)
@click.option(
    "--drain-time", type=click.FloatRange(min=0), default=30, show_default=True, help="Seconds after SIGTERM."
)
def command(
    host: str,
    port: int,
    bundle: str | None,
    threads: int | None,
    store: Path,
    database: str | None,
    token_file: Path | None,
    basic: tuple[str, ...],
    allow_host: tuple[str, ...],
    queue: int,
    retain: float | None,
    keep_free: int,
    keep_identifiers: bool,
    max_file: int,
    max_request: int,
    max_files: int,
    max_pixels: float | None,
    upload_time: float,
    wait_time: float,
    drain_time: float,
) -> int:
    """Serve captions over HTTP, with a page at /: drafts, not verified, not for diagnosis.

    Listens on this machine alone. Elsewhere, or under a further name, it wants --token-file or
    --basic, and TLS before it.

    \b
    radscribe serve
    curl -F files=@frontal.dcm -F files=@lateral.dcm http://127.0.0.1:8000/v1/captions

    SIGTERM finishes what was accepted; what a crash leaves is taken up at the next start.
    """
    require_extra("serve")
    from radscribe.imaging.limits import MAX_PIXELS
    from radscribe.serving.app import create_app
    from radscribe.serving.credentials import Credentials, read_token
    from radscribe.serving.server import run
    from radscribe.serving.settings import MEGABYTE, Limits, Settings

    settings = Settings(
        store=store,
        database=database,
        bundle=bundle,
        threads=threads,
        host=host,
        port=port,
        credentials=Credentials(read_token(token_file) if token_file else None, users(basic)),
        allowed_hosts=allow_host,
        queue=queue,
        retain_days=retain,
        free_bytes=keep_free * MEGABYTE,
        keep_identifiers=keep_identifiers,
        drain_seconds=drain_time,
        limits=Limits(
            file_bytes=max_file * MEGABYTE,
            request_bytes=max_request * MEGABYTE,
            files=max_files,
            pixels=MAX_PIXELS if max_pixels is None else min(MAX_PIXELS, round(max_pixels * 1e6)),
            upload_seconds=upload_time,
            wait_seconds=wait_time,
        ),
    )
    run(create_app(settings), settings)
    return 0


def users(basic: tuple[str, ...]) -> dict[str, str]:
    """`USER:FILE` options to names and passwords; raises `UsageError`."""
    from radscribe.serving.credentials import read_secret

    found: dict[str, str] = {}
    for option in basic:
        name, colon, file = option.partition(":")
        if not (name and colon and file):
            raise UsageError(f"--basic {option}: is not USER:FILE", remedy="name a user and a file")
        found[name] = read_secret(Path(file))
    return found

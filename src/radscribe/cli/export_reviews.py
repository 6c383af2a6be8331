"""`radscribe export-reviews`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import require_extra
from radscribe.cli.serve import FOLDER, database_option, images_option, store_option


@click.command()
@store_option
@database_option
@images_option
@click.option("--out", required=True, type=FOLDER, help="Folder for the manifest and its images.")
@click.option("--overwrite", is_flag=True, help="Replace the content of --out.")
def command(store: Path, database: str | None, images: str | None, out: Path, overwrite: bool) -> int:
    """Write accepted reviews as a manifest to train on.

    \b
    radscribe export-reviews --store radscribe-store --out reviewed
    radscribe train --data reviewed --out runs/reviewed --set encoder=BUNDLE
    radscribe export runs/reviewed --out bundles/reviewed
    radscribe compare BUNDLE bundles/reviewed --data reviewed

    A hash of its id puts each study into the training (70%), validation (10%) or test part (20%) for good.
    BUNDLE is the bundle that wrote the drafts. Stop a service that uses SQLite first; a running one gives
    the same lines at /v1/reviewed.jsonl. Only the owner can read the folder.
    """
    require_extra("serve")
    import os

    from radscribe.errors import UsageError
    from radscribe.files import refuse_existing
    from radscribe.serving.export import bundles, export
    from radscribe.serving.store.store import Store

    if database is None and not store.is_dir():
        raise UsageError("there is no store", subject=store, remedy="name the --store of radscribe serve")
    refuse_existing(out, overwrite)
    os.umask(0o077)
    opened = Store(store, database, images)
    try:
        count, wrote = export(opened, out), bundles(opened)
    finally:
        opened.close()
    click.echo(f"{count} reviewed {'study' if count == 1 else 'studies'} in {out}", err=True)
    if wrote:
        click.echo(f"the drafts are by {', '.join(wrote)}", err=True)
    return 0

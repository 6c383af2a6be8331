"""`radscribe export-reviews`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import require_extra
from radscribe.cli.serve import FOLDER, database_option, store_option


@click.command()
@store_option
@database_option
@click.option("--out", required=True, type=FOLDER, help="Folder of the manifest and its images.")
def command(store: Path, database: str | None, out: Path) -> int:
    """Write what reviewers accepted as a manifest to train on.

    \b
    radscribe export-reviews --store radscribe-store --out reviewed
    radscribe train --data reviewed --out run

    The service must not run meanwhile; a running one gives the same lines at /v1/reviewed.jsonl.
    """
    require_extra("serve")
    from radscribe.errors import UsageError
    from radscribe.serving.export import export
    from radscribe.serving.store.store import Store

    if not store.is_dir():
        raise UsageError("there is no store", subject=store, remedy="name the --store of radscribe serve")
    opened = Store(store, database)
    try:
        count = export(opened, out)
    finally:
        opened.close()
    click.echo(f"{count} reviewed studies in {out}", err=True)
    return 0

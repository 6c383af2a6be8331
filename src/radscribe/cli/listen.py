"""`radscribe listen`, and the options of the DICOM node that `radscribe serve` shares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.cli import options
from radscribe.cli.destinations import destination_options, destination_settings
from radscribe.cli.options import require_extra

if TYPE_CHECKING:
    from radscribe.interop.node import NodeSettings

FILE = click.Path(path_type=Path, dir_okay=False)
POSITIVE = click.IntRange(min=1)
NODE_OPTIONS = (
    click.option(
        "--ae-title",
        default="RADSCRIBE",
        show_default=True,
        help="Application entity title of the DICOM node.",
    ),
    click.option(
        "--allow-ae",
        multiple=True,
        metavar="TITLE",
        help="Title that may send; may be repeated.  [default: any, on this machine only]",
    ),
    click.option(
        "--allow-address",
        multiple=True,
        metavar="NETWORK",
        help="Address or network, as in 10.1.0.0/16, that may connect; may be repeated.  [default: any]",
    ),
    click.option("--tls-cert", type=FILE, help="Certificate chain for DICOM over TLS, PEM."),
    click.option("--tls-key", type=FILE, help="Key of --tls-cert, PEM."),
    click.option(
        "--tls-ca",
        type=FILE,
        help="CA certificates, PEM: accept only senders whose certificate one of them signed.",
    ),
    click.option(
        "--quiet",
        type=click.FloatRange(min=0),
        default=10,
        show_default=True,
        help="Time without a further instance, after which a study is complete, seconds.",
    ),
    click.option(
        "--max-associations",
        type=POSITIVE,
        default=16,
        show_default=True,
        help="Maximum number of open associations.",
    ),
    click.option(
        "--max-instance",
        type=POSITIVE,
        default=64,
        show_default=True,
        help="Maximum size of an instance, MB.",
    ),
)


def node_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the DICOM node."""
    for option in reversed(NODE_OPTIONS):
        command = option(command)
    return command


def node_settings(
    host: str,
    port: int,
    ae_title: str,
    allow_ae: tuple[str, ...],
    allow_address: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_ca: Path | None,
    max_associations: int,
    max_instance: int,
) -> NodeSettings:
    """Settings of the node from its options; raises `UsageError`."""
    require_extra("interop")
    from radscribe.interop.node import NodeSettings

    return NodeSettings(
        host=host,
        port=port,
        ae_title=ae_title,
        callers=allow_ae,
        networks=allow_address,
        certificate=tls_cert,
        certificate_key=tls_key,
        client_ca=tls_ca,
        associations=max_associations,
        instance_bytes=max_instance << 20,
    )


@click.command()
@options.HOST
@click.option(
    "--port", type=click.IntRange(1, 65535), default=11112, show_default=True, help="Port to listen on."
)
@node_options
@destination_options
@click.option("--bundle", help="Folder of a bundle, or the name of an embedded one.  [default: embedded]")
@click.option("--threads", type=POSITIVE, help="Number of encoder threads.  [default: all cores]")
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("radscribe-store"),
    show_default=True,
    help="Folder for studies and drafts, as of radscribe serve.",
)
@click.option(
    "--database",
    metavar="URL",
    envvar="RADSCRIBE_DATABASE",
    help="postgresql://user:password@host/name; also read from RADSCRIBE_DATABASE.  [default: SQLite]",
)
@options.RETAIN
@click.option(
    "--keep-free",
    type=click.IntRange(min=0),
    default=1024,
    show_default=True,
    help="Refuse instances when less disk space than this is free, MB.",
)
def command(
    host: str,
    port: int,
    bundle: str | None,
    threads: int | None,
    store: Path,
    database: str | None,
    retain: float | None,
    keep_free: int,
    quiet: float,
    destinations: tuple[str, ...],
    identity_key: Path | None,
    organisation: str | None,
    **node: Any,
) -> int:
    """Receive studies from a PACS by DICOM, and caption them: drafts, not verified, not for diagnosis.

    The node answers C-ECHO and C-STORE for CR, DX and secondary capture. An instance is acknowledged when it
    is safe on disk. A study is captioned when no further instance came for --quiet seconds.

    \b
    radscribe listen --store /srv/radscribe
    storescu -aec RADSCRIBE 127.0.0.1 11112 frontal.dcm

    To have the page as well, run radscribe serve --listen 11112 instead: one process uses a SQLite store.
    """
    require_extra("serve")
    import logging
    import os
    import signal
    import threading

    settings = node_settings(host, port, **node)
    from radscribe.serving.service import Service
    from radscribe.serving.settings import MEGABYTE, Settings

    os.umask(0o077)  # its files are readable only by its user
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    service = Service(
        Settings(
            store=store,
            database=database,
            bundle=bundle,
            threads=threads,
            retain_days=retain,
            free_bytes=keep_free * MEGABYTE,
            node=settings,
            quiet_seconds=quiet,
            **destination_settings(destinations, identity_key, organisation),
        )
    )
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    logging.info("%s listens on %s:%d", settings.ae_title, host, port)
    stopping.wait()
    logging.info("finishing accepted studies")
    service.drain()
    service.close()
    return 0

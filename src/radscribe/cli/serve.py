"""`radscribe serve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.cli import options
from radscribe.cli.destinations import destination_options, destination_settings
from radscribe.cli.listen import node_options, node_settings
from radscribe.cli.options import require_extra
from radscribe.errors import UsageError

if TYPE_CHECKING:
    from radscribe.serving.oidc import Provider

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
POSITIVE = click.IntRange(min=1)
DEFAULT_STORE = "radscribe-store"


def _store(context: click.Context, parameter: click.Parameter, value: str) -> Path:
    if value.startswith(("postgresql:", "postgres:")):
        context.meta[__name__] = value
        return Path(DEFAULT_STORE)
    found: Path = FOLDER.convert(value, parameter, context)
    return found


def _database(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    named: str | None = context.meta.get(__name__)
    return named or value


store_option = click.option(
    "--store",
    metavar="FOLDER",
    default=DEFAULT_STORE,
    show_default=True,
    is_eager=True,  # before --database, which it may name
    callback=_store,
    help="Folder for images, users and, without --database, the database. A postgresql:// URL is taken as "
    "--database.",
)
database_option = click.option(
    "--database",
    metavar="URL",
    envvar="RADSCRIBE_DATABASE",
    callback=_database,
    help="postgresql://user:password@host/name; also read from RADSCRIBE_DATABASE, which keeps the password "
    "out of the list of processes.  [default: SQLite]",
)


images_option = click.option(
    "--images",
    metavar="FOLDER|URL",
    help="Folder or bucket for images, such as s3://bucket/prefix.  [default: images in --store]",
)


@click.command()
@options.HOST
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port to listen on."
)
@click.option("--bundle", help="Folder of a bundle, or the name of an embedded one.  [default: embedded]")
@click.option(
    "--guard",
    metavar="CAPTIONER",
    help="Caption with an external captioner and check its text with the bundle; see radscribe guard.",
)
@click.option(
    "--threads", type=POSITIVE, help="Number of encoder threads per process.  [default: all cores, shared]"
)
@click.option(
    "--workers",
    type=POSITIVE,
    default=1,
    show_default=True,
    help="Number of processes; more than one needs PostgreSQL.",
)
@store_option
@database_option
@images_option
@click.option("--users-file", type=FILE, help="Users with roles.  [default: users.json in --store]")
@click.option("--token-file", type=FILE, help="File with a token that may do anything.")
@click.option(
    "--basic",
    multiple=True,
    metavar="USER:FILE",
    help="User name and file with the password; may be repeated.",
)
@click.option("--oidc-issuer", metavar="URL", help="Identity provider to sign in at (OpenID Connect).")
@click.option("--oidc-client", metavar="ID", help="Client id at the identity provider.")
@click.option("--oidc-secret-file", type=FILE, help="File with the client secret.")
@click.option(
    "--oidc-role-claim", default="roles", show_default=True, help="Claim that holds a person's role."
)
@click.option(
    "--public-url", metavar="URL", help="Address of the page as people open it; needed with --oidc-issuer."
)
@click.option("--audit-reads", is_flag=True, help="Also record every view of a study in the audit trail.")
@click.option(
    "--allow-host", multiple=True, metavar="NAME", help="Further host name to answer to; may be repeated."
)
@click.option(
    "--proxy",
    multiple=True,
    metavar="NETWORK",
    help="Address or network of a proxy whose X-Forwarded-For is believed; may be repeated.  [default: this "
    "machine's]",
)
@click.option(
    "--queue", type=POSITIVE, default=128, show_default=True, help="Maximum number of studies in progress."
)
@click.option(
    "--client-rate",
    type=POSITIVE,
    metavar="N",
    help="Maximum studies per minute from one user or address.  [default: no limit]",
)
@options.RETAIN
@click.option(
    "--keep-free",
    type=click.IntRange(min=0),
    default=1024,
    show_default=True,
    help="Refuse studies when less disk space than this is free, MB.",
)
@click.option(
    "--keep-identifiers", is_flag=True, help="Keep files as they came, with identifying DICOM attributes."
)
@click.option("--max-file", type=POSITIVE, default=64, show_default=True, help="Maximum size of a file, MB.")
@click.option(
    "--max-request", type=POSITIVE, default=256, show_default=True, help="Maximum size of a study, MB."
)
@click.option(
    "--max-files", type=POSITIVE, default=8, show_default=True, help="Maximum number of files per study."
)
@click.option(
    "--max-pixels",
    type=click.FloatRange(min=0, min_open=True),
    help="Maximum size of an image, megapixels.  [default: 67]",
)
@click.option(
    "--max-connections",
    type=POSITIVE,
    default=1000,
    show_default=True,
    help="Maximum number of open connections.",
)
@click.option(
    "--client-connections",
    type=POSITIVE,
    default=128,
    show_default=True,
    help="Maximum open connections per address.",
)
@click.option(
    "--min-rate", type=click.IntRange(min=0), default=8, show_default=True, help="Minimum upload rate, kB/s."
)
@click.option(
    "--upload-time",
    type=click.FloatRange(min=0.1),
    default=60,
    show_default=True,
    help="Maximum time for an upload, seconds.",
)
@click.option(
    "--decode-time",
    type=click.FloatRange(min=0.1),
    default=20,
    show_default=True,
    help="Maximum time to decode a file, seconds.",
)
@click.option(
    "--wait-time",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="Time to wait for a caption before answering 202, seconds.",
)
@click.option(
    "--drain-time",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    help="Time to finish accepted studies after SIGTERM, seconds.",
)
@click.option(
    "--listen",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Also receive studies by DICOM on this port, as radscribe listen does.  [default: do not]",
)
@click.option("--listen-host", default="127.0.0.1", show_default=True, help="Address of the DICOM node.")
@node_options
@destination_options
def command(
    host: str,
    port: int,
    listen: int | None,
    listen_host: str,
    quiet: float,
    bundle: str | None,
    guard: str | None,
    threads: int | None,
    workers: int,
    store: Path,
    database: str | None,
    images: str | None,
    users_file: Path | None,
    token_file: Path | None,
    basic: tuple[str, ...],
    oidc_issuer: str | None,
    oidc_client: str | None,
    oidc_secret_file: Path | None,
    oidc_role_claim: str,
    public_url: str | None,
    audit_reads: bool,
    allow_host: tuple[str, ...],
    proxy: tuple[str, ...],
    queue: int,
    client_rate: int | None,
    retain: float | None,
    keep_free: int,
    keep_identifiers: bool,
    max_file: int,
    max_request: int,
    max_files: int,
    max_pixels: float | None,
    max_connections: int,
    client_connections: int,
    min_rate: int,
    upload_time: float,
    decode_time: float,
    wait_time: float,
    drain_time: float,
    destinations: tuple[str, ...],
    identity_key: Path | None,
    organisation: str | None,
    **node: Any,
) -> int:
    """Serve captions over HTTP, with a page at /: drafts, not verified, not for diagnosis.

    The service listens on this machine only. To listen elsewhere, or to answer to a further name, it needs
    credentials (radscribe users, --token-file, --basic or --oidc-issuer), and TLS in front of it.

    \b
    radscribe serve
    curl -F files=@frontal.dcm -F files=@lateral.dcm http://127.0.0.1:8000/v1/captions

    SIGTERM finishes accepted studies. After a crash, the next start continues with them.
    """
    require_extra("serve")
    import os

    from radscribe.imaging.limits import MAX_PIXELS
    from radscribe.serving.credentials import USERS_FILE, Credentials, Users, read_token
    from radscribe.serving.settings import MEGABYTE, ConnectionLimits, Limits, Settings
    from radscribe.serving.workers import fork, threads_per_worker

    os.umask(0o077)  # only the service reads its files
    oidc = _provider(oidc_issuer, oidc_client, oidc_secret_file, public_url, oidc_role_claim)
    settings = Settings(
        store=store,
        database=database,
        images=images,
        bundle=bundle,
        guard=guard,
        threads=threads or (threads_per_worker(workers) if workers > 1 else None),
        host=host,
        port=port,
        credentials=Credentials(
            read_token(token_file) if token_file else None,
            basic_users(basic),
            Users(users_file or store / USERS_FILE),
            oidc=oidc is not None,
        ),
        oidc=oidc,
        audit_reads=audit_reads,
        node=None if listen is None else node_settings(listen_host, listen, **node),
        quiet_seconds=quiet,
        **destination_settings(destinations, identity_key, organisation),
        allowed_hosts=allow_host,
        proxies=proxy,
        queue=queue,
        client_rate=client_rate,
        retain_days=retain,
        free_bytes=keep_free * MEGABYTE,
        keep_identifiers=keep_identifiers,
        drain_seconds=drain_time,
        intake_seconds=decode_time,
        limits=Limits(
            file_bytes=max_file * MEGABYTE,
            request_bytes=max_request * MEGABYTE,
            files=max_files,
            pixels=MAX_PIXELS if max_pixels is None else min(MAX_PIXELS, round(max_pixels * 1e6)),
            upload_seconds=upload_time,
            wait_seconds=wait_time,
        ),
        connection_limits=ConnectionLimits(
            connections=max_connections, per_client=client_connections, rate=min_rate << 10
        ),
    )
    worker = None
    if workers > 1:
        if database is None or database.startswith("sqlite"):
            raise UsageError(
                "SQLite serves one process",
                subject=f"--workers {workers}",
                remedy="name a PostgreSQL database with --database",
            )
        forked = fork(workers, host, port)
        if isinstance(forked, int):
            return forked
        worker = forked
    # Imported here: a process may fork only while it has no threads.
    from radscribe.serving.app import create_app
    from radscribe.serving.server import run

    run(create_app(settings, worker=worker), settings, worker)
    return 0


def basic_users(basic: tuple[str, ...]) -> dict[str, str]:
    """Names and passwords of `USER:FILE` options; raises `UsageError`."""
    from radscribe.serving.credentials import check_name, check_password, read_secret

    found: dict[str, str] = {}
    for option in basic:
        name, colon, file = option.partition(":")
        if not (name and colon and file):
            raise UsageError(f"--basic {option}: is not USER:FILE", remedy="name a user and a file")
        check_name(name)
        found[name] = read_secret(Path(file))
        check_password(found[name], name, Path(file))
    return found


def _provider(
    issuer: str | None, client: str | None, secret: Path | None, public_url: str | None, claim: str
) -> Provider | None:
    if issuer is None:
        return None
    if not (client and secret and public_url):
        raise UsageError("needs --oidc-client, --oidc-secret-file and --public-url", subject="--oidc-issuer")
    require_extra("oidc")
    from radscribe.serving.credentials import read_secret
    from radscribe.serving.oidc import Provider

    return Provider(issuer, client, read_secret(secret), public_url, claim)

"""`radscribe audit`."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.cli.options import require_extra
from radscribe.cli.serve import FILE, database_option, store_option
from radscribe.errors import RadscribeError, UsageError


@click.group()
def command() -> None:
    """Verify and export the audit trail of radscribe serve.

    The trail is a chain: each row's hash covers the row before it. Both commands work beside a running
    service.
    """


def _folder(store: Path, database: str | None) -> Path:
    require_extra("serve")
    if database is None and not store.is_dir():
        raise UsageError("there is no store", subject=store, remedy="name the --store of radscribe serve")
    return store


@command.command()
@store_option
@database_option
@click.option(
    "--head", metavar="HASH", help="Head that was noted earlier; fail if the chain no longer contains it."
)
def verify(store: Path, database: str | None, head: str | None) -> int:
    """Check that no row of the trail was changed, removed or inserted.

    Prints the number of rows and the head: the hash of the last row. Keep the head elsewhere and pass it to
    --head later, as rows that are missing at the end leave no other trace.
    """
    folder = _folder(store, database)
    from radscribe.serving.store import chain
    from radscribe.serving.store.database import open_for_reading

    with open_for_reading(folder, database) as engine, engine.connect() as connection:
        verdict = chain.verify(connection, head)
    if verdict.broken is not None:
        raise RadscribeError(
            f"row {verdict.broken} does not follow from the row before it; {verdict.rows} rows hold",
            subject="audit trail",
            remedy="compare it with a backup or with the exported messages",
        )
    if not verdict.anchored:
        raise RadscribeError(
            "the head that was given is not in the chain",
            subject="audit trail",
            remedy="compare it with a backup or with the exported messages",
        )
    click.echo(f"{verdict.rows} rows, head {verdict.head}")
    return 0


@command.command()
@store_option
@database_option
@click.option("--out", type=FILE, help="Write the messages to a file, one per line.")
@click.option("--syslog", metavar="HOST:PORT", help="Send the messages to a syslog server by TCP (RFC 6587).")
@click.option("--tls", is_flag=True, help="Use TLS for --syslog (RFC 5425).")
@click.option(
    "--udp",
    is_flag=True,
    help="Use UDP for --syslog (RFC 5426), which does not report whether messages arrive.",
)
@click.option("--after", type=click.IntRange(min=0), default=0, help="Id of the last row that was exported.")
def export(
    store: Path,
    database: str | None,
    out: Path | None,
    syslog: str | None,
    tls: bool,
    udp: bool,
    after: int,
) -> int:
    """Export the trail as DICOM audit messages (PS3.15 A.5) in syslog's form (RFC 5424).

    Prints the id of the last row, for --after of the next export.
    """
    folder = _folder(store, database)
    from radscribe.files import atomic_write
    from radscribe.serving import audit_messages
    from radscribe.serving.store.database import open_for_reading

    if (out is None) == (syslog is None):
        raise UsageError("needs one of --out and --syslog", remedy="name a file or a server")
    if (tls or udp) and (syslog is None or tls is udp):
        raise UsageError("--tls and --udp are for --syslog, one of them", remedy="leave one out")
    with open_for_reading(folder, database) as engine, engine.connect() as connection:
        messages = audit_messages.messages(connection, after)
        if out is not None:
            with atomic_write(out) as file:
                Path(file.name).chmod(0o600)
                last = audit_messages.write(messages, lambda line: file.write(line + b"\n"), after)
        else:
            assert syslog is not None
            with audit_messages.syslog(syslog, tls=tls, udp=udp) as send:
                last = audit_messages.write(messages, send, after)
    click.echo(str(last))
    return 0

"""`radscribe users`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from radscribe.cli.options import require_extra
from radscribe.cli.serve import FILE, store_option

if TYPE_CHECKING:
    from radscribe.serving.credentials import Users

ROLES = ("read", "review", "delete", "administer")
users_option = click.option(
    "--users-file", type=FILE, help="File of users.  [default: users.json in --store]"
)


@click.group()
def command() -> None:
    """Manage the users of radscribe serve.

    A role includes those before it: read (see studies), review (also upload and review), delete (also
    delete), administer (anything). Passwords and tokens are kept as hashes. A running service sees changes
    at once.

    \b
    radscribe users add ann --role review
    radscribe users token pacs --label "DICOM router"
    """


def _users(store: Path, users_file: Path | None) -> Users:
    require_extra("serve")
    from radscribe.serving.credentials import USERS_FILE, Users

    return Users(users_file or store / USERS_FILE)


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Role of the user.")
@click.option("--password-file", type=FILE, help="Read the password from a file instead of asking.")
@click.option("--no-password", is_flag=True, help="Create a user who signs in with a token only.")
@store_option
@users_option
def add(
    name: str,
    role: str,
    password_file: Path | None,
    no_password: bool,
    store: Path,
    users_file: Path | None,
) -> int:
    """Add a user, or change the role or password of one."""
    users = _users(store, users_file)
    from radscribe.serving.credentials import check_name, read_secret

    check_name(name)
    password = None
    if password_file is not None:
        password = read_secret(password_file)
    elif not no_password:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    users.add(name, role, password)
    click.echo(f"{name} may {role}", err=True)
    return 0


@command.command()
@click.argument("name")
@click.option("--label", default="", help="Purpose of the token, for the list of users.")
@store_option
@users_option
def token(name: str, label: str, store: Path, users_file: Path | None) -> int:
    """Make a token for a user and print it. It is shown only once."""
    click.echo(_users(store, users_file).add_token(name, label))
    return 0


@command.command()
@click.argument("name")
@store_option
@users_option
def remove(name: str, store: Path, users_file: Path | None) -> int:
    """Remove a user with all tokens. Open sessions end at once."""
    _users(store, users_file).remove(name)
    click.echo(f"removed {name}", err=True)
    return 0


@command.command()
@click.argument("name")
@store_option
@users_option
def disable(name: str, store: Path, users_file: Path | None) -> int:
    """Keep a user out without removing the account. Open sessions end at once.

    The name stays taken, so that nobody else acts under it in the audit trail.
    """
    _users(store, users_file).disable(name)
    click.echo(f"disabled {name}", err=True)
    return 0


@command.command()
@click.argument("name")
@store_option
@users_option
def enable(name: str, store: Path, users_file: Path | None) -> int:
    """Let a disabled user sign in again."""
    _users(store, users_file).disable(name, disabled=False)
    click.echo(f"enabled {name}", err=True)
    return 0


@command.command("list")
@store_option
@users_option
def list_users(store: Path, users_file: Path | None) -> int:
    """List users, roles and tokens."""
    for name, entry in sorted(_users(store, users_file).all().items()):
        ways = ["password"] if entry.get("password") else []
        ways += [f"token {label!r}" if label else "token" for label in entry.get("tokens", {}).values()]
        if entry.get("disabled"):
            ways = ["disabled"]
        click.echo(f"{name}\t{entry['role']}\t{', '.join(ways) or 'no way to sign in'}")
    return 0

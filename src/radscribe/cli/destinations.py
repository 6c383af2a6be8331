"""The options of `radscribe serve` and `radscribe listen` that say where results go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from radscribe.cli.options import require_extra
from radscribe.errors import UsageError

DESTINATION_OPTIONS = (
    click.option(
        "--destination",
        "destinations",
        multiple=True,
        metavar="KIND:PLACE",
        help="Where results of studies that came in by DICOM go: dicom:AETITLE@host:port, stow:URL, "
        "fhir:URL, hl7:host:port or folder:PATH; may be repeated.  [default: nowhere]",
    ),
    click.option(
        "--identity-key",
        type=click.Path(path_type=Path, dir_okay=False),
        help="File with the key that encrypts the identities of these studies; also read from "
        "RADSCRIBE_IDENTITY_KEY. Needed with --destination.",
    ),
    click.option(
        "--organisation",
        metavar="NAME",
        help="Organisation that verifies reviewed results.  [default: not stated]",
    ),
)


def destination_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the destinations."""
    for option in reversed(DESTINATION_OPTIONS):
        command = option(command)
    return command


def destination_settings(
    destinations: tuple[str, ...], identity_key: Path | None, organisation: str | None
) -> dict[str, Any]:
    """Return the fields of `Settings` for the destinations.

    Raises
    ------
    UsageError
        An address is wrong or given twice, or there is no key.
    """
    if not destinations:
        if identity_key is not None:
            raise UsageError("has no effect without --destination", subject="--identity-key")
        return {}
    require_extra("interop")
    from radscribe.interop.destinations import destination
    from radscribe.interop.identity import IdentityKey

    made = tuple(map(destination, destinations))
    for number, to in enumerate(made):
        if to.name in {earlier.name for earlier in made[:number]}:
            raise UsageError("is given twice", subject=f"--destination {to.name}")
    settings = {"destinations": made, "identity_key": IdentityKey.configured(identity_key)}
    return settings | ({"organisation": organisation} if organisation else {})

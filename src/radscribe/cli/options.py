"""Options that several commands share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from radscribe.errors import RadscribeError

config_option = click.option(
    "--config", type=click.Path(path_type=Path, exists=True), help="YAML file over the defaults."
)
set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting over the configuration."
)

EXTRA_MODULES = {"train": ("torch", "lightning", "yaml")}


def require_extra(extra: str) -> None:
    """Say what to install where a command needs more than the plain install.

    Raises
    ------
    RadscribeError : a module of the extra is missing.
    """
    missing = [name for name in EXTRA_MODULES[extra] if importlib.util.find_spec(name) is None]
    if missing:
        raise RadscribeError(
            f"this command needs {', '.join(missing)}", remedy=f'run: pip install "radscribe[{extra}]"'
        )

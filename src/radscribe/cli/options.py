"""Options that several commands share."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from radscribe.errors import RadscribeError

config_option = click.option(
    "--config", type=click.Path(path_type=Path, exists=True), help="YAML file over the defaults."
)
set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting over the configuration."
)

MANY = 4  # studies from which on progress is shown
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


@contextmanager
def progress(total: int) -> Iterator[Callable[[], object]]:
    """A progress bar on standard error, when somebody looks and there is something to wait for."""
    if total < MANY or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("captioning", total=total)
        yield lambda: bar.advance(task)

"""Options that several commands share."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.errors import RadscribeError

if TYPE_CHECKING:
    from radscribe.training.config import Config

config_option = click.option(
    "--config", type=click.Path(path_type=Path, exists=True), help="YAML file over the defaults."
)
set_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting over the configuration."
)

resume_option = click.option(
    "--resume", is_flag=True, help="Go on from the run's last whole epoch, with the run's own configuration."
)
devices_option = click.option("--devices", type=int, help="The same as --set devices=N.")
strategy_option = click.option("--strategy", help="The same as --set strategy=ddp.")


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """What both training commands take."""
    folder = click.Path(path_type=Path)
    for option in (
        strategy_option,
        devices_option,
        resume_option,
        set_option,
        config_option,
        click.option("--out", required=True, type=folder, help="Folder of the run."),
        click.option("--data", required=True, type=folder, help="Folder with manifest.jsonl."),
    ):
        command = option(command)
    return command


class TrainingCommand(click.Command):
    """A command with a configuration, whose keys `--help` lists.

    Parameters
    ----------
    configuration : name of the class in `training/config.py`.
    """

    def __init__(self, *arguments: Any, configuration: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._configuration = configuration

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from radscribe.training import config

        with formatter.section("Keys of the configuration"):
            formatter.write_dl(
                [
                    (key.name, f"{key.meaning} ({key.type}) [{key.default}]")
                    for key in config.keys(getattr(config, self._configuration))
                ]
            )


def configuration(
    kind: type[Config], out: Path, file: Path | None, settings: tuple[str, ...], resume: bool, **flags: object
) -> Config:
    """What a training command is to do; a run that goes on starts from its own configuration."""
    from radscribe.training.config import CONFIG, load

    given = [f"{name}={value}" for name, value in flags.items() if value is not None]
    own = out / CONFIG
    return load(kind, file, [*settings, *given], base=own if resume and own.is_file() else None)


EXTRA_MODULES = {
    "train": (
        "torch",
        "lightning",
        "yaml",
        "onnx",
        "onnxscript",
        "safetensors",
        "tensorboardX",
        "matplotlib",
    ),
    "serve": ("fastapi", "uvicorn", "python_multipart", "sqlalchemy", "alembic", "prometheus_client"),
}


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

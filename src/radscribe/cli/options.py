"""Options that several commands share."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radscribe.errors import Interrupted, RadscribeError
from radscribe.inference.options import DEFAULTS

if TYPE_CHECKING:
    from radscribe.training.config import Config, Key

FOLDER = click.Path(path_type=Path)
# Options of several commands: `@options.FORCE` adds one.
BUNDLE = click.option(
    "--bundle",
    help="Model: a bundle's folder, an embedded one's name, or hf:owner/name.  [default: the embedded one]",
)
FORCE = click.option(
    "--force", is_flag=True, help="Caption images that the chest check refuses, with a warning."
)
EXACT = click.option(
    "--exact/--reduced",
    default=DEFAULTS.exact,
    help="Decode JPEG and JPEG 2000 at full resolution, or at the lowest that suffices, which is several "
    "times faster and changes probabilities.  [default: --exact]",
)
MIN_CONFIDENCE = click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Refuse studies whose confidence is below P, from 0 to 1.  [default: refuse none]",
)
ONE_STUDY = click.option(
    "--study", "--one-study", "one_study", is_flag=True, help="Treat all images as one study of one patient."
)
RETAIN = click.option(
    "--retain",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DAYS",
    help="Erase studies that are older than DAYS.  [default: keep all]",
)
HOST = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that both training commands share."""
    for option in (
        click.option(
            "--strategy",
            help="How devices share the work, auto or ddp; short for --set strategy=.  [default: auto]",
        ),
        click.option(
            "--devices", type=int, help="Number of devices; short for --set devices=.  [default: 1]"
        ),
        click.option(
            "--resume",
            is_flag=True,
            help="Continue the run in --out after its last complete epoch, with its own configuration.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="Change one key of the configuration; may be repeated. It wins over --config.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, exists=True),
            metavar="FILE",
            help="YAML file with keys of the configuration; the others keep their defaults.",
        ),
        click.option(
            "--out",
            required=True,
            type=FOLDER,
            help="Folder of the run; must be new unless --resume is given.",
        ),
        click.option(
            "--data", required=True, type=FOLDER, help="Prepared dataset: the folder with manifest.jsonl."
        ),
    ):
        command = option(command)
    return command


@contextmanager
def resumable(out: Path) -> Iterator[None]:
    """Say how to continue a run that Ctrl-C or SIGTERM stops."""
    try:
        yield
    except KeyboardInterrupt as error:
        if not (out / "last.ckpt").exists():
            raise Interrupted("interrupted before the first epoch was done; start the run again") from error
        line = f"interrupted; its last epoch is in {out}; continue with the same command and --resume"
        raise Interrupted(line) from error


class TrainingCommand(click.Command):
    """A command with a configuration. Its ``--help`` lists the keys.

    Parameters
    ----------
    configuration : str
        Name of the class in `radscribe.training.config`.
    """

    def __init__(self, *arguments: Any, configuration: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._configuration = configuration

    def keys(self) -> list[Key]:
        """The keys of the configuration: name, type, default and meaning of each."""
        from radscribe.training import config

        return config.keys(getattr(config, self._configuration))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Keys of the configuration"):
            formatter.write_dl(
                [(key.name, f"{key.meaning} ({key.type}) [{key.default}]") for key in self.keys()]
            )


def configuration(
    kind: type[Config], out: Path, file: Path | None, settings: tuple[str, ...], resume: bool, **flags: object
) -> Config:
    """Read the configuration of a training; with `resume`, options change the run's own configuration."""
    from radscribe.training.config import CONFIG, load

    given = [f"{name}={value}" for name, value in flags.items() if value is not None]
    own = out / CONFIG
    return load(kind, file, [*settings, *given], base=own if resume and own.is_file() else None)


EXTRA_MODULES = {
    "train": (
        "torch",
        "yaml",
        "onnx",
        "onnxscript",
        "safetensors",
        "tensorboardX",
        "matplotlib",
    ),
    "serve": ("fastapi", "uvicorn", "python_multipart", "sqlalchemy", "alembic", "prometheus_client"),
    "oidc": ("authlib", "joserfc"),
    "parquet": ("pyarrow",),
    "interop": ("pynetdicom", "highdicom", "dicomweb_client", "cryptography"),
}


def require_extra(extra: str) -> None:
    """Raise a one-line error if a command needs an extra that is not installed.

    Parameters
    ----------
    extra : str
        Name of the extra, such as "train".

    Raises
    ------
    RadscribeError
        A module of the extra is missing. The error says what to install.
    """
    missing = [name for name in EXTRA_MODULES[extra] if importlib.util.find_spec(name) is None]
    if missing:
        raise RadscribeError(
            f"this command needs {', '.join(missing)}",
            remedy=f'run: pip install ".[{extra}]" in the checkout',
        )

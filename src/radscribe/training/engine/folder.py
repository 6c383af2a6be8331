"""A run's folder: `begin` makes or reopens it, `finish` writes its README and curves last."""

from __future__ import annotations

import json
import platform
import shlex
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import click
import torch

import radscribe
from radscribe.data.manifest import Manifest
from radscribe.errors import UsageError
from radscribe.files import sha256_of
from radscribe.training.config import CONFIG, RunConfig, load, save, shown
from radscribe.training.engine.figures import CURVES, LOG, METRICS, draw
from radscribe.training.engine.loop import LAST, Fitted
from radscribe.training.engine.processes import is_main, require_devices

README = "README.md"
PACKAGES = ("torch", "numpy", "onnx")
TIMES = ("epoch", "step", "seconds", "learning_rate")


def begin(out: Path, config: RunConfig, resume: bool) -> bool:
    """Make or reopen a run's folder; returns False if the run in it is already finished.

    Raises
    ------
    UsageError
        If it holds a run and `resume` is not set, the run has another configuration, it holds files of
        somebody else, or the machine cannot do what the configuration asks for.
    """
    require_devices(config)
    started, finished = (out / LAST).exists(), (out / README).exists()
    if started and not resume:
        raise UsageError(
            "this folder holds a run",
            subject=out,
            remedy="continue it with --resume, or choose another --out",
        )
    if started:
        earlier = load(type(config), out / CONFIG)
        changed = [key for key in config.__struct_fields__ if getattr(config, key) != getattr(earlier, key)]
        for key in changed:
            if key not in config.may_change:
                raise UsageError(
                    f"was made with {key}={shown(getattr(earlier, key))}, not {shown(getattr(config, key))}",
                    subject=out,
                    remedy="leave the setting out, or choose another --out",
                )
        if finished and not changed:
            click.echo(f"radscribe: {out}: is finished; set more epochs to continue", err=True)
            return False
    if is_main():
        if not started and not _may_be_ours(out):
            raise UsageError("exists and holds no run", subject=out, remedy="choose another --out")
        out.mkdir(parents=True, exist_ok=True)
        (out / README).unlink(missing_ok=True)
        save(config, out / CONFIG)
    return True


def _may_be_ours(out: Path) -> bool:
    """Whether a folder is new, empty, or of a run that was stopped before its first epoch was done."""
    if not out.is_dir() or not any(out.iterdir()):
        return True
    try:
        keys = json.loads((out / CONFIG).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(keys, dict) and "epochs" in keys


def finish(out: Path, config: RunConfig, manifest: Manifest, fitted: Fitted) -> None:
    """Draw the curves and write the README, the last of a run's files."""
    draw(fitted.rows, fitted.best_epoch, out / CURVES)
    (out / README).write_text(describe(config, manifest, fitted), encoding="utf-8")


def describe(config: RunConfig, manifest: Manifest, fitted: Fitted) -> str:
    """Return command, data, commit and results of the run, in Markdown."""
    best = fitted.rows[fitted.best_epoch - 1]
    seconds = round(sum(row["seconds"] for row in fitted.rows))
    rates = [
        f"{v:,.0f} {k.removesuffix('_per_second')}/s" for k, v in best.items() if k.endswith("_per_second")
    ]
    default = type(config)()
    settings = {
        key: getattr(config, key)
        for key in config.__struct_fields__
        if getattr(config, key) != getattr(default, key)
    }
    parts = Counter(study.split for study in manifest)
    sections = {
        "Result": [
            f"Best of {len(fitted.rows)} epochs by `{config.monitor}`: epoch {fitted.best_epoch}.",
            _table(
                {k: f"{v:.4g}" for k, v in best.items() if k not in TIMES and not k.endswith("_per_second")}
            ),
            f"![figures by epoch]({CURVES})",
            f"Every epoch: `{LOG}/{METRICS}`, and `tensorboard --logdir {LOG}`.",
        ],
        "Run": [
            f"```\n{command()}\n```",
            f"Settings that are not the default (all settings: `{CONFIG}`):",
            _table({key: shown(value) for key, value in settings.items()}),
        ],
        "Data": [
            _table(
                {
                    "manifest": str(manifest.path),
                    "SHA-256": sha256_of(manifest.path),
                    "source": manifest.header.source,
                    "licence": manifest.header.licence or "not stated",
                    **{f"studies in {part or 'no part'}": str(count) for part, count in parts.items()},
                }
            )
        ],
        "Made with": [
            _table(
                {
                    "radscribe": commit(),
                    **{name: version(name) for name in PACKAGES},
                    "Python": platform.python_version(),
                    "machine": f"{platform.system()} {platform.machine()}, {_device(config.devices)}",
                    "seed": str(config.seed),
                    "time": ", ".join([str(timedelta(seconds=seconds)), *rates]),
                }
            )
        ],
    }
    if fitted.warnings:
        advice = "The decoder may ignore the images. See the guide on training for what helps."
        sections = {"Warnings": [*(f"- {line}" for line in fitted.warnings), advice], **sections}
    text = "".join(f"\n## {title}\n\n" + "\n\n".join(body) + "\n" for title, body in sections.items())
    return f"# A run of radscribe\n\nIts captions are drafts for research, not for diagnosis.\n{text}"


def command() -> str:
    """Return the command line of this process, as a user types it."""
    name = Path(sys.argv[0]).name
    ours = name in ("radscribe", "main.py")
    return shlex.join(["radscribe", *sys.argv[1:]] if ours else ["python", name, *sys.argv[1:]])


def commit() -> str:
    """Return the version and, in a checkout, the commit; `-dirty` if files differ from it."""
    package = Path(radscribe.__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", package, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # an environment may lie in someone else's checkout
        return f"{radscribe.__version__}, commit {git('describe', '--always', '--dirty', '--abbrev=12')}"
    except (OSError, subprocess.CalledProcessError):
        return f"{radscribe.__version__}, no checkout"


def _device(devices: int) -> str:
    if torch.cuda.is_available():
        return f"{devices} x {torch.cuda.get_device_name()}"
    return f"{devices} x CPU, {torch.get_num_threads()} threads each"


def _table(values: dict[str, str]) -> str:
    cells = (f"| {key} | {value.replace('|', '/')} |" for key, value in values.items())
    return "\n".join(["| | |", "|---|---|", *cells])

"""A run's folder: begun, gone on with, finished."""

from __future__ import annotations

from pathlib import Path

import click

from radscribe.data.manifest import Manifest
from radscribe.errors import UsageError
from radscribe.training.config import CONFIG, RunConfig, load, save, shown
from radscribe.training.engine.checkpoints import LAST
from radscribe.training.engine.curves import CURVES, draw
from radscribe.training.engine.processes import is_main
from radscribe.training.engine.readme import README, describe
from radscribe.training.engine.run import Fitted


def begin(out: Path, config: RunConfig, resume: bool) -> bool:
    """Make or open a run's folder; False where the run in it is finished already.

    Raises
    ------
    UsageError : there is a run in it and `resume` is not set, or it was made with another configuration.
    """
    started, finished = (out / LAST).exists(), (out / README).exists()
    if started and not resume:
        raise UsageError(
            "there is a run in this folder",
            subject=out,
            remedy="go on with --resume, or choose another --out",
        )
    if started:
        earlier = load(type(config), out / CONFIG)
        changed = [key for key in config.__struct_fields__ if getattr(config, key) != getattr(earlier, key)]
        for key in changed:
            if key not in config.may_change:
                raise UsageError(
                    f"was made with {key}={shown(getattr(earlier, key))}, not {shown(getattr(config, key))}",
                    subject=out,
                    remedy="a run goes on as it began: choose another --out",
                )
        if finished and not changed:
            click.echo(f"radscribe: {out}: is finished; give more epochs to go on", err=True)
            return False
    if is_main():
        out.mkdir(parents=True, exist_ok=True)
        (out / README).unlink(missing_ok=True)
        save(config, out / CONFIG)
    return True


def finish(out: Path, config: RunConfig, manifest: Manifest, fitted: Fitted) -> None:
    """Draw the curves and write the README, the last of a run's files."""
    draw(fitted.rows, fitted.best_epoch, out / CURVES)
    (out / README).write_text(describe(config, manifest, fitted), encoding="utf-8")

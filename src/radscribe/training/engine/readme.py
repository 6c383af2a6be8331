"""`RUN/README.md`: what was run, on what data, from which commit, with which result."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path

import torch

import radscribe
from radscribe.data.manifest import Manifest
from radscribe.training.config import CONFIG, RunConfig, shown
from radscribe.training.engine.curves import CURVES
from radscribe.training.engine.history import LOG, METRICS
from radscribe.training.engine.run import Fitted

README = "README.md"
PACKAGES = ("torch", "lightning", "numpy", "onnx")
TIMES = ("epoch", "step", "seconds", "learning_rate")


def describe(config: RunConfig, manifest: Manifest, fitted: Fitted) -> str:
    """The text, Markdown."""
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
    with manifest.path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
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
            f"Configuration where it is not the default (all of it: `{CONFIG}`):",
            _table({key: shown(value) for key, value in settings.items()}),
        ],
        "Data": [
            _table(
                {
                    "manifest": str(manifest.path),
                    "SHA-256": digest,
                    "source": manifest.header.source,
                    "licence": manifest.header.licence or "not told",
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
    text = "".join(f"\n## {title}\n\n" + "\n\n".join(body) + "\n" for title, body in sections.items())
    return f"# A run of radscribe\n\nIts captions are drafts for research, not for diagnosis.\n{text}"


def command() -> str:
    """The command line of this process, as a user types it."""
    name = Path(sys.argv[0]).name
    ours = name in ("radscribe", "main.py")
    return shlex.join(["radscribe", *sys.argv[1:]] if ours else ["python", name, *sys.argv[1:]])


def commit() -> str:
    """The version, and the commit where this is a checkout, `-dirty` where files differ from it."""
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

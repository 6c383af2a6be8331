"""The lines of the table: one YAML file each in `configs/`, by name.

Where a line has `init_from`, it names another line: it starts from that line's run of the same seed.
"""

from __future__ import annotations

from pathlib import Path

from radscribe.training.config import DecoderConfig, load, read_table

CONFIGS = Path(__file__).with_name("configs")
NAMES: tuple[str, ...] = tuple(sorted(path.stem for path in CONFIGS.glob("*.yaml")))


def starts_from(name: str) -> str:
    """The line whose run a line starts from; empty where it starts anew."""
    return str(read_table(CONFIGS / f"{name}.yaml").get("init_from", ""))


def run_of(out: Path, name: str, seed: int) -> Path:
    """The folder of a line's run of a seed."""
    return out / name / str(seed)


def configuration(out: Path, name: str, seed: int) -> DecoderConfig:
    """What the run is made with."""
    settings = [f"seed={seed}"]
    if first := starts_from(name):
        settings.append(f"init_from={run_of(out, first, seed)}")
    return load(DecoderConfig, CONFIGS / f"{name}.yaml", settings)

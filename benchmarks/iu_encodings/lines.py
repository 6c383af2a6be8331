"""The lines of a captioning benchmark: one YAML file each in a folder of configurations, by name.

The keys `init_from` and `teacher` name other lines: a line uses their runs of the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radscribe.training.config import DecoderConfig, load, read_table


@dataclass(frozen=True)
class Benchmark:
    """A folder of configurations, the data that they train on, and where their runs go.

    Parameters
    ----------
    data : Path
        Folder of the manifest.
    out : Path
        Folder of the runs: one per line and seed.
    configs : Path
        Folder of the lines' YAML files.
    encoder : Path, optional
        Encoder run whose features the decoders read (default: the features beside the manifest).
    """

    data: Path
    out: Path
    configs: Path
    encoder: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the lines."""
        return tuple(sorted(path.stem for path in self.configs.glob("*.yaml")))

    @property
    def cache(self) -> Path:
        """Folder of the encoder's features, which all runs share."""
        return self.out / "features"

    def needs(self, name: str) -> dict[str, str]:
        """Return the lines whose runs a line uses, by the key that names them."""
        table = read_table(self.configs / f"{name}.yaml")
        return {key: str(table[key]) for key in ("init_from", "teacher") if table.get(key)}

    def run_of(self, name: str, seed: int) -> Path:
        """Return the folder of a line's run of a seed."""
        return self.out / name / str(seed)

    def configuration(self, name: str, seed: int) -> DecoderConfig:
        """Return the settings of a run."""
        settings = [f"seed={seed}"]
        settings += [f"{key}={self.run_of(line, seed)}" for key, line in self.needs(name).items()]
        if self.encoder is not None:
            settings += [f"encoder={self.encoder}", f"cache={self.cache}"]
        return load(DecoderConfig, self.configs / f"{name}.yaml", settings)

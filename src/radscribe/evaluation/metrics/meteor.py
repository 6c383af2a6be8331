"""METEOR 1.5 (Denkowski & Lavie, WMT 2014), computed by its own Java program.

Without Java or the jar there is no METEOR. The jar comes with `pip install pycocoevalcap`, or
`RADSCRIBE_METEOR_JAR` names it. It runs as in coco-caption: language English, normalised text, and the score
of the corpus from statistics summed over studies. The locale is fixed, because the jar prints and reads
numbers with the decimal sign of the machine's locale.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radscribe.evaluation.metrics.base import Corpus

VARIABLE = "RADSCRIBE_METEOR_JAR"
LOCALE = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8")
# Options in these variables come before ours and make Java print an extra line.
JAVA_VARIABLES = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS")
_SEPARATOR = " ||| "


@dataclass(frozen=True, slots=True)
class Meteor:
    """A score, or the reason why there is none."""

    score: float | None
    reason: str | None = None


def jar() -> Path | None:
    """Return the path of the jar, or None."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    found = importlib.util.find_spec("pycocoevalcap")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "meteor" / "meteor-1.5.jar"
        if path.is_file():
            return path
    return None


def meteor(corpora: Sequence[Corpus]) -> list[Meteor]:
    """Return METEOR of each corpus. One Java process serves all."""
    java, path = shutil.which("java"), jar()
    if java is None:
        return [Meteor(None, "no Java on this machine")] * len(corpora)
    if path is None or not path.is_file():
        return [Meteor(None, "no meteor-1.5.jar: pip install pycocoevalcap")] * len(corpora)
    command = [java, *LOCALE, "-Xmx2G", "-jar", path.name, "-", "-", "-stdio", "-l", "en", "-norm"]
    environment = {key: value for key, value in os.environ.items() if key not in JAVA_VARIABLES}
    try:
        with subprocess.Popen(
            command,
            cwd=path.resolve().parent,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        ) as process:
            return [Meteor(_score(process, corpus)) for corpus in corpora]
    except (OSError, ValueError) as error:
        return [Meteor(None, f"the jar failed ({error})")] * len(corpora)


def _score(process: subprocess.Popen[str], corpus: Corpus) -> float:
    """The jar's dialogue: statistics of each study, then the score of all."""
    statistics: list[str] = []
    for caption, references in zip(corpus.captions, corpus.references, strict=True):
        texts = [" ".join(words) for words in (*references, caption)]
        statistics.append(_ask(process, _SEPARATOR.join(("SCORE", *texts))))
    assert process.stdin is not None
    process.stdin.write(_SEPARATOR.join(("EVAL", *statistics)) + "\n")
    process.stdin.flush()
    for _ in statistics:
        _read(process)  # of each study
    return float(_read(process))


def _ask(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return _read(process)


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    if not (line := process.stdout.readline()):
        raise ValueError("it ended early")
    return line.strip()

"""BLEU, ROUGE-L and CIDEr-D are those of pycocoevalcap to 1e-6; METEOR is that of its jar."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from radscribe.evaluation.metrics.base import Corpus
from radscribe.evaluation.metrics.meteor import meteor
from radscribe.evaluation.metrics.registry import score
from radscribe.evaluation.tokenisation import TOKENIZATIONS, Tokens

pytest.importorskip("pycocoevalcap", reason="pycocoevalcap is a development dependency")


def coco(captions: list[Tokens], references: list[list[Tokens]]) -> dict[str, float]:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    said = {i: [" ".join(words)] for i, words in enumerate(captions)}
    written = {i: [" ".join(words) for words in texts] for i, texts in enumerate(references)}
    bleu, _ = Bleu(4).compute_score(written, said, verbose=0)
    return {
        **{f"bleu_{order}": bleu[order - 1] for order in range(1, 5)},
        "rouge_l": float(Rouge().compute_score(written, said)[0]),
        "cider_d": float(Cider().compute_score(written, said)[0]),
    }


def agree(captions: list[Tokens], references: list[list[Tokens]]) -> None:
    mine, theirs = score(Corpus(captions, references)), coco(captions, references)
    assert {name: mine[name] for name in theirs} == pytest.approx(theirs, abs=1e-6)


@pytest.fixture(scope="module")
def iu(shared_data: Path) -> dict[str, list[Tokens]]:
    table = json.loads((shared_data / "iu" / "annotation.json").read_text())
    split = TOKENIZATIONS["plain"]
    return {part: [split.tokens(row["report"]) for row in rows] for part, rows in table.items()}


@pytest.mark.parametrize(
    ("kind", "references", "n"),
    [("constant", 1, 590), ("random", 1, 590), ("noisy", 1, 590), ("noisy", 3, 150)],
)
def test_equal_on_real_reports(iu: dict[str, list[Tokens]], kind: str, references: int, n: int) -> None:
    test, generator = iu["test"][:n], random.Random(0)
    captions = {
        "constant": [iu["train"][5]] * len(test),
        "random": generator.choices(iu["train"], k=len(test)),
        "noisy": [tuple(word for word in words if generator.random() < 0.7) for words in test],
    }[kind]
    agree(captions, [[test[(i + k) % len(test)] for k in range(references)] for i in range(len(test))])


def test_equal_on_empty_and_one_word_reports() -> None:
    captions: list[Tokens] = [(), ("normal",), ("normal",), ("no", "no", "no", "effusion"), ()]
    references: list[list[Tokens]] = [
        [("normal", "chest")],
        [("normal",)],
        [("no", "effusion"), ("normal",)],
        [("no", "effusion"), ("no", "pleural", "effusion", "no")],
        [("clear",), ("lungs", "clear")],
    ]
    agree(captions, references)
    agree([()] * 5, references)


def test_equal_where_every_reference_is_the_same_or_there_is_one_study() -> None:
    agree([("no", "effusion")] * 3, [[("no", "effusion")]] * 3)
    agree([("no", "effusion", "seen")], [[("no", "effusion")]])


@pytest.mark.parametrize("seed", range(5))
def test_equal_on_random_words(seed: int) -> None:
    generator = random.Random(seed)

    def text() -> Tokens:
        return tuple(generator.choices("abcde", k=generator.randrange(0, 12)))

    captions = [text() for _ in range(20)]
    agree(captions, [[text() or ("a",) for _ in range(generator.randrange(1, 4))] for _ in captions])


# Answers like the jar: each SCORE line with what it holds, an EVAL line with a score a study and one of all.
STAND_IN = """#!{python}
import sys
assert sys.argv[-1] == "-norm"
assert "-Duser.language=en" in sys.argv and "-Duser.country=US" in sys.argv
import os
assert "JAVA_TOOL_OPTIONS" not in os.environ
for line in sys.stdin:
    kind, *parts = line.rstrip("\\n").split(" ||| ")
    if kind == "SCORE":
        print(len(parts[-1].split()), len(parts) - 1, flush=True)
    else:
        for part in parts:
            print(0.5)
        print(sum(int(part.split()[0]) for part in parts) / 100, flush=True)
"""


def test_meteor_is_what_the_jar_says_of_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dialogue; benchmarks/evaluation/parity.py has the jar itself beside pycocoevalcap."""
    java = tmp_path / "java"
    java.write_text(STAND_IN.format(python=sys.executable))
    java.chmod(0o755)
    (tmp_path / "meteor.jar").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Duser.language=de")
    monkeypatch.setenv("RADSCRIBE_METEOR_JAR", str(tmp_path / "meteor.jar"))
    corpus = Corpus([("a", "b"), ()], [[("a",)], [("b",), ("c", "d")]])
    assert [found.score for found in meteor([corpus, corpus])] == [0.02, 0.02]
    java.write_text(f"#!{sys.executable}\n")
    failed = meteor([corpus])[0]
    assert failed.score is None
    assert failed.reason
    assert "ended early" in failed.reason


def test_without_java_there_is_no_meteor_and_no_look_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    found = meteor([Corpus([("a",)], [[("a",)]])])[0]
    assert found.score is None
    assert found.reason
    assert "Java" in found.reason
    assert "meteor" not in score(Corpus([("a",)], [[("a",)]]))

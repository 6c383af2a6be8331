"""Warnings: what a reader must know before the first number, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from radscribe.evaluation.findings import assertions
from radscribe.evaluation.findings.assertions import FINDINGS
from radscribe.evaluation.metrics.registry import TITLES
from radscribe.evaluation.records import Evaluation
from radscribe.evaluation.system_scores import SystemScores

HEADLINES = ("bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1")
SAME = 0.2  # share of one caption that is worth a warning
FEW_FINDINGS = 0.5  # ratio of abnormal findings in captions to those in references
SIGNIFICANT = 0.05
SMALL = 100  # studies


def overlap(result: Evaluation) -> list[str]:
    """Leaks, which make every other number worthless."""
    return list(result.task.overlaps)


def below_baselines(result: Evaluation) -> list[str]:
    """Headline scores that a baseline reaches."""
    out: list[str] = []
    for group, title in _groups(result.baselines):
        below: list[str] = []
        level: list[str] = []
        for name in HEADLINES:
            best = _best(group, name)
            gap = result.differences[best.name][name].difference
            digits = 3 if abs(gap) >= 0.001 else 5
            mine, theirs = result.system.values[name], best.values[name]
            told = f"{TITLES[name]} ({mine:.{digits}f}, there {theirs:.{digits}f})"
            if gap < 0:
                below.append(told)
            elif gap == 0 and best.values[name] > 0:
                level.append(told)
        out += [f"Below {title} on {_list(below)}."] if below else []
        out += [f"No better than {title} on {_list(level)}."] if level else []
    return out


def not_told_apart(result: Evaluation) -> list[str]:
    """Headline scores above the best constant, but not by more than chance."""
    group = next((group for group, title in _groups(result.baselines) if "constant" in title), [])
    if not group:
        return []
    unsure: list[str] = []
    for name in HEADLINES:
        best = _best(group, name)
        gap = result.differences[best.name][name]
        if gap.difference > 0 and gap.p_value is not None and gap.p_value > SIGNIFICANT:
            unsure.append(f"{TITLES[name]} (p = {gap.p_value:.2f})")
    return [f"Above the best constant, but not beyond chance, on {_list(unsure)}."] if unsure else []


def ignores_the_image(result: Evaluation) -> list[str]:
    """CIDEr-D that does not fall when captions are exchanged between studies."""
    if result.shuffled is None or result.system.distinct < 2:
        return []  # one caption for all: `repeats` says so
    gap = result.differences[result.shuffled.name]["cider_d"]
    if gap.difference > 0 and (gap.interval is None or gap.interval[0] > 0):
        return []
    mine, theirs = result.system.values["cider_d"], result.shuffled.values["cider_d"]
    return [
        f"Captions do not fit their own study better than others: CIDEr-D is {mine:.3f}, and {theirs:.3f} if "
        "captions are exchanged between studies."
    ]


def repeats(result: Evaluation) -> list[str]:
    """One caption for many studies."""
    text, count = Counter(result.system.tokens).most_common(1)[0]
    share = count / result.n
    if result.n < 2 or share < SAME:
        return []
    said = " ".join(text) or "nothing"
    told = said if len(said) <= 90 else said[:90] + "…"
    return [f"{share:.0%} of captions are the same: “{told}”"]


def silent(result: Evaluation) -> list[str]:
    """Captions that hardly ever assert something abnormal."""
    said = assertions.asserted(result.system.codes, result.settings.uncertain)[:, assertions.ABNORMAL]
    written = assertions.asserted(result.scorer.codes, result.settings.uncertain)[:, assertions.ABNORMAL]
    if not said.any():
        return ["No abnormal finding is ever asserted."]
    out: list[str] = []
    if said.sum() < FEW_FINDINGS * written.sum():
        out.append(
            f"Abnormal findings are asserted {int(said.sum())} times; the references assert "
            f"{int(written.sum())}."
        )
    return out


def never_asserted(result: Evaluation) -> list[str]:
    """Findings that references assert at least ten times and captions never."""
    said = assertions.asserted(result.system.codes, result.settings.uncertain).sum(0)
    written = assertions.asserted(result.scorer.codes, result.settings.uncertain).sum(0)
    names = [
        f"{name.replace('_', ' ')} ({written[place]})"
        for place, name in enumerate(FINDINGS)
        if written[place] >= 10 and not said[place] and said.any()
    ]
    return [f"Never asserted, though references do: {', '.join(names)}."] if names else []


def reading(result: Evaluation) -> list[str]:
    """Texts that were cut, replaced, missing or few."""
    task, tokenization = result.task, result.settings.tokenization
    truncated = sum(map(tokenization.truncates, task.references.texts))
    empty = max(captions.empty for captions in task.seeds)
    left_out = len(task.references.left_out)
    out: list[str] = []
    if truncated:
        out.append(f"References were truncated: {truncated} of {result.n} lost their end.")
    if tokenization.vocabulary is not None:
        out.append("Words that the vocabulary lacks were replaced in references: scores are flattered.")
    if empty:
        out.append(f"{empty} of {result.n} studies have no caption and are scored as empty.")
    if left_out:
        out.append(f"{left_out} studies have no reference text in this section and are not scored.")
    if result.n < SMALL:
        out.append(f"Only {result.n} studies: intervals are wide.")
    return out


# In the order of the page.
WARNINGS: tuple[Callable[[Evaluation], list[str]], ...] = (
    overlap,
    below_baselines,
    ignores_the_image,
    repeats,
    silent,
    never_asserted,
    not_told_apart,
    reading,
)


def all_warnings(result: Evaluation) -> list[str]:
    """Return every warning, gravest first."""
    return [text for warning in WARNINGS for text in warning(result)]


def _groups(baselines: Sequence[SystemScores]) -> list[tuple[list[SystemScores], str]]:
    constants = [b for b in baselines if b.name.startswith("best_constant")]
    others = [([b], f"the baseline “{b.name.replace('_', ' ')}”") for b in baselines if b not in constants]
    return ([(constants, "the best constant")] if constants else []) + others


def _best(group: Sequence[SystemScores], name: str) -> SystemScores:
    return max(group, key=lambda scored: scored.values[name])


def _list(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"

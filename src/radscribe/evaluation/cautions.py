"""What a reader must know before the first number, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from radscribe.evaluation import clinical
from radscribe.evaluation.clinical import FINDINGS, Uncertain
from radscribe.evaluation.metrics import TITLES
from radscribe.evaluation.scored import Difference, Scored

HEADLINES = ("bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1")
SAME = 0.2  # share of one caption from which on it is said
FEW_FINDINGS = 0.5  # assertions of abnormal findings, beside the references', below which it is said
SIGNIFICANT = 0.05
SMALL = 100  # studies


@dataclass(frozen=True, slots=True)
class Case:
    """All that a caution may look at.

    Parameters
    ----------
    differences : of the system to each baseline, by its name.
    overlaps : in words, what of the scored part stands in another part too.
    truncated : references that the tokenization cut.
    empty : studies without a caption, scored as empty.
    left_out : studies without a reference text.
    """

    system: Scored
    baselines: Sequence[Scored]
    differences: dict[str, dict[str, Difference]]
    reference_codes: clinical.Codes
    uncertain: Uncertain
    overlaps: Sequence[str] = ()
    truncated: int = 0
    unknown_words: bool = False
    empty: int = 0
    left_out: int = 0

    @property
    def n(self) -> int:
        """Studies scored."""
        return len(self.system.captions)


def overlap(case: Case) -> list[str]:
    """Leaks come first: they make every other number worthless."""
    return list(case.overlaps)


def below_baselines(case: Case) -> list[str]:
    """Headline scores that a baseline reaches: the best of the constants, or another baseline."""
    out: list[str] = []
    for group, title in _groups(case.baselines):
        below: list[str] = []
        level: list[str] = []
        for name in HEADLINES:
            best = _best(group, name)
            gap = case.differences[best.name][name].difference
            digits = 3 if abs(gap) >= 0.001 else 5
            mine, theirs = case.system.values[name], best.values[name]
            told = f"{TITLES[name]} ({mine:.{digits}f}, there {theirs:.{digits}f})"
            if gap < 0:
                below.append(told)
            elif gap == 0 and best.values[name] > 0:
                level.append(told)
        out += [f"Below {title} on {_list(below)}."] if below else []
        out += [f"No better than {title} on {_list(level)}."] if level else []
    return out


def not_told_apart(case: Case) -> list[str]:
    """Headline scores above the best constant, but not by more than chance."""
    group = next((group for group, title in _groups(case.baselines) if "constant" in title), [])
    if not group:
        return []
    unsure: list[str] = []
    for name in HEADLINES:
        best = _best(group, name)
        gap = case.differences[best.name][name]
        if gap.difference > 0 and gap.p_value is not None and gap.p_value > SIGNIFICANT:
            unsure.append(f"{TITLES[name]} (p = {gap.p_value:.2f})")
    return [f"Above the best constant, but not beyond chance, on {_list(unsure)}."] if unsure else []


def repeats(case: Case) -> list[str]:
    """One sentence for many studies."""
    text, count = Counter(case.system.tokens).most_common(1)[0]
    share = count / case.n
    if case.n < 2 or share < SAME:
        return []
    said = " ".join(text) or "nothing"
    told = said if len(said) <= 90 else said[:90] + "…"
    return [f"{share:.0%} of captions are the same: “{told}”"]


def silent(case: Case) -> list[str]:
    """Captions that hardly ever assert something abnormal."""
    said = clinical.asserted(case.system.codes, case.uncertain)[:, clinical.ABNORMAL]
    written = clinical.asserted(case.reference_codes, case.uncertain)[:, clinical.ABNORMAL]
    if not said.any():
        return ["No abnormal finding is ever asserted."]
    out: list[str] = []
    if said.sum() < FEW_FINDINGS * written.sum():
        out.append(
            f"Abnormal findings are asserted {int(said.sum())} times; the references assert "
            f"{int(written.sum())}."
        )
    return out


def never_asserted(case: Case) -> list[str]:
    """Findings that references assert at least ten times and captions never."""
    said = clinical.asserted(case.system.codes, case.uncertain).sum(0)
    written = clinical.asserted(case.reference_codes, case.uncertain).sum(0)
    names = [
        f"{name.replace('_', ' ')} ({written[place]})"
        for place, name in enumerate(FINDINGS)
        if written[place] >= 10 and not said[place] and said.any()
    ]
    return [f"Never asserted, though references do: {', '.join(names)}."] if names else []


def reading(case: Case) -> list[str]:
    """What was done to texts before they were scored."""
    out: list[str] = []
    if case.truncated:
        out.append(f"References were truncated: {case.truncated} of {case.n} lost their end.")
    if case.unknown_words:
        out.append("Words that the vocabulary lacks were replaced in references: scores are flattered.")
    if case.empty:
        out.append(f"{case.empty} of {case.n} studies have no caption and are scored as empty.")
    if case.left_out:
        out.append(f"{case.left_out} studies have no reference text in this section and are not scored.")
    if case.n < SMALL:
        out.append(f"Only {case.n} studies: intervals are wide.")
    return out


# In the order of the page.
CAUTIONS: tuple[Callable[[Case], list[str]], ...] = (
    overlap,
    below_baselines,
    repeats,
    silent,
    never_asserted,
    not_told_apart,
    reading,
)


def cautions(case: Case) -> list[str]:
    """Every warning, the gravest first."""
    return [text for caution in CAUTIONS for text in caution(case)]


def _groups(baselines: Sequence[Scored]) -> list[tuple[list[Scored], str]]:
    constants = [b for b in baselines if b.name.startswith("best_constant")]
    others = [([b], f"the baseline “{b.name.replace('_', ' ')}”") for b in baselines if b not in constants]
    return ([(constants, "the best constant")] if constants else []) + others


def _best(group: Sequence[Scored], name: str) -> Scored:
    return max(group, key=lambda scored: scored.values[name])


def _list(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"

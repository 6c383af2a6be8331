"""The page's sections on scores, wording and method."""

from __future__ import annotations

from collections.abc import Sequence

from radscribe.evaluation.findings.reading_errors import LOWER_IS_BETTER, READING_SCORES
from radscribe.evaluation.metrics import wording
from radscribe.evaluation.metrics.registry import TITLES
from radscribe.evaluation.page.markup import Markup, escape, join, table, tag
from radscribe.evaluation.page.plots import Row, dots, histogram, key
from radscribe.evaluation.records import Evaluation, seed_spread
from radscribe.evaluation.scores_file import overall_signature, signatures
from radscribe.evaluation.system_scores import SystemScores
from radscribe.evaluation.warnings import HEADLINES, SIGNIFICANT

PLOTTED = ("bleu_1", "bleu_4", "rouge_l", "cider_d", "micro_f1", "macro_f1")
TABLED = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "cider_d", "micro_f1", "macro_f1")


def title(one: SystemScores) -> str:
    """Return a name for people."""
    return (
        one.name.replace("_", " ")
        .replace("cider d", "(CIDEr-D)")
        .replace("constant findings", "constant (F1)")
    )


def warnings(evaluation: Evaluation) -> Markup:
    """Return what must be known before the first number."""
    items = [tag("li", text) for text in evaluation.warnings]
    if not items:
        return tag(
            "p", "No warning: no baseline is as good, captions vary, and no overlap was found.", class_="card"
        )
    return tag("section", tag("h2", "Read this first"), tag("ul", *items), class_="card warnings")


def tiles(evaluation: Evaluation) -> Markup:
    """Return the figures that matter to a reader of captions."""
    n, normal, errors = evaluation.n, evaluation.normal, evaluation.errors
    abnormal = n - normal.references_normal
    told = [
        (f"{normal.sensitivity:.0%}", f"of {abnormal} abnormal studies have a caption that says so"),
        (f"{normal.specificity:.0%}", f"of {normal.references_normal} normal studies are called normal"),
        (f"{errors.hallucinated:.2f}", "findings invented, per report"),
        (f"{errors.missed:.2f}", "findings missed, per report"),
        (f"{errors.negated:.2f}", "findings contradicted, per report"),
        (
            f"{errors.sides_wrong} of {errors.sides_compared}",
            "findings on the wrong side, where both name one",
        ),
        (f"{evaluation.system.distinct}", f"different captions for {n} studies"),
        (f"{wording.vocabulary_used(evaluation.system.tokens)}", "different words used"),
    ]
    return tag(
        "div", *(tag("div", tag("b", b), tag("span", s), class_="tile") for b, s in told), class_="tiles"
    )


def scores(evaluation: Evaluation) -> Markup:
    """Return plots and a table of the system beside its baselines."""
    controls = [evaluation.shuffled] if evaluation.shuffled else []
    everyone = (evaluation.system, *evaluation.others, *controls)
    plots = [
        dots(
            [
                Row(title(one), one.values[name], _interval(evaluation, one, name), one is evaluation.system)
                for one in everyone
            ],
            TITLES[name],
        )
        for name in PLOTTED
    ]
    resampled = evaluation.task.references.resampled
    return join(
        [
            tag("h2", "Beside what needs no model"),
            tag(
                "p",
                f"Bars are {evaluation.settings.confidence:.0%} intervals from {evaluation.settings.rounds} "
                f"bootstrap rounds over whole {'patients' if resampled == 'patient' else 'studies'}. The "
                "dashed line is the best of the others. Constants were chosen on validation data.",
                class_="note",
            ),
            tag("div", *plots, class_="grid"),
            _table(evaluation, everyone),
            _descriptions(evaluation),
            *([_compared(evaluation, other) for other in evaluation.compared]),
            *([_seeds(evaluation)] if len(evaluation.seeds) > 1 else []),
        ]
    )


def _interval(evaluation: Evaluation, one: SystemScores, name: str) -> tuple[float, float] | None:
    return one.interval(name, evaluation.settings.confidence)


def _table(evaluation: Evaluation, everyone: Sequence[SystemScores]) -> Markup:
    meteor = any(one.meteor.score is not None for one in everyone)
    rows = []
    for one in everyone:
        cells: list[object] = [title(one)]
        for name in TABLED:
            pair = _interval(evaluation, one, name)
            between = tag("small", f"{pair[0]:.3f}–{pair[1]:.3f}") if pair else ""
            cells.append(join([f"{one.values[name]:.3f}", between]))
        if meteor:
            cells.append("–" if one.meteor.score is None else f"{one.meteor.score:.3f}")
        cells.append(str(one.distinct))
        rows.append(cells)
    head = ["captions", *(TITLES[name].replace("findings, ", "") for name in TABLED)]
    head += [*(["METEOR"] if meteor else []), "distinct"]
    return table(head, rows, "scores")


def _descriptions(evaluation: Evaluation) -> Markup:
    items: list[Markup] = []
    for one in (*evaluation.baselines, *([evaluation.shuffled] if evaluation.shuffled else [])):
        said = f" “{one.constant}”" if one.constant else ""
        items.append(join([tag("dt", title(one)), tag("dd", one.description + "." + said)]))
    return tag("dl", *items) if items else escape("")


def _compared(evaluation: Evaluation, other: SystemScores) -> Markup:
    rows = []
    for name in (*HEADLINES, "bleu_1", "micro_precision", "micro_recall", *READING_SCORES):
        gap = evaluation.differences[other.name][name]
        kind = "better" if (gap.difference > 0) != (name in LOWER_IS_BETTER) else "worse"
        if gap.p_value is None or gap.p_value > SIGNIFICANT:
            kind = "note"
        between = f"{gap.interval[0]:+.3f} to {gap.interval[1]:+.3f}" if gap.interval else "–"
        rows.append(
            [
                TITLES.get(name, name.replace("_", " ")),
                f"{evaluation.system.values[name]:.3f}",
                f"{other.values[name]:.3f}",
                tag("span", f"{gap.difference:+.3f}", class_=kind),
                between,
                "–" if gap.p_value is None else f"{gap.p_value:.3f}",
            ]
        )
    head = ["score", title(evaluation.system), title(other), "difference", "interval", "p (paired bootstrap)"]
    return join([tag("h2", f"{title(evaluation.system)} and {title(other)}"), table(head, rows)])


def _seeds(evaluation: Evaluation) -> Markup:
    spread = seed_spread(evaluation.seeds)
    rows = [
        [
            TITLES.get(name, name),
            f"{spread[name][0]:.3f} ± {spread[name][1]:.3f}",
            *(f"{seed.values[name]:.3f}" for seed in evaluation.seeds),
        ]
        for name in (*TABLED,)
    ]
    head = ["score", "mean ± standard deviation", *(seed.name for seed in evaluation.seeds)]
    return join([tag("h2", f"{len(evaluation.seeds)} seeds"), table(head, rows)])


def wording_section(evaluation: Evaluation) -> Markup:
    """Return lengths and the most frequent captions."""
    lengths = [len(words) for words in evaluation.system.tokens]
    references = [len(texts[0]) for texts in evaluation.scorer.references]
    legend = tag("p", key("system", "captions"), "outline: references", class_="note")
    plot = histogram(lengths, references, "Words of captions and of references")
    rows = [
        [str(count), f"{count / evaluation.n:.0%}", text or tag("i", "nothing")]
        for text, count in wording.most_frequent(evaluation.system.captions, 8)
    ]
    values = evaluation.system.values
    return join(
        [
            tag("h2", "Wording"),
            tag("div", tag("h3", "Length in words"), legend, plot, class_="card"),
            tag(
                "p",
                f"Captions have {values['length_ratio']:.2f} times the references' words; "
                f"{values['exact_match']:.1%} are word for word the same as their reference.",
                class_="note",
            ),
            tag("h3", "Most frequent captions"),
            table(["times", "share", "caption"], rows, "captions"),
        ]
    )


def method(evaluation: Evaluation) -> Markup:
    """Return signatures: what each number depends on."""
    items = [
        join([tag("dt", TITLES.get(name, name.replace("_", " "))), tag("dd", tag("code", text))])
        for name, text in signatures(evaluation).items()
        if name != "meteor" or evaluation.system.meteor.score is not None
    ]
    reason = evaluation.system.meteor.reason
    notes = [*([f"METEOR: {reason}"] if reason else []), *evaluation.task.notes]
    return join(
        [
            tag("h2", "How it was scored"),
            tag("p", tag("code", overall_signature(evaluation))),
            *(tag("p", note, class_="note") for note in notes),
            tag("dl", *items),
        ]
    )

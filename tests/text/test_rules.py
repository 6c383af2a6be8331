"""Each rule on bits of real reports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radscribe.errors import UsageError
from radscribe.text.redaction import drop_redacted
from radscribe.text.report import Report
from radscribe.text.rules import (
    RULES,
    TARGET_RULES,
    collapse_spaces,
    drop_comparisons,
    drop_enumeration,
    drop_measurements,
    drop_punctuation,
    drop_unseen,
    mend_mojibake,
    normalise,
)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("The patient\ufffds hospital c", "The patient's hospital c"),
        ("fever of 39.6\ufffdC with", "fever of 39.6°C with"),
        ("fever (37.8 \ufffd) and", "fever (37.8°C) and"),
        ("temperature was 38\ufffd6\ufffdC", "temperature was 38.6°C"),
        ("normal 150\ufffd400", "normal 150-400"),
        ("exposed to a \ufffdwet market\ufffd (", 'exposed to a "wet market" ('),
        ("organisms \ufffd such as", "organisms - such as"),
        ("count 0.8 \ufffd 109/l", "count 0.8×109/l"),
        ("First People’s Hospital, “fever”", 'First People\'s Hospital, "fever"'),
        ("donâ€™t, 38Â°C, bioMÃ©rieux", "don't, 38°C, bioMérieux"),
        ("vascularity is normal.&gt;]", "vascularity is normal.>]"),
        ("The previously<BR>described deformity", "The previously described deformity"),
        ("Ãbroken stays", "Ãbroken stays"),
    ],
)
def test_mend_mojibake(broken: str, mended: str) -> None:
    assert mend_mojibake(broken) == mended


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("XXXX opacities are present in the left lung base.", "Opacities are present in the left lung base."),
        ("There are no XXXX of a pleural effusion.", "There is no pleural effusion."),
        ("No XXXX of pleural effusions.", "No pleural effusions."),
        ("Normal chest x-XXXX.", "Normal chest x-ray."),
        ("There are changes of XXXX sternotomy and CABG.", "There are changes of sternotomy and CABG."),
        (
            "Nodule is stable compared to prior examination from XXXX.",
            "Nodule is stable compared to prior examination.",
        ),
        ("There is an XXXX nodule. Scar.", "There is a nodule. Scar."),
        ("The XXXX are intact. No edema.", "No edema."),
        ("Streaky bibasilar opacities, XXXX atelectasis.", ""),
        ("Left lower lobe opacity XXXX representing atelectasis.", ""),
        ("No XXXX infiltrates.", ""),
        ("Calcified right hilar lymph XXXX.", ""),
        ("Lungs are clear.", "Lungs are clear."),
    ],
)
def test_drop_redacted(text: str, dropped: str) -> None:
    assert drop_redacted(text) == dropped


def test_drop_enumeration() -> None:
    assert drop_enumeration("1. No acute disease 2. Scar.") == "No acute disease. Scar."


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("There is a 1.4 cm nodule.", "There is a nodule."),
        ("A mass, measuring approximately 5.8 cm x 6.0 cm in diameter.", "A mass."),
        ("There is an 8mm nodule at T8-T9.", "There is a nodule at T8-T9."),
        ("Pneumothorax with 10 mm in maximal thickness.", "Pneumothorax."),
    ],
)
def test_drop_measurements(text: str, dropped: str) -> None:
    assert drop_measurements(text) == dropped


def test_collapse_spaces() -> None:
    assert (
        collapse_spaces("No  edema ..\nHeart normal .The end.Next") == "No edema. Heart normal. The end. Next"
    )


def test_drop_comparisons_and_unseen() -> None:
    text = "Heart size is unchanged. No edema. Lateral view is limited."
    assert drop_comparisons(text) == "No edema. Lateral view is limited."
    assert drop_unseen(text) == "Heart size is unchanged. No edema."


def test_drop_punctuation_keeps_numbers_and_words_whole() -> None:
    assert (
        drop_punctuation("T8-T9 (level), 1.5 cm; patient's and/or - no. 3.")
        == "T8-T9 level 1.5 cm patient's and/or no 3"
    )


def test_normalise_notes_its_rules_and_leaves_the_question_alone() -> None:
    report = Report(comparison="Compared to XXXX", findings="Stable HEART.  No edema.", impression="Normal.")
    done = normalise(report, ["drop_comparisons", "lower"])
    assert done == Report("", "compared to xxxx", "no edema.", "normal.", ("drop_comparisons", "lower"))
    assert normalise(done, ["collapse_spaces"]).normalised == ("drop_comparisons", "lower", "collapse_spaces")


def test_target_rules_leave_nothing_that_was_not_given() -> None:
    text = "1. Heart size is unchanged. 2. XXXX scarring left base.  3. PA and lateral views. 4. No edema."
    assert normalise(Report(findings=text), TARGET_RULES).findings == "Scarring left base. No edema."


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(UsageError, match=r"no text rule 'upper'; choose from mend_mojibake"):
        normalise(Report(), ["upper"])


@pytest.mark.parametrize("name", RULES)
@given(text=st.text(alphabet="aA1.,:-'\"x X\ufffdÂâ€\n", max_size=30))
def test_rules_take_any_text(name: str, text: str) -> None:
    once = RULES[name](text)
    assert len(once) <= 2 * len(text) + 2

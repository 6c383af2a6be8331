"""Tokenizations do what their names promise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from radscribe.errors import DataError, UsageError
from radscribe.evaluation.tokenisation import TOKENIZATIONS, iu_xray, mimic_cxr, tokenization
from radscribe.evaluation.tokenisation import penn_treebank as ptb


def test_plain_drops_punctuation_and_case_and_keeps_decimals() -> None:
    words = TOKENIZATIONS["plain"].tokens("No EFFUSION; a follow-up of the 1.5 cm nodule. ﬁne")
    assert words == ("no", "effusion", "a", "follow", "up", "of", "the", "1.5", "cm", "nodule", "fine")


def test_r2gen_cuts_at_60_ids_and_says_so() -> None:
    r2gen = TOKENIZATIONS["r2gen"]
    long = "word " * 80
    assert len(r2gen.tokens(long)) == 59  # and the mark at the start
    assert r2gen.truncates(long)
    assert not r2gen.truncates("short report.")
    assert len(TOKENIZATIONS["r2gen-mimic"].tokens("word " * 200)) == 99
    assert not TOKENIZATIONS["plain"].truncates(long)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("The heart is normal. No effusion.", "the heart is normal . no effusion ."),
        ("1. Normal heart. 2. No effusion..", "normal heart . no effusion ."),
        ("A 1.5 cm nodule, (left); follow-up?", "a 15 cm nodule left follow-up ."),
        ("Dr. X's note", "dr . xs note ."),
        ("", "."),
    ],
)
def test_r2gen_cleaning_oddities_included(report: str, expected: str) -> None:
    assert " ".join(iu_xray(report)) == expected


def test_r2gen_cleaning_leaves_its_own_output_alone() -> None:
    once = " ".join(iu_xray("1. The heart is normal. 2. A 1.5 cm nodule is seen, left."))
    assert " ".join(iu_xray(once)) == once


def test_mimic_cleaning_drops_blanks_and_line_breaks() -> None:
    assert " ".join(mimic_cxr("Comparison ___.\nNo  effusion.")) == "comparison . no effusion ."


def test_unknown_words_are_marked_when_a_vocabulary_is_given(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text('["the", "heart", "."]')
    r2gen = tokenization("r2gen", path)
    assert r2gen.tokens("The heart enlarged.") == ("the", "heart", "<unk>", ".")
    assert r2gen.signature == "tok:r2gen|case:lower|vocabulary:3"
    path.write_text("the\nheart\n")
    assert tokenization("plain", path).tokens("the big heart") == ("the", "<unk>", "heart")


def test_wrong_names_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose one of plain"):
        tokenization("moses")
    path = tmp_path / "words.json"
    path.write_text('{"a": ')
    with pytest.raises(DataError, match="is not a vocabulary"):
        tokenization("plain", path)
    path.write_text("")
    with pytest.raises(DataError, match="no list of words"):
        tokenization("plain", path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The left-sided effusion (small) isn't 1.5 cm.",
            "the left-sided effusion -lrb- small -rrb- is n't 1.5 cm",
        ),
        ("XXXX-year-old with h/o CHF, and/or edema!", "xxxx-year-old with h/o chf and/or edema"),
        ("There cannot be 50% of it; patient's.", "there can not be 50 % of it patient 's"),
        ("Seen at 3 p.m. by Dr. X", "seen at 3 p.m. by dr. x"),
    ],
)
def test_ptb_on_what_reports_hold(text: str, expected: str) -> None:
    assert " ".join(ptb(text)) == expected


@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
def test_ptb_equals_the_java_tokenizer_on_real_reports(shared_data: Path) -> None:
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    table = json.loads((shared_data / "iu" / "annotation.json").read_text())
    texts = sorted({" ".join(row["report"].split()) for rows in table.values() for row in rows})
    theirs = PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(texts)})
    different = [text for i, text in enumerate(texts) if " ".join(ptb(text)) != theirs[i][0]]
    assert len(texts) > 2000
    assert len(different) <= 1  # one report of 2,266 has "CT." in the middle of a sentence

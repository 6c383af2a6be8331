"""Where tokens stand in a caption, and which finding they speak of."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from radscribe.bundle.format import describe, locate
from radscribe.cli.caption import marked
from radscribe.inference.caption import Caption, Token
from radscribe.inference.drafting import SILENT, WORDLESS, silence, token_spans
from radscribe.text.tokenizer import ReportTokenizer

TEXTS = [
    "the heart is mildly enlarged . no pleural effusion or pneumothorax .",
    "a 1.5 cm nodule (right upper lobe) ; follow-up of t12 , the patient's picc and 10 / 12 .",
    "low volumes . status post cabg . no acute cardio - pulmonary disease . isn't clear 50 % .",
]


@pytest.mark.parametrize("kind", ["word", "bpe"])
@pytest.mark.parametrize("text", TEXTS)
def test_spans_hold_the_tokens_and_nothing_else(kind: str, text: str) -> None:
    tokenizer = ReportTokenizer.train(TEXTS, min_frequency=1 if kind == "word" else 2, kind=kind)
    ids = tokenizer.encode(text)
    tokens, decoded = [tokenizer.token(i) for i in ids], tokenizer.decode(ids)
    spans = token_spans(decoded, tokens)
    assert [decoded[s.start : s.end].lower() for s in spans] == [t.removeprefix("##") for t in tokens]
    outside = set(range(len(decoded))) - {i for s in spans for i in range(s.start, s.end)}
    assert all(decoded[i] == " " for i in outside)
    assert all(a.end <= b.start for a, b in pairwise(spans))


def test_a_token_that_is_not_written_has_an_empty_place() -> None:
    spans = token_spans("No mass.", ["no", "<unk>", "mass", "."])
    assert [(s.start, s.end) for s in spans] == [(0, 2), (2, 2), (3, 7), (7, 8)]


def said(text: str) -> dict[str, tuple[str, str] | None]:
    words = text.replace(".", " .").split()
    spans = token_spans(text, words)
    return {
        word: (s.mention.finding, s.mention.status) if s.mention else None
        for word, s in zip(words, spans, strict=True)
    }


def test_words_carry_the_finding_that_they_name() -> None:
    words = said("There is a moderate left pleural effusion. No pneumothorax. Possible pneumonia.")
    assert words["effusion"] == ("Effusion", "present")
    assert words["pneumothorax"] == ("Pneumothorax", "absent")
    assert words["pneumonia"] == ("Pneumonia", "uncertain")
    assert words["There"] is None


def test_of_overlapping_mentions_the_shortest_counts() -> None:
    words = said("The lungs appear clear.")  # eight findings denied by one saying, and something normal
    assert words["clear"] == words["lungs"] == ("Atelectasis", "absent")
    words = said("The lungs show no effusion and are otherwise clear.")
    assert words["effusion"] == ("Effusion", "absent")
    assert words["lungs"] == ("Atelectasis", "absent")


def test_sections_are_parts_of_the_text_and_stand_apart() -> None:
    words = ["there", "is", "a", "mass", "no", "effusion", "."]
    tokenizer = ReportTokenizer.train(
        [" ".join(words)] * 2, vocabulary_size=50, min_frequency=1, sections=True
    )
    ids = tokenizer.encode("<findings> no effusion . there is a mass <impression> mass .")
    text, sections = tokenizer.decode(ids), tokenizer.decode_sections(ids)
    assert sections == {"findings": "No effusion. There is a mass", "impression": "Mass."}
    assert text == "No effusion. There is a mass Mass."
    spans = token_spans(text, [tokenizer.token(i) for i in ids])
    tokens = tuple(Token(text[s.start : s.end], 0.0, s.start, s.end) for s in spans)
    assert [token.text.lower() for token in tokens if token.text] == [
        *("no", "effusion", ".", "there", "is", "a", "mass", "mass", ".")
    ]
    caption = Caption("a", ("a.png",), "b", text=text, tokens=tokens, sections=sections)
    assert caption.section_starts() == {"findings": 0, "impression": 29}
    assert marked(caption) == "FINDINGS: No effusion. There is a mass IMPRESSION: Mass."
    doubtful = Token("Mass", 0.0, 29, 33, "Mass", "present", doubtful=True)
    caption = Caption("a", ("a.png",), "b", text=text, tokens=(doubtful,), sections=sections)
    assert marked(caption, "\n") == "FINDINGS: No effusion. There is a mass\nIMPRESSION: Mass (?)."


def test_a_vocabulary_without_sections_gives_none() -> None:
    tokenizer = ReportTokenizer.train(TEXTS, min_frequency=1)
    assert tokenizer.decode_sections(tokenizer.encode(TEXTS[0])) == {}


def test_a_caption_without_words_says_why() -> None:
    spec = describe(locate(None))
    assert silence(spec) == SILENT
    assert silence(msgspec.structs.replace(spec, assessment={})) == WORDLESS

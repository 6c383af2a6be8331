"""Word vectors in a decoder's embedding."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from radscribe.errors import UsageError
from radscribe.models import DECODERS
from radscribe.models.decoder import StudyFeatures
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.vocabulary import set_word_vectors

TOKENIZER = ReportTokenizer.train(["the heart is normal"], min_frequency=1)


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text("the 1 2 3 4\nheart 5 6 7 8\nlung 9 9 9 9\n")
    return path


@pytest.mark.parametrize("freeze", [False, True])
def test_words_of_the_file_start_from_it_and_others_as_they_were(vectors: Path, freeze: bool) -> None:
    decoder = DECODERS["show-and-tell"](len(TOKENIZER), embedding=4, hidden=8, tie_weights=False)
    before = decoder.word_embedding.weight.detach().clone()
    set_word_vectors(decoder, TOKENIZER, vectors, freeze)
    after = decoder.word_embedding.weight.detach().clone()
    the, heart = (TOKENIZER.tokens().index(word) for word in ("the", "heart"))
    assert after[the].tolist() == [1, 2, 3, 4]
    assert after[heart].tolist() == [5, 6, 7, 8]
    others = [i for i in range(len(TOKENIZER)) if i not in (the, heart)]
    assert torch.equal(after[others], before[others])
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=0.1)
    tokens = torch.arange(len(TOKENIZER)).expand(2, -1)
    decoder(StudyFeatures(torch.rand(2, 14)), tokens).log_probabilities[..., 3].sum().backward()
    optimiser.step()
    assert torch.equal(decoder.word_embedding.weight, after) == freeze


def test_what_does_not_fit_is_told(vectors: Path) -> None:
    wide = DECODERS["show-attend-tell"](len(TOKENIZER), channels=8)
    with pytest.raises(UsageError, match=r"width 4, and the embedding 256; set options\.embedding=4"):
        set_word_vectors(wide, TOKENIZER, vectors, freeze=False)
    tied = DECODERS["show-attend-tell"](len(TOKENIZER), channels=8, embedding=4)
    with pytest.raises(UsageError, match="tie_weights=false"):
        set_word_vectors(tied, TOKENIZER, vectors, freeze=True)

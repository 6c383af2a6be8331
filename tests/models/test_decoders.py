"""Every registered decoder: one step at a time and teacher forcing are the same model."""

from __future__ import annotations

import math

import pytest
import torch

from radscribe.errors import UsageError
from radscribe.models import DECODERS, Decoder, StudyFeatures
from radscribe.models.captioner import Captioner, greedy, join_views
from radscribe.models.encoder import Encoder, EncoderOutput

V, F, C = 30, 14, 24


def make(kind: str, **options: object) -> Decoder:
    torch.manual_seed(1)
    return DECODERS[kind](V, findings=F, channels=C, **options).eval()


def features(n: int) -> StudyFeatures:
    torch.manual_seed(2)
    return StudyFeatures(torch.rand(n, F), torch.rand(n, C), torch.rand(n, 9, C))


CASES: list[tuple[str, dict[str, object]]] = [(kind, {}) for kind in DECODERS] + [
    ("show-and-tell", {"image_input": "pooled"}),
    ("show-and-tell", {"image_input": "both", "tie_weights": False, "hidden": 48}),
]


@pytest.mark.parametrize(("kind", "options"), CASES)
@torch.no_grad()
def test_steps_are_teacher_forcing(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, **options), features(3)
    tokens = torch.randint(0, V, (3, 7))
    whole = decoder(seen, tokens).log_probabilities
    assert whole.shape == (3, 7, V)
    assert torch.allclose(whole.exp().sum(-1), torch.ones(3, 7), atol=1e-5)
    assert torch.allclose(whole, Decoder.forward(decoder, seen, tokens).log_probabilities, atol=1e-5)


@pytest.mark.parametrize(("kind", "options"), CASES)
@torch.no_grad()
def test_the_image_changes_what_is_said(kind: str, options: dict[str, object]) -> None:
    decoder, seen = make(kind, **options), features(2)
    tokens = torch.randint(0, V, (1, 5)).expand(2, 5)
    both = decoder(seen, tokens).log_probabilities
    assert not torch.allclose(both[0], both[1], atol=1e-4)
    assert len(decoder.init_state(seen)) == len(decoder.states)


@torch.no_grad()
def test_greedy_follows_the_likeliest_word_and_pads_with_the_end() -> None:
    decoder, seen = make("show-and-tell"), features(4)
    words = greedy(decoder, seen, bos=1, eos=2, max_length=6)
    state = decoder.init_state(seen)
    token = torch.full((4,), 1)
    for t in range(words.shape[1]):
        log_probabilities, state, *_ = decoder.step(token, state)
        ended = (words[:, :t] == 2).any(1)
        token = log_probabilities.argmax(-1).masked_fill(ended, 2)
        assert torch.equal(words[:, t], token)


def test_views_of_a_study_are_joined() -> None:
    grid = torch.rand(4, C, 2, 3)  # two studies of two views
    maps = torch.rand(4, F, 2, 3)
    output = EncoderOutput(grid, grid.mean((2, 3)), torch.rand(4, F), torch.rand(4, F), maps)
    study = join_views(output, torch.tensor([[1, 2], [1, 1]]))
    assert study.get("grid").shape == (2, 12, C)
    assert torch.equal(study.get("grid")[1, 6 + 4], grid[3, :, 1, 1])  # second view, cell (1, 1)
    assert torch.equal(study.get("maps")[1, 6 + 4], maps[3, :, 1, 1])
    assert study.get("views").tolist() == [[1] * 6 + [2] * 6, [1] * 12]
    assert torch.allclose(study.get("pooled")[0], output.pooled[:2].mean(0))
    assert torch.allclose(study.probabilities[1], output.probabilities[2:].mean(0))


@torch.no_grad()
def test_a_captioner_is_its_encoder_and_its_decoder() -> None:
    torch.manual_seed(0)
    encoder = Encoder(image_size=32).eval()
    decoder = DECODERS["show-and-tell"](V, findings=F, channels=encoder.channels).eval()
    images, tokens = torch.rand(2, 2, 1, 32, 32), torch.randint(0, V, (2, 4))
    codes = torch.ones(2, 2, dtype=torch.long)
    expected = decoder(join_views(encoder(images.flatten(0, 1)), codes), tokens).log_probabilities
    assert torch.allclose(Captioner(encoder, decoder)(images, codes, tokens).log_probabilities, expected)


def test_wrong_options_are_told() -> None:
    with pytest.raises(UsageError, match="no image input 'sound'"):
        make("show-and-tell", image_input="sound")
    with pytest.raises(UsageError, match="tied weights"):
        make("show-and-tell", hidden=32)


@torch.no_grad()
def test_the_operating_point_shifts_what_counts_as_seen() -> None:
    tokens = torch.randint(0, V, (3, 5))
    logits = torch.randn(3, F)
    at_half = make("show-and-tell")(StudyFeatures(torch.sigmoid(logits)), tokens).log_probabilities
    at_fifth = make("show-and-tell", operating_point=0.2)(
        StudyFeatures(torch.sigmoid(logits + math.log(0.2 / 0.8))), tokens
    ).log_probabilities
    assert torch.allclose(at_half, at_fifth, atol=1e-4)
    with pytest.raises(UsageError, match="operating point"):
        make("show-and-tell", operating_point=0.0)

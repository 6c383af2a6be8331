"""What the transformer alone has: positions, heads, and a cache of fixed shape."""

from __future__ import annotations

import pytest
import torch

from radscribe.errors import UsageError
from radscribe.models.decoder import StudyFeatures
from radscribe.models.transformer import Transformer, attend

V, F, L = 20, 14, 5


def make(heads: int = 4, layers: int = 3) -> Transformer:
    torch.manual_seed(1)
    decoder = Transformer(V, findings=F, attend="maps", embedding=32, positions=8, heads=heads, layers=layers)
    return decoder.eval()


def features(n: int) -> StudyFeatures:
    return StudyFeatures(
        torch.rand(n, F), maps=torch.randn(n, L, F), views=torch.ones(n, L, dtype=torch.long)
    )


@torch.no_grad()
def test_a_word_does_not_know_what_follows() -> None:
    decoder, seen = make(), features(1)
    tokens = torch.randint(0, V, (1, 8))
    other = tokens.clone()
    other[0, 5:] = (other[0, 5:] + 1) % V
    before, after = decoder(seen, tokens).log_probabilities, decoder(seen, other).log_probabilities
    assert torch.allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert not torch.allclose(before[:, 5], after[:, 5], atol=1e-3)


@torch.no_grad()
def test_rows_of_its_state_may_be_picked_and_repeated() -> None:
    decoder, seen = make(), features(2)
    tokens = torch.randint(0, V, (2, 6))
    state = decoder.init_state(seen)
    for t in range(3):
        state = decoder.step(tokens[:, t], state).state
    rows = torch.tensor([1, 1, 0])
    picked = tuple(part[rows] for part in state)
    continued = decoder.step(tokens[rows, 3], picked).log_probabilities
    expected = decoder(seen, tokens[:, :4]).log_probabilities[:, 3]
    assert torch.allclose(continued, expected[rows], atol=1e-5)
    assert [part.shape for part in state] == [part.shape for part in decoder.init_state(seen)]


@torch.no_grad()
def test_the_order_of_words_counts() -> None:
    decoder, seen = make(), features(1)
    one, two = torch.tensor([[3, 4, 5]]), torch.tensor([[4, 3, 5]])
    last = decoder(seen, one).log_probabilities[:, 2], decoder(seen, two).log_probabilities[:, 2]
    assert not torch.allclose(*last, atol=1e-3)


@torch.no_grad()
def test_attention_is_torchs() -> None:
    torch.manual_seed(0)
    query, keys, values = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    visible = torch.rand(2, 3, 5) > 0.3
    visible[..., 0] = True
    layer = torch.nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    layer.in_proj_weight.copy_(torch.eye(8).repeat(3, 1))
    layer.out_proj.weight.copy_(torch.eye(8))
    mask = (~visible).repeat_interleave(2, dim=0)
    expected, weights = layer(query, keys, values, attn_mask=mask)
    seen, mean = attend(query, (keys, values), visible, heads=2)
    assert torch.allclose(seen, expected, atol=1e-5)
    assert torch.allclose(mean, weights, atol=1e-6)


def test_what_it_cannot_do_is_told() -> None:
    with pytest.raises(UsageError, match="9 tokens, and there are 8 positions"):
        make()(features(1), torch.zeros(1, 9, dtype=torch.long))
    with pytest.raises(UsageError, match="3 heads do not divide a width of 32"):
        make(heads=3)
    with pytest.raises(UsageError, match="0 layers"):
        make(layers=0)

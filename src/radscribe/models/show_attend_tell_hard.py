"""Show, Attend and Tell with hard attention: each word looks at one cell, which is drawn.

Xu et al., ICML 2015, section 4.1. No gradient flows through a draw, so where to look is learned with
REINFORCE (Williams, 1992): cells that were drawn before likelier words than usual become likelier.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from radscribe.errors import UsageError
from radscribe.models.decoder import State, StudyFeatures, Taught
from radscribe.models.show_attend_tell import ShowAttendTell

EXPECTED = 0.5  # share of studies that see the expected context in training too: less variance
DECAY = 0.9  # of the moving baseline


class ShowAttendTellHard(ShowAttendTell):
    """LSTM decoder that draws one cell per word in training; afterwards it sees the expected context.

    Parameters
    ----------
    reinforce : float
        λ_r, weight of the REINFORCE term.
    entropy : float
        λ_e, weight of the attention's entropy, which keeps it from settling early.
    options : Any
        Those of `ShowAttendTell`.
    """

    baseline: Tensor

    def __init__(
        self,
        vocabulary_size: int,
        reinforce: float = 1.0,
        entropy: float = 0.002,
        doubly_stochastic: float = 0.0,
        **options: Any,
    ) -> None:
        if reinforce < 0 or entropy < 0:
            raise UsageError("reinforce and entropy are weights of 0 or more", remedy="use 1.0 and 0.002")
        super().__init__(vocabulary_size, doubly_stochastic=doubly_stochastic, **options)
        self.states, self.fixed = (*self.states, "draws"), (*self.fixed, "draws")
        self.reinforce, self.entropy = reinforce, entropy
        self.register_buffer("baseline", torch.zeros(()))

    def init_state(self, features: StudyFeatures) -> State:
        state = super().init_state(features)
        share = 1 - EXPECTED if self.training else 0.0
        return (*state, torch.rand_like(state[0][:, 0]) < share)  # draws [N]: for which studies

    def look(self, h: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor | None]:
        *soft, draws = state
        attention, expected, _ = super().look(h, tuple(soft))
        if not self.training:
            return attention, expected, None
        chosen = torch.multinomial(attention.detach(), 1)[:, 0]  # s̃ of eq. 8
        drawn = soft[2][torch.arange(len(chosen), device=chosen.device), chosen]  # [N, D]
        context = torch.where(draws.unsqueeze(1), drawn, expected)
        return attention, context, chosen.masked_fill(~draws, -1)

    def extra_loss(self, taught: Taught, log_likelihood: Tensor, mask: Tensor) -> Tensor:
        """The REINFORCE term with its moving baseline, and the entropy (equations 11 and 12).

        The reward is a word's log-likelihood, mean over the caption, so that long reports do not count as bad
        draws. In training the baseline moves with each call.
        """
        even = super().extra_loss(taught, log_likelihood, mask)
        if taught.chosen is None:
            return even
        assert taught.attention is not None
        words = mask.to(log_likelihood.dtype)  # [N, T]
        count = words.sum(1).clamp(min=1)  # [N]
        logs = taught.attention.clamp(min=1e-12).log()  # [N, T, L]
        entropy = -((taught.attention * logs).sum(2) * words).sum(1) / count  # [N]
        drew = taught.chosen[:, 0] >= 0  # [N]
        reward = ((log_likelihood * words).sum(1) / count).detach()
        of_chosen = logs.gather(2, taught.chosen.clamp(min=0).unsqueeze(2)).squeeze(2)  # log p(s̃): [N, T]
        path = (of_chosen * words).sum(1) / count
        term = torch.where(drew, (reward - self.baseline) * path, torch.zeros_like(path))
        if self.training and bool(drew.any()):
            self.baseline.mul_(DECAY).add_((1 - DECAY) * reward[drew].mean())
        return even - self.reinforce * term.mean() - self.entropy * entropy.mean()

"""Report bank: says the training report that agrees best with what the encoder sees.

Retrieval of the nearest training report is a strong baseline for report generation (Endo et al., CXR-
RePaiR, ML4H 2021; Boag et al., Baselines for chest X-ray report generation, ML4H 2019). Here the report is
not that of one neighbour but the consensus of all: the one with the highest expected CIDEr-D against the
training reports, each weighted by how probable its findings are for the image (minimum Bayes risk decoding,
as in Devlin et al., Exploring nearest neighbor approaches for image captioning, 2015), plus a reward for
the findings themselves.

The bank is walked as a tree of tokens, so that it has the interface of every other decoder: search,
constraints and confidence work on it unchanged.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from radscribe.models.content_plan import ContentPlan
from radscribe.models.decoder import BOS, EOS, Decoder, State, Step, StudyFeatures

LOWEST = -1e4  # log-probability of a report that does not begin with the tokens so far
EPS = 1e-3  # probabilities are kept this far from 0 and 1


class Bank(Decoder):
    """A decoder that nothing trains: it is filled with tables, whose sizes depend on the training reports."""

    contents: ClassVar[tuple[str, ...]]  # names of the tables
    plan: ContentPlan
    patterns: Tensor  # [U, F] the distinct sets of findings of the training reports
    frequency: Tensor  # [U] log of how many training reports have each

    def posterior(self, p: Tensor) -> Tensor:
        """Return how probable each set of findings is `[N, U]`, from those of findings `[N, F]`."""
        likelihood = torch.log(p) @ self.patterns.T + torch.log(1 - p) @ (1 - self.patterns).T
        return torch.softmax(likelihood + self.frequency, dim=1)

    def put(self, **tables: Tensor) -> None:
        """Keep the tables, which are named like `contents`."""
        for name in self.contents:
            self.register_buffer(name, tables[name])

    @abstractmethod
    def write(self, features: StudyFeatures) -> Tensor:
        """Return the caption of each study, token ids `[N, T]` from `<bos>` to `<eos>`, padded."""

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in self.contents:
            if (saved := state_dict.get(prefix + name)) is not None:
                self.register_buffer(name, torch.empty_like(saved))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class ReportBank(Bank):
    """Decoder over the reports of a bank; `training.report_bank` fills it.

    Parameters
    ----------
    vocabulary_size : int
        V, specials included.
    findings : int
        F, the finding probabilities of a study.
    channels : int
        Unused: the bank reads probabilities and finding maps.
    places : int
        Cells of one image, for the sides of findings; 0 leaves sides out of account.
    finding_weight : float
        What one rightly asserted finding is worth, in units of CIDEr-D.
    finding_threshold : float
        Probability from which an asserted finding is worth more than nothing, from 0 to 1.
    side_weight : float
        Worth of naming the side of a finding on which its map is stronger, in units of CIDEr-D; the wrong
        side costs as much.
    temperature : float
        Sharpness of the choice among reports, in units of CIDEr-D.
    """

    states = ("weights", "position")
    contents = ("tokens", "asserted", "sides", "patterns", "frequency", "agreement")

    finding_weight: Tensor
    finding_threshold: Tensor
    tokens: Tensor  # [K, T] from <bos> to <eos>, padded
    asserted: Tensor  # [K, F] findings that each report of the bank asserts
    sides: Tensor  # [K, F] 1 if it names only the right side, -1 only the left, otherwise 0
    agreement: Tensor  # [K, U] mean CIDEr-D of each report of the bank with the training reports of each set

    def __init__(
        self,
        vocabulary_size: int,
        findings: int = 14,
        channels: int = 0,
        finding_weight: float = 1.5,
        finding_threshold: float = 0.2,
        side_weight: float = 0.5,
        temperature: float = 0.02,
        places: int = 0,
    ) -> None:
        super().__init__()
        self.vocabulary_size, self.findings = vocabulary_size, findings
        self.temperature, self.side_weight = temperature, side_weight
        self.plan = ContentPlan(findings, places)
        self.inputs = self.plan.inputs
        # Decoders hand their tokens through an embedding; a bank needs only the ids.
        self.word_embedding = nn.Embedding(vocabulary_size, 1)
        self.register_buffer("finding_weight", torch.tensor(finding_weight))
        self.register_buffer("finding_threshold", torch.tensor(finding_threshold))
        self.put(
            tokens=torch.tensor([[BOS, EOS]]),
            asserted=torch.zeros(1, findings),
            sides=torch.zeros(1, findings),
            patterns=torch.zeros(1, findings),
            frequency=torch.zeros(1),
            agreement=torch.zeros(1, 1),
        )

    def write(self, features: StudyFeatures) -> Tensor:
        return self.tokens[self.worth(features).argmax(1)]

    def worth(self, features: StudyFeatures) -> Tensor:
        """Return the worth of each report of the bank for each study `[N, K]`, in units of CIDEr-D."""
        p = features.probabilities.clamp(EPS, 1 - EPS)  # [N, F]
        gain = self.finding_weight * ((p - self.finding_threshold) @ self.asserted.T)  # [N, K]
        if self.plan.columns:
            stronger = self.plan.side_difference(features.get("maps"), features.get("views"))  # [N, F]
            side = torch.where(stronger.abs() > self.plan.side_margin, torch.sign(stronger), 0.0)
            gain = gain + self.side_weight * ((p * side) @ self.sides.T)
        return self.posterior(p) @ self.agreement.T + gain

    def init_state(self, features: StudyFeatures) -> State:
        weights = torch.log_softmax(self.worth(features) / self.temperature, dim=1)  # [N, K]
        return weights.clamp(min=LOWEST), torch.zeros_like(weights[:, 0], dtype=torch.long)

    def step(self, token: Tensor, state: State) -> Step:
        weights, position = state  # [N, K], [N]
        columns = self.tokens.T  # [T, K]
        begins = (columns[position] == token.unsqueeze(1)) | (position == 0).unsqueeze(1)  # [N, K]
        weights = torch.where(begins, weights, torch.full_like(weights, LOWEST))
        position = (position + 1).clamp(max=columns.shape[0] - 1)
        shares = torch.softmax(weights, dim=1)
        mass = shares.new_zeros(shares.shape[0], self.vocabulary_size)
        mass = mass.scatter_add(1, columns[position], shares)  # [N, V]
        return Step(torch.log(mass.clamp(min=1e-12)), (weights, position), None)

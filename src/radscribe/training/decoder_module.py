"""Training of a decoder on features, by an objective; validation decodes freely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau

from radscribe.errors import UsageError
from radscribe.labels import CHANGES
from radscribe.models.content_plan import plan_of
from radscribe.models.course import Course, course_of
from radscribe.models.decoder import Decoder, StudyFeatures, greedy
from radscribe.text.tokenizer import ReportTokenizer
from radscribe.training.caption_data import CaptionBatch
from radscribe.training.config import DecoderConfig
from radscribe.training.decoder_inputs import PRIOR
from radscribe.training.engine import Task, gathered
from radscribe.training.objectives import Objective
from radscribe.training.objectives.cross_entropy import cross_entropy
from radscribe.training.validation import Captioned, caption_scores, warnings_of

APPEARED, RESOLVED = (1 + CHANGES.index(change) for change in ("appeared", "resolved"))
UNKNOWN = -100  # counts in no cross-entropy
PATIENCE = 3  # epochs without a better figure before the learning rate is halved


class DecoderTask(Task):
    """Trains a `Decoder` on batches of `CaptionData`.

    Every epoch has the figures of the objective and, from greedy captions of the validation part, `val_score`
    and what it is made of (`validation.caption_scores`), and `val_loss`, the cross-entropy under teacher
    forcing.

    Parameters
    ----------
    findings : sequence of str
        The encoder's outputs, if they have names.
    """

    unit = "words"

    def __init__(
        self,
        config: DecoderConfig,
        decoder: Decoder,
        tokenizer: ReportTokenizer,
        objective: Objective,
        findings: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.config, self.decoder, self.tokenizer, self.objective = config, decoder, tokenizer, objective
        self.monitor = config.monitor
        self.findings, self.studies = tuple(findings), 0
        self.course = course_of(decoder)
        self.finding_head: nn.Linear | None = None  # of the auxiliary loss; it does not go into a bundle
        if config.auxiliary_findings:
            if not (decoder.state_width and findings):
                raise UsageError(
                    "auxiliary_findings needs an encoder and a decoder with a state",
                    remedy="set auxiliary_findings=0",
                )
            self.finding_head = nn.Linear(decoder.state_width, len(findings))

    def begin_epoch(self, optimiser: torch.optim.Optimizer) -> None:
        if (rate := self.objective.learning_rate(self.epoch)) is not None:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def count(self, batch: CaptionBatch) -> Tensor:
        return (batch.tokens[:, 1:] != self.tokenizer.pad).sum()

    def training_figures(self, batch: CaptionBatch) -> dict[str, Tensor | float]:
        loss = self.objective.loss(self.decoder, batch, self.epoch)
        figures: dict[str, Tensor | float] = {"loss": loss.total, **loss.figures}
        if self.finding_head is not None and loss.first is not None and batch.findings is not None:
            # From the state before the first word: what the caption will be about, not what it has said.
            missed = functional.binary_cross_entropy_with_logits(
                self.finding_head(loss.first), batch.findings
            )
            figures["finding_loss"] = missed
            figures["loss"] = loss.total + self.config.auxiliary_findings * missed
        if self.course is not None and batch.features.course is not None:
            figures["course_loss"] = self._course_loss(self.course, batch)
            figures["loss"] = figures["loss"] + figures["course_loss"]
        return figures

    def _course_loss(self, course: Course, batch: CaptionBatch) -> Tensor:
        """Cross-entropy of the changes that the reports tell of, and of those against another's prior."""
        assert batch.findings is not None
        assert batch.earlier_findings is not None
        features = batch.features
        given = features.get("prior_given") > 0  # [N]
        loss = _missed(course, features, features.get("course"), given)
        if self.config.swapped_priors:
            # The next study's prior: new or resolved by the reports. Nobody has told whether it has grown.
            fields = features._asdict()
            swapped = {k: v.roll(1, 0) for k, v in fields.items() if k.startswith(PRIOR) and v is not None}
            now, then = batch.findings > 0, batch.earlier_findings.roll(1, 0) > 0  # [N, F]
            truth = (now & ~then) * APPEARED + (then & ~now) * RESOLVED
            truth = truth.masked_fill(now & then, UNKNOWN)
            other = _missed(course, features._replace(**swapped), truth, given.roll(1, 0))
            loss = loss + self.config.swapped_priors * other
        return loss

    def validation_figures(self, batches: Iterable[CaptionBatch]) -> dict[str, float]:
        tokenizer, plan = self.tokenizer, plan_of(self.decoder)
        losses: list[tuple[float, int]] = []
        captioned: list[Captioned] = []
        for batch in batches:
            taught = cross_entropy(self.decoder, batch, tokenizer.pad, weighted=False).total
            losses.append((float(taught) * len(batch.ids), len(batch.ids)))
            features, longest = batch.features, self.config.max_length
            words = greedy(self.decoder, features, tokenizer.bos, tokenizer.eos, longest).tolist()
            captions = [tokenizer.decode(row) for row in words]
            plans: list[tuple[str, ...] | None] = [None] * len(captions)
            given = [False] * len(captions)
            if features.prior_given is not None:
                given = features.prior_given.bool().tolist()
            if plan is not None:
                present = plan(features)[:, : plan.findings].bool().tolist()
                plans = [
                    tuple(f for f, yes in zip(self.findings, row, strict=True) if yes) for row in present
                ]
            captioned += map(Captioned, batch.ids, captions, batch.references, plans, given)
        losses = gathered(losses)
        # In the same order for any number of processes.
        captioned = sorted(gathered(captioned), key=lambda one: one.id)
        self.studies = len(captioned)
        mean = sum(loss for loss, _ in losses) / sum(size for _, size in losses)
        return {"val_loss": mean, **caption_scores(captioned, self.config.reward, self.findings)}

    def warnings(self, figures: Mapping[str, float]) -> list[str]:
        return warnings_of(figures, self.studies)

    def optimisation(self, steps: int) -> tuple[torch.optim.Optimizer, ReduceLROnPlateau]:
        optimiser = torch.optim.AdamW(
            self.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        return optimiser, ReduceLROnPlateau(optimiser, self.config.mode, factor=0.5, patience=PATIENCE)


def _missed(course: Course, features: StudyFeatures, truth: Tensor, given: Tensor) -> Tensor:
    """Mean cross-entropy of what became of the findings `[N, F]`, of the studies with a prior."""
    logits = course.logits(features, course.compare(features))  # [N, F, 6]
    truth = truth.masked_fill(~given.unsqueeze(1), UNKNOWN)
    total = functional.cross_entropy(
        logits.flatten(0, 1), truth.flatten(), ignore_index=UNKNOWN, reduction="sum"
    )
    return total / (truth != UNKNOWN).sum().clamp(min=1)

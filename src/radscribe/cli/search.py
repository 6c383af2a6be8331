"""Options that say how to search for a caption, and the strategy that they name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from radscribe.errors import UsageError
from radscribe.inference.options import DEFAULTS

if TYPE_CHECKING:
    from radscribe.inference.search import Strategy


def search_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a command takes that captions; `strategy` reads it."""
    for option in (
        click.option("--seed", type=int, help="Of --sample: the same seed draws the same captions. [0]"),
        click.option("--top-p", type=float, help="Draw from the fewest tokens of this probability together."),
        click.option("--top-k", type=int, help="Draw from so many tokens."),
        click.option("--temperature", type=float, help="Below 1 sharpens what is drawn from. [1]"),
        click.option("--sample", is_flag=True, help="Draw --n-best captions instead of searching."),
        click.option("--diversity", type=float, help="Of --diverse: what saying the same costs, nats. [0.5]"),
        click.option(
            "--diverse", type=int, metavar="GROUPS", help="Share the beam among groups that differ."
        ),
        click.option(
            "--length-penalty", type=float, metavar="A", help="Rank as Wu et al. do, not by the mean."
        ),
        click.option(
            "--beam",
            type=click.IntRange(min=1),
            help=f"Beam width; 1 is greedy search (default: {DEFAULTS.beam}).",
        ),
    ):
        command = option(command)
    return command


def strategy(
    *,
    n_best: int,
    beam: int | None,
    length_penalty: float | None,
    diverse: int | None,
    diversity: float | None,
    sample: bool,
    **sampling: float | None,
) -> Strategy:
    """The strategy that the options name.

    Raises
    ------
    UsageError : options that do not go together, or a value that makes no sense.
    """
    from radscribe.inference.search import Beam, DiverseBeam, LengthPenalty, Mean, Sample

    drawn = {name: value for name, value in sampling.items() if value is not None}
    if sample:
        searched = {"--beam": beam, "--length-penalty": length_penalty, "--diverse": diverse}
        for name, value in {**searched, "--diversity": diversity}.items():
            if value is not None:
                raise UsageError(f"{name} does not go with --sample", remedy="leave one of them out")
        return Sample(n_best, **drawn)  # type: ignore[arg-type]
    for name in drawn:
        raise UsageError(f"--{name.replace('_', '-')} is for sampling", remedy="add --sample")
    if diversity is not None and diverse is None:
        raise UsageError("--diversity is for groups of a beam", remedy="add --diverse GROUPS")
    width = beam or DEFAULTS.beam
    if n_best > width:
        raise UsageError(f"--n-best {n_best} is more than --beam {width}", remedy="raise --beam")
    rank = Mean() if length_penalty is None else LengthPenalty(length_penalty)
    if diverse is None:
        return Beam(width, rank)
    return DiverseBeam(width, diverse, 0.5 if diversity is None else diversity, rank)

"""`Report`: what the radiologist wrote, by section."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """The sections of a radiology report, as written; an absent section is the empty string.

    `normalised` names the text rules that were applied to get here, in order; empty means as written.
    """

    indication: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""
    normalised: tuple[str, ...] = ()

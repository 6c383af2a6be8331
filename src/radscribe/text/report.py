"""`Report`: what the radiologist wrote, by section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Target = Literal["findings", "impression", "both"]


@dataclass(frozen=True, slots=True)
class Report:
    """The sections of a radiology report, as written.

    Parameters
    ----------
    indication, comparison, findings, impression : str
        Text of each section. An absent section is the empty string.
    normalised : tuple of str
        Names of the text rules that were applied, in order. Empty if the report is as written.
    """

    indication: str = ""
    comparison: str = ""
    findings: str = ""
    impression: str = ""
    normalised: tuple[str, ...] = ()

    def text(self, target: Target = "both") -> str:
        """Return the text that a caption is trained on or scored against.

        Parameters
        ----------
        target : {"findings", "impression", "both"}
            Section to return. "both" joins the two with a space.

        Returns
        -------
        str
            Empty if the report has no such section.

        Examples
        --------
        >>> Report(findings="Clear lungs.", impression="Normal chest.").text()
        'Clear lungs. Normal chest.'
        """
        if target == "both":
            return " ".join(part for part in (self.findings, self.impression) if part)
        return self.findings if target == "findings" else self.impression

"""Drawn chests to try the service with: no patient, known findings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

from radscribe import phantom
from radscribe.serving.display import as_png
from radscribe.serving.upload import UploadedFile


@dataclass(frozen=True, slots=True)
class Example:
    """What is drawn: `findings` of one seed."""

    id: str
    title: str
    seed: int
    findings: tuple[phantom.FindingSpec, ...] = ()
    views: tuple[phantom.PhantomView, ...] = ("PA",)

    def to_dict(self) -> dict[str, Any]:
        """The object of the API."""
        return {
            "id": self.id,
            "title": self.title,
            "views": list(self.views),
            "findings": [finding.name for finding in self.findings],
            "images": [f"/v1/examples/{self.id}/images/{n}" for n in range(len(self.views))],
        }


EXAMPLES = (
    Example("normal", "No finding", 11),
    Example("cardiomegaly", "A large heart", 4, (phantom.FindingSpec("Cardiomegaly", strength=0.9),)),
    Example("effusion", "Fluid on the left", 5, (phantom.FindingSpec("Effusion", "left", 0.8),)),
    Example(
        "pneumothorax", "A collapsed right lung", 6, (phantom.FindingSpec("Pneumothorax", "right", 0.9),)
    ),
    Example(
        "two-views",
        "A mass, from the front and from the side",
        7,
        (phantom.FindingSpec("Mass", "right", 0.7, "middle"),),
        ("PA", "lateral"),
    ),
)


def uploaded(example: Example) -> list[UploadedFile]:
    """The example's views as if they had been uploaded."""
    drawn = [png(example, n) for n in range(len(example.views))]
    return [
        UploadedFile(f"{example.id}-{view.lower()}.png", BytesIO(data), len(data))
        for view, data in zip(example.views, drawn, strict=True)
    ]


@lru_cache(maxsize=16)
def png(example: Example, n: int) -> bytes:
    """One view of an example as an 8-bit PNG file, drawn when it is first asked for."""
    return as_png(phantom.draw(example.seed, example.findings, example.views[n]).radiograph.pixels)

"""Schemas of requests and responses for OpenAPI. They validate only reviews and queries."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Status = Literal["queued", "running", "done", "refused", "failed"]


def _printable(text: str) -> str:
    """No control characters but tabs and line breaks: a database may refuse them, no page shows them."""
    if any(not (c.isprintable() or c in "\t\n\r" or c.isspace()) for c in text):
        raise ValueError("holds control characters; leave them out")
    return text


def _one_line(text: str) -> str:
    """Without space around it; what is exported must not show lines that nobody but the client wrote."""
    if len(text.strip().splitlines()) != 1:
        raise ValueError("is not one line; give one")
    return text.strip()


Text = Annotated[str, AfterValidator(_printable)]
Line = Annotated[str, AfterValidator(_printable), AfterValidator(_one_line)]


class Review(BaseModel):
    """A reader's decision on a draft."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "text": "The heart is normal in size. The lungs are clear.",
                    "decision": "accept",
                    "reviewer": "A. Reader",
                    "comment": "shortened",
                }
            ]
        },
    )
    text: Text = Field(max_length=20_000, description="the text as edited; what accepting accepts")
    decision: Literal["accept", "reject"]
    reviewer: Line = Field(min_length=1, max_length=200, description="one line")
    comment: Text = Field("", max_length=4_000)
    version: int = Field(0, ge=0, description="`version` of the study as you have read it")

    @model_validator(mode="after")
    def _accepts_something(self) -> Review:
        if self.decision == "accept" and not self.text.strip():
            raise ValueError("there is no text to accept; give one, or reject the draft")
        return self


class Image(BaseModel):
    n: int
    name: str = Field(description="what the client called the file")
    view: Literal["PA", "AP", "frontal", "lateral", "unknown"] = Field(description="as the file says it")
    height: int | None
    width: int | None
    error: str | None = Field(description="why it is no image")


class StoredReview(Review):
    id: int
    created: str
    actor: str = Field(description="who was signed in")


class SentResult(BaseModel):
    version: int = Field(description="0 for the draft, n for its n-th review")
    destination: str
    kind: str = Field(description="findings, report, film or message")
    state: Literal["waiting", "sent", "failed", "obsolete"] = Field(
        description="failed: given up until a retry; obsolete: given up, and a later version has arrived"
    )
    attempts: int
    error: str | None = Field(description="why the last try failed")
    sent: str | None = Field(description="ISO 8601, UTC")


class Results(BaseModel):
    results: list[SentResult]


class DestinationState(BaseModel):
    destination: str
    configured: bool = Field(description="false if the service was started without it")
    waiting: int = Field(description="objects that are still to be sent")
    since: str | None = Field(description="when the oldest of them was made, ISO 8601, UTC")
    given_up: int = Field(description="objects that are not tried again by themselves")
    error: str | None = Field(description="why the last of them that failed did not arrive")


class Destinations(BaseModel):
    destinations: list[DestinationState]


class Caption(BaseModel):
    id: str
    status: Status
    created: str = Field(description="ISO 8601, UTC")
    finished: str | None
    study: str | None
    images: list[Image]
    caption: dict[str, Any] | None = Field(description="`radscribe caption --json`; null until it is done")
    reviews: list[StoredReview]
    version: int = Field(description="number of reviews; a review sends it back")
    results: list[SentResult] = Field(description="where drafts and reviewed texts were sent")
    supersedes: str | None = Field(description="id of the study before further images came by DICOM")
    superseded_by: str | None = Field(description="id of the study with further images")
    deleted: str | None


class CaptionPage(BaseModel):
    captions: list[Caption]
    next: str | None = Field(description="give it as `before` for the next page")


class AuditRow(BaseModel):
    at: str
    actor: str
    action: str
    details: dict[str, Any]


class Audit(BaseModel):
    audit: list[AuditRow]


class Example(BaseModel):
    id: str
    title: str
    views: list[str]
    findings: list[str]
    label: str | None
    source: str | None
    images: list[str]


class Examples(BaseModel):
    examples: list[Example]


EXAMPLE: dict[str, Any] = {
    "id": "01kay3xnhbm7v4q2c9t8r5w0ez",
    "status": "done",
    "created": "2026-11-25T09:30:00.000Z",
    "finished": "2026-11-25T09:30:00.140Z",
    "study": "ward 3, bed 2",
    "images": [
        {"n": 0, "name": "chest.png", "view": "unknown", "height": 1024, "width": 1024, "error": None}
    ],
    "caption": {
        "study": "ward 3, bed 2",
        "files": ["chest.png"],
        "text": "The heart is normal in size. The lungs are clear.",
        "tokens": [{"text": "The", "log_probability": -0.1}],
        "log_probability": -4.2,
        "alternatives": [],
        "findings": {"Cardiomegaly": 0.04},
        "warnings": ["Draft by a research model: not verified, not for diagnosis."],
        "refused": None,
        "error": None,
        "left_out": {},
        "bundle": "iu-nih-3@0123456789ab",
    },
    "reviews": [],
    "version": 0,
    "results": [],
    "supersedes": None,
    "superseded_by": None,
    "deleted": None,
}
EXAMPLE_AUDIT: dict[str, Any] = {
    "audit": [
        {
            "at": "2026-11-25T09:30:00.000Z",
            "actor": "local",
            "action": "accepted",
            "details": {"images": 1},
        },
        {
            "at": "2026-11-25T09:30:00.140Z",
            "actor": "service",
            "action": "done",
            "details": {"bundle": "iu-nih-3@0123456789ab"},
        },
    ]
}
EXAMPLE_MODEL: dict[str, Any] = {
    "bundle": "iu-nih-3@0123456789ab",
    "name": "iu-nih-3",
    "cautions": ["Trained on frontal views only."],
    "findings": ["Atelectasis", "Cardiomegaly"],
    "views": ["frontal"],
    "training": {"encoder": {"epochs": 20}},
    "quantisation": None,
    "confidence": {"part": "val", "studies": 220, "right": 112, "auroc": 0.71},
    "card": "# iu-nih-3 ...",
    "defaults": {"beam": 3},
    "limits": {"files": 20, "beam": 10},
}


def example(body: dict[str, Any]) -> dict[str, Any]:
    """The part of a response that shows what it looks like."""
    return {"content": {"application/json": {"example": body}}}

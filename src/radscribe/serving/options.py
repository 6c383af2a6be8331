"""Options of a request, from form fields or the query; kept with the study as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from radscribe.inference.options import DEFAULTS
from radscribe.serving.problems import Problem
from radscribe.serving.settings import MAX_BEAM

TRUE, FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})
STUDY_LENGTH, INDICATION_LENGTH = 200, 1000


class CaptionOptions(msgspec.Struct, frozen=True):
    """Fields of `radscribe.inference.options.CaptionOptions` that a request may set; same defaults."""

    beam: int = DEFAULTS.beam
    n_best: int = DEFAULTS.n_best
    evidence: bool = DEFAULTS.evidence
    min_confidence: float | None = DEFAULTS.min_confidence
    force: bool = DEFAULTS.force
    exact: bool = DEFAULTS.exact
    indication: str = ""  # personal data: in the study's row alone
    prior: str = ""  # id of a stored study

    @property
    def shared(self) -> CaptionOptions:
        """The options that studies of one batch have in common: all but the context."""
        return msgspec.structs.replace(self, indication="", prior="")

    def arguments(self) -> dict[str, Any]:
        """Return keyword arguments for `Captioner.stream`: the beam, and values that are not defaults."""
        given = msgspec.structs.asdict(self.shared)
        return {key: value for key, value in given.items() if value != getattr(DEFAULT, key)} | {
            "beam": self.beam
        }

    def encode(self) -> str:
        """Encode the options as JSON."""
        return msgspec.json.encode(self).decode()


DEFAULT = CaptionOptions()
_decoder = msgspec.json.Decoder(CaptionOptions)


def decode(text: str) -> CaptionOptions:
    """Decode the JSON that `CaptionOptions.encode` wrote."""
    return _decoder.decode(text)


class CaptionRequest(msgspec.Struct, frozen=True):
    """A request without its files."""

    options: CaptionOptions
    study: str
    wait: bool


FIELDS = ("beam", "n_best", "evidence", "min_confidence", "force", "exact", "study", "wait")
CONTEXT = ("indication", "prior")  # of forms alone: what is in an address ends up in logs


def parse(fields: Mapping[str, str], *, form: bool = False) -> CaptionRequest:
    """Parse the fields of a form or query.

    Parameters
    ----------
    form : bool
        Whether the fields are of a form, which may also hold the study's context.

    Raises
    ------
    Problem
        422 for an unknown field or an invalid value.
    """
    known = (*FIELDS, *CONTEXT) if form else FIELDS
    for name in fields:
        if name not in known:
            raise Problem(
                "invalid",
                f"There is no field {one_line(name)!r}; there are files, {', '.join(known)}.",
            )
    beam = _integer(fields, "beam", DEFAULT.beam)
    n_best = _integer(fields, "n_best", DEFAULT.n_best)
    if not 1 <= beam <= MAX_BEAM:
        raise Problem("invalid", f"beam is {beam}; give 1 to {MAX_BEAM}.")
    if not 1 <= n_best <= beam:
        raise Problem("invalid", f"n_best is {n_best}; give 1 to beam, which is {beam}.")
    confidence = _share(fields, "min_confidence")
    evidence, force = _flag(fields, "evidence", DEFAULT.evidence), _flag(fields, "force", DEFAULT.force)
    exact = _flag(fields, "exact", DEFAULT.exact)
    indication, prior = (
        one_line(fields.get("indication", ""), INDICATION_LENGTH),
        fields.get("prior", "").strip(),
    )
    options = CaptionOptions(beam, n_best, evidence, confidence, force, exact, indication, prior)
    return CaptionRequest(options, one_line(fields.get("study", "")), _flag(fields, "wait", True))


def with_context_of(requested: CaptionRequest, stored: str) -> CaptionRequest:
    """Give a request the context of a stored study, by its options in JSON."""
    before = decode(stored)
    options = msgspec.structs.replace(requested.options, indication=before.indication, prior=before.prior)
    return msgspec.structs.replace(requested, options=options)


def one_line(text: str, length: int = STUDY_LENGTH) -> str:
    """Turn a client's text into one short printable line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:length]


def _integer(fields: Mapping[str, str], name: str, default: int) -> int:
    text = fields.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch("-?[0-9]{1,9}", text):
        raise Problem("invalid", f"{name} is not a whole number; give one.")
    return int(text)


def _share(fields: Mapping[str, str], name: str) -> float | None:
    text = fields.get(name, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise Problem("invalid", f"{name} is not a number from 0 to 1; give one.")
    return value


def _flag(fields: Mapping[str, str], name: str, default: bool) -> bool:
    return flag(fields.get(name, "true" if default else "false"), name)


def flag(text: str, name: str) -> bool:
    """Parse a field that is true or false; raises `Problem` 422 for any other value."""
    text = text.strip().lower()
    if text not in TRUE | FALSE:
        raise Problem("invalid", f"{name} is neither true nor false; give one of these.")
    return text in TRUE

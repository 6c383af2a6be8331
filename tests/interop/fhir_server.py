"""A FHIR R4 server, as far as a transaction of results needs it: validates, matches, updates, resolves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

Resource = dict[str, Any]


class FhirServer:
    """Keeps resources in memory. A transaction is applied as a whole, or refused as a whole.

    Attributes
    ----------
    resources : dict of (str, str) to dict
        Type and id → the resource, with the number of its version in `meta`.
    failures : int
        Requests that are still to be answered with 500.
    """

    def __init__(self, failures: int = 0) -> None:
        self.resources: dict[tuple[str, str], Resource] = {}
        self.failures = failures

    def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer a POST to the root."""
        if self.failures:
            self.failures -= 1
            return 500, b"down"
        try:
            entries = Bundle.model_validate_json(body).entry
        except ValidationError:
            return self._refusal("structure")
        if not entries:
            return self._refusal("required")
        places: dict[str, tuple[str, str]] = {}  # full URL → type and id
        for entry in json.loads(body)["entry"]:
            kind, found = entry["resource"]["resourceType"], self._match(entry["request"]["url"])
            if len(found) > 1:
                return 412, b"{}"  # a conditional update that matches several
            places[entry["fullUrl"]] = (kind, found[0] if found else self._new_id(entry["resource"], places))
        made: dict[tuple[str, str], Resource] = {}
        for entry in json.loads(body)["entry"]:
            resource = {**entry["resource"], "id": places[entry["fullUrl"]][1]}
            for holder in references(resource):
                if holder["reference"].startswith("urn:uuid:"):
                    if holder["reference"] not in places:
                        return self._refusal("not-found")
                    holder["reference"] = "/".join(places[holder["reference"]])
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            place = places[entry["fullUrl"]]
            before = self.resources.get(place, {"meta": {"versionId": 0}})
            made[place] = {**resource, "meta": {"versionId": before["meta"]["versionId"] + 1}}
        self.resources |= made
        return 200, json.dumps({"resourceType": "Bundle", "type": "transaction-response"}).encode()

    def of(self, kind: str) -> list[Resource]:
        """All resources of a type."""
        return [resource for (name, _), resource in self.resources.items() if name == kind]

    def _match(self, url: str) -> list[str]:
        """Ids of the resources that a conditional update means, or the id that an update names."""
        kind, question, query = url.partition("?")
        if not question:
            return [kind.partition("/")[2]]
        system, _, value = unquote(query.removeprefix("identifier=")).partition("|")
        wanted = {"system": system, "value": value}
        return [r["id"] for r in self.of(kind) if wanted in r.get("identifier", ())]

    def _new_id(self, resource: Resource, places: dict[str, tuple[str, str]]) -> str:
        return f"{resource['resourceType'].lower()}-{len(self.resources) + len(places) + 1}"

    @staticmethod
    def _refusal(code: str) -> tuple[int, bytes]:
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}
        return 422, json.dumps(outcome).encode()


def references(part: Any) -> Iterator[Resource]:
    """Every reference in a resource."""
    if isinstance(part, dict):
        if "reference" in part:
            yield part
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)

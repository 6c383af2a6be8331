"""FHIR R4 to a server: `fhir:https://host/fhir`, one transaction per result.

The resources carry identifiers derived from study and bundle, and the transaction updates by identifier. So a
retry, or the reviewed text after the draft, updates the same report. Patient and imaging study are referred
to by their identifiers: the server matches them, and no second patient is made.
"""

from __future__ import annotations

import base64
import json
import uuid
from datetime import datetime
from typing import Any

import radscribe
from radscribe.interop import codes
from radscribe.interop.codes import SYSTEMS, Code
from radscribe.interop.destinations.destination import Parcel
from radscribe.interop.destinations.http import HttpDestination, refuses
from radscribe.interop.results.record import FindingResult, Kind, Result, derived_uid

UIDS = "urn:dicom:uid"
OURS = "urn:ietf:rfc:3986"
ACCESSION = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}],
}
RADIOLOGY = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}],
}
IMAGING = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "imaging"},
    ],
}
NOT_STATED = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"},
    ],
    "text": "The text does not speak of it.",
}
Resource = dict[str, Any]


class FhirDestination(HttpDestination):
    """A FHIR R4 server that takes transactions.

    Options: those of HTTP, and ``patient-system``, the URI of the system that patient ids are from.
    """

    kinds = ("message",)
    options = HttpDestination.options | {"patient-system"}

    def send(self, kind: Kind, parcel: Parcel) -> None:
        """Send the bundle of a result."""
        body = json.dumps(bundle(parcel.result, self.address.options.get("patient-system"))).encode()
        kind_of = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}
        status, answer = self.post("", body, kind_of)
        if not 200 <= status < 300:
            raise self.failed(
                f"refuses the bundle with status {status}{_issue(answer)}", refused=refuses(status)
            )


def _issue(answer: bytes) -> str:
    """The code of the first issue; its text may quote the patient."""
    try:
        code = json.loads(answer)["issue"][0]["code"]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return f" ({code})" if isinstance(code, str) and code.isascii() and len(code) < 40 else ""


def bundle(result: Result, patient_system: str | None = None) -> Resource:
    """Make the transaction of a result: report, observations, device and provenance.

    Parameters
    ----------
    patient_system : str, optional
        URI of the system that patient ids are from.

    Returns
    -------
    dict
        The JSON of a Bundle, as fhir.resources validates it.
    """
    from fhir.resources.R4B.bundle import Bundle

    study = (result.bundle, result.identity.study_instance_uid)
    patient = _patient(result, patient_system)
    device = _resource("Device", derived_uid(result.bundle, "fhir device"), _device(result))
    observations = [
        _resource(
            "Observation",
            derived_uid(*study, "fhir finding", finding.name),
            _observation(result, finding, patient, _url(device)),
        )
        for finding in result.results
    ]
    report = _resource(
        "DiagnosticReport",
        derived_uid(*study, "fhir report"),
        _report(result, patient, [_url(o) for o in observations]),
    )
    author: list[Resource] = [_agent("author", {"reference": _url(device)})]
    if result.review is not None:
        author.append(_agent("verifier", _reviewer(result)))
    provenance = _resource(
        "Provenance",
        result.uid("fhir provenance"),
        {
            "target": [{"reference": _url(part)} for part in (report, *observations)],
            "recorded": _instant(result.at),
            "agent": author,
            "entity": [{"role": "source", "what": _imaging_study(result)}],
        },
    )
    content = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [device, *observations, report, provenance],
    }
    Bundle.model_validate(content)
    return content


def _resource(kind: str, uid: str, content: Resource) -> Resource:
    """An entry that makes a resource, or updates the one with the same identifier."""
    identifier = {"system": OURS, "value": f"urn:oid:{uid}"}
    request = {"method": "PUT", "url": f"{kind}?identifier={OURS}%7Curn:oid:{uid}"}
    if kind == "Provenance":  # has no identifier: its id makes it the same one
        name = uuid.UUID(int=int(uid.removeprefix("2.25.")))
        content = {"id": str(name), **content}
        request["url"] = f"{kind}/{name}"
    else:
        content = {"identifier": [identifier], **content}
    full = f"urn:uuid:{uuid.UUID(int=int(uid.removeprefix('2.25.')))}"
    return {"fullUrl": full, "resource": {"resourceType": kind, **content}, "request": request}


def _url(entry: Resource) -> str:
    return str(entry["fullUrl"])


def _concept(*of: Code, text: str | None = None) -> Resource:
    coding = [{"system": SYSTEMS[c.scheme], "code": c.value, "display": c.meaning} for c in of]
    return {"coding": coding} | ({"text": text} if text else {})


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _patient(result: Result, system: str | None) -> Resource:
    identity = result.identity
    if not identity.patient_id:
        return {"display": "unknown patient"}
    identifier: Resource = {"value": identity.patient_id} | ({"system": system} if system else {})
    if identity.issuer_of_patient_id:
        identifier["assigner"] = {"display": identity.issuer_of_patient_id}
    return {"type": "Patient", "identifier": identifier}


def _imaging_study(result: Result) -> Resource:
    value = f"urn:oid:{result.identity.study_instance_uid}"
    return {"type": "ImagingStudy", "identifier": {"system": UIDS, "value": value}}


def _reviewer(result: Result) -> Resource:
    assert result.review is not None
    return {"type": "Practitioner", "display": f"{result.review.reviewer}, {result.review.organisation}"}


def _agent(role: str, who: Resource) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    return {"type": {"coding": [{"system": system, "code": role}]}, "who": who}


def _device(result: Result) -> Resource:
    return {
        "status": "active",
        "manufacturer": "radscribe",
        "deviceName": [{"name": f"radscribe {result.bundle}", "type": "model-name"}],
        "type": _concept(Code("123110", "DCM", "Artificial Intelligence")),
        "version": [{"value": radscribe.__version__}],
    }


def _observation(result: Result, finding: FindingResult, patient: Resource, device: str) -> Resource:
    code = codes.code_of(finding.name)
    observation: Resource = {
        # "Preliminary" of an observation means that it may be unverified.
        "status": "final" if result.verified and finding.status else "preliminary",
        "category": [IMAGING],
        "code": _concept(code.code, *code.also, text=finding.name.replace("_", " ")),
        "subject": patient,
        "effectiveDateTime": _instant(result.at),
        "device": {"reference": device},
        "derivedFrom": [_imaging_study(result)],
        "bodySite": _concept(code.site),
    }
    if finding.status is not None:
        observation["valueCodeableConcept"] = _concept(codes.PRESENCE[finding.status])
    else:
        observation["dataAbsentReason"] = NOT_STATED
    components = []
    if finding.side is not None:
        side = _concept(codes.SIDES[finding.side])
        components.append({"code": _concept(codes.LATERALITY), "valueCodeableConcept": side})
    if finding.probability is not None:
        quantity = {"value": round(finding.probability, 5), "system": SYSTEMS["UCUM"], "code": "1"}
        components.append({"code": _concept(codes.PROBABILITY), "valueQuantity": quantity})
    if components:
        observation["component"] = components
    return observation


def _report(result: Result, patient: Resource, observations: list[str]) -> Resource:
    identity = result.identity
    text = full_text(result)
    report: Resource = {
        # "Partial" of a report is the status whose definition includes "unverified".
        "status": "partial" if result.review is None else "amended" if result.review.corrects else "final",
        "category": [RADIOLOGY],
        "code": _concept(codes.REPORT),
        "subject": patient,
        "issued": _instant(result.at),
        "imagingStudy": [_imaging_study(result)],
        "result": [{"reference": url} for url in observations],
        "conclusion": result.impression or result.findings,
        "presentedForm": [
            {"contentType": "text/plain; charset=utf-8", "data": base64.b64encode(text.encode()).decode()}
        ],
    }
    if identity.accession_number:
        report["basedOn"] = [
            {
                "type": "ServiceRequest",
                "identifier": {"type": ACCESSION, "value": identity.accession_number},
            }
        ]
    if result.review is not None:
        report["resultsInterpreter"] = [_reviewer(result)]
    return report


def full_text(result: Result) -> str:
    """Return the text with its headings, and above it what a reader must know."""
    notes = result.warnings if result.review is None else ()
    parts = [*notes]
    parts += [f"FINDINGS: {result.findings}"] if result.findings else []
    parts += [f"IMPRESSION: {result.impression}"] if result.impression else []
    return "\n\n".join(parts)

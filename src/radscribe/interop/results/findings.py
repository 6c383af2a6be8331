"""The findings as a structured report by TID 1500, as the IHE profile AI Results asks.

A group per finding has its code, the site and side, its presence as the text states it, the model's
probability, and the images it was read from or the box that shows it. A finding that the model does not
assess and that the text does not speak of has no group: it is not coded as absent. An assessed finding that
the text does not speak of has a probability and no presence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highdicom
import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes as dicom
from pydicom.uid import ComprehensiveSRStorage

import radscribe
from radscribe.interop import codes
from radscribe.interop.identity import InstanceReference
from radscribe.interop.results.dataset import (
    coded,
    finish,
    person_name,
    predecessor,
    references,
    series,
    status,
)
from radscribe.interop.results.record import Box, FindingResult, Result

KIND = "findings"
Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


def findings_report(result: Result) -> Dataset:
    """Make the structured report of the findings.

    Raises
    ------
    DataError
        The study has no image that it could refer to.
    """
    images = references(result)
    content = MeasurementReport(
        observation_context=observation_context(result),
        procedure_reported=coded(codes.RADIOGRAPHY),
        imaging_measurements=[_group(result, finding) for finding in result.results],
        title=dicom.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=language(),
    )
    document = ComprehensiveSR(
        evidence=images,
        content=content,
        previous_versions=predecessor(result, KIND, ComprehensiveSRStorage),
        **series(result, KIND),
        **status(result),
    )
    return finish(document, result)


def language() -> LanguageOfContentItemAndDescendants:
    """The language of the text."""
    return LanguageOfContentItemAndDescendants(highdicom.sr.CodedConcept("en", "RFC5646", "English"))


def observation_context(result: Result) -> ObservationContext:
    """The observers: the model, and the reader who verified its draft."""
    device = DeviceObserverIdentifyingAttributes(
        uid=result.uid("device"),
        name="radscribe",
        manufacturer_name="radscribe",
        model_name=result.bundle[:64],
    )
    person = None
    if result.review is not None:
        person = ObserverContext(
            observer_type=dicom.DCM.Person,
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(
                name=person_name(result.review.reviewer), organization_name=result.review.organisation[:64]
            ),
        )
    return ObservationContext(
        observer_person_context=person,
        observer_device_context=ObserverContext(
            observer_type=dicom.DCM.Device, observer_identifying_attributes=device
        ),
    )


def _group(result: Result, finding: FindingResult) -> Group:
    """The statement about one finding, with the images or the box that it was read from."""
    code = codes.code_of(finding.name)
    side = None if finding.side is None else coded(codes.SIDES[finding.side])
    presence = probability = None
    if finding.status is not None:
        presence = [QualitativeEvaluation(coded(codes.PRESENCE_OF), coded(codes.PRESENCE[finding.status]))]
    if finding.probability is not None:
        probability = [
            Measurement(
                name=coded(codes.PROBABILITY),
                value=round(finding.probability, 5),
                unit=coded(codes.NO_UNITS),
            )
        ]
    shared: dict[str, Any] = {
        "tracking_identifier": TrackingIdentifier(
            uid=result.uid("finding", finding.name), identifier=finding.name
        ),
        "finding_type": coded(code.code),
        "finding_sites": [FindingSite(coded(code.site), laterality=side)],
        "algorithm_id": _algorithm(result),
        "qualitative_evaluations": presence,
        "measurements": probability,
    }
    if finding.boxes:
        instance, box = finding.boxes[0]  # the template takes one
        region = ImageRegion(
            graphic_type=GraphicTypeValues.POLYLINE,
            graphic_data=_corners(instance, box),
            source_image=SourceImageForRegion(instance.sop_class_uid, instance.sop_instance_uid),
        )
        return PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=region, **shared)
    images = [
        SourceImageForMeasurementGroup(film.instance.sop_class_uid, film.instance.sop_instance_uid)
        for film in result.films
    ]
    return MeasurementsAndQualitativeEvaluations(source_images=images or None, **shared)


def _algorithm(result: Result) -> AlgorithmIdentification:
    return AlgorithmIdentification(
        name="radscribe",
        version=radscribe.__version__,
        parameters=[f"bundle {result.bundle}"],
        family=dicom.DCM.ArtificialIntelligence,
    )


def _corners(instance: InstanceReference, box: Box) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """A box as a closed polyline in pixels of the original, column before row."""
    width, height = instance.columns, instance.rows
    left, right, top, bottom = box.left * width, box.right * width, box.top * height, box.bottom * height
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


@dataclass(frozen=True, slots=True)
class ReadFinding:
    """A finding as a receiver reads it from the report."""

    code: tuple[str, str]
    presence: str | None
    probability: float | None
    has_box: bool


def read_findings(document: Dataset) -> list[ReadFinding]:
    """Read the findings of a structured report, as highdicom finds them in the content tree."""
    content: Any = ComprehensiveSR.from_dataset(document).content
    groups: list[tuple[Any, bool]] = [
        *((group, False) for group in content.get_image_measurement_groups()),
        *((group, True) for group in content.get_planar_roi_measurement_groups()),
    ]
    found = []
    for group, has_box in groups:
        measured = group.get_measurements(dicom.DCM.Probability)
        said = group.get_qualitative_evaluations(coded(codes.PRESENCE_OF))
        presence = {code.value: status for status, code in codes.PRESENCE.items()}
        type_ = group.finding_type
        found.append(
            ReadFinding(
                (type_.scheme_designator, type_.value),
                presence[said[0].value.value] if said else None,
                float(measured[0].value) if measured else None,
                has_box,
            )
        )
    return found

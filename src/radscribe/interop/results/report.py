"""The text of the draft as a Basic Text SR by TID 2000: what every archive stores and every viewer shows."""

from __future__ import annotations

from collections.abc import Iterator

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    EnhancedSR,
    ImageContentItem,
    RelationshipTypeValues,
    TextContentItem,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes as dicom
from pydicom.uid import BasicTextSRStorage

from radscribe.interop import codes
from radscribe.interop.codes import Code
from radscribe.interop.results.dataset import coded, finish, predecessor, references, series, status
from radscribe.interop.results.findings import language, observation_context
from radscribe.interop.results.record import Result

KIND = "report"
CONTAINS = RelationshipTypeValues.CONTAINS


def text_report(result: Result) -> Dataset:
    """Make the structured report of the text.

    Raises
    ------
    DataError
        The study has no image that it could refer to.
    """
    images = references(result)
    root = ContainerContentItem(coded(codes.REPORT), template_id="2000")
    root.ContentSequence = ContentSequence(list(_content(result)), is_root=False)
    document = EnhancedSR(
        evidence=images,
        content=root,
        previous_versions=predecessor(result, KIND, BasicTextSRStorage),
        **series(result, KIND),
        **status(result),
    )
    # Nothing in it needs Enhanced SR, which fewer archives accept and fewer viewers show.
    document.SOPClassUID = document.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    return finish(document, result)


def _content(result: Result) -> Iterator[ContentItem]:
    yield from language()
    yield from observation_context(result)
    yield CodeContentItem(
        name=dicom.DCM.ProcedureReported,
        value=coded(codes.RADIOGRAPHY),
        relationship_type=RelationshipTypeValues.HAS_CONCEPT_MOD,
    )
    for note in notes(result):
        yield TextContentItem(dicom.DCM.Comment, note, relationship_type=CONTAINS)
    if result.findings:
        yield _section(result, codes.FINDINGS_SECTION, codes.FINDING, result.findings)
    if result.impression:
        yield _section(result, codes.IMPRESSION_SECTION, codes.IMPRESSION, result.impression)


def notes(result: Result) -> tuple[str, ...]:
    """Notes for the reader: the warnings of a draft, or who verified the text."""
    if result.review is None:
        return result.warnings
    review = result.review
    return (f"Drafted by a model ({result.bundle}); verified by {review.reviewer}, {review.organisation}.",)


def _section(result: Result, heading: Code, name: Code, text: str) -> ContainerContentItem:
    section = ContainerContentItem(coded(heading), relationship_type=CONTAINS)
    item = TextContentItem(coded(name), text, relationship_type=CONTAINS)
    item.ContentSequence = ContentSequence(
        [
            ImageContentItem(
                CodedConcept("121112", "DCM", "Source of Measurement"),
                referenced_sop_class_uid=film.instance.sop_class_uid,
                referenced_sop_instance_uid=film.instance.sop_instance_uid,
                relationship_type=RelationshipTypeValues.INFERRED_FROM,
            )
            for film in result.films
        ]
    )
    section.ContentSequence = ContentSequence([item])
    return section


def read_text(document: Dataset) -> dict[str, str]:
    """Read the sections of a report: "findings" and "impression" to their text."""
    sections = {codes.FINDINGS_SECTION.value: "findings", codes.IMPRESSION_SECTION.value: "impression"}
    return {
        sections[item.ConceptNameCodeSequence[0].CodeValue]: str(item.ContentSequence[0].TextValue)
        for item in document.ContentSequence
        if item.ValueType == "CONTAINER"
    }

"""Radiographs to send, an engine that is quick, and services that receive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from radscribe.inference.caption import DISCLAIMER, Caption
from radscribe.serving.service import Service
from radscribe.serving.store import reads
from radscribe.serving.store.reads import StoredStudy

CR, DX = ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation


class CountingEngine:
    """Says how many images a study has."""

    bundle = "counting@000000000000"

    def stream(self, sources: Iterable[list[Path]], **options: Any) -> Iterator[Caption]:
        for paths in sources:
            files = tuple(map(str, paths))
            yield Caption(
                "x",
                files,
                self.bundle,
                text=f"{len(paths)} images.",
                findings={"Effusion": 0.25},
                used=files,
                warnings=(DISCLAIMER,),
            )


def radiograph(study: str, patient: str = "P1", number: int = 1, size: int = 16, **values: Any) -> Dataset:
    """A small image; its grey values depend on the instance."""
    dataset = Dataset()
    dataset.SOPClassUID = CR
    dataset.SOPInstanceUID = f"{study}.1.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
    dataset.PatientID, dataset.PatientName = patient, f"Name^{patient}"
    dataset.PatientBirthDate, dataset.PatientSex = "19500101", "O"
    dataset.AccessionNumber, dataset.Modality = f"A{study[-6:]}", "CR"
    dataset.StudyDate = dataset.StudyTime = dataset.StudyID = dataset.ReferringPhysicianName = ""
    dataset.SeriesNumber, dataset.InstanceNumber = 1, number
    dataset.Rows = dataset.Columns = size
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    seed = int.from_bytes(dataset.SOPInstanceUID.encode()[-4:], "big")
    levels = np.random.default_rng(seed).integers(0, 255, (size, size), np.uint8)
    dataset.PixelData = levels.tobytes()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def new_study() -> str:
    """A UID of a study, short enough for instances to extend it."""
    return generate_uid(entropy_srcs=None)[:50].rstrip(".")


def part10(dataset: Dataset) -> bytes:
    """The dataset as a DICOM file."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def data_set(dataset: Dataset) -> bytes:
    """The dataset without file meta information."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=False, implicit_vr=False, little_endian=True)
    data = buffer.getvalue()
    start = data.index(b"\x08\x00")
    return data[start:]


def send(port: int, *datasets: Dataset, called: str = "RADSCRIBE", calling: str = "PACS") -> list[int]:
    """Store datasets over one association; returns the statuses, none if it was rejected."""
    from pynetdicom import AE

    entity = AE(calling)
    for sop_class, syntax in {(d.SOPClassUID, d.file_meta.TransferSyntaxUID) for d in datasets}:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    if not association.is_established:
        return []
    statuses = [association.send_c_store(dataset) for dataset in datasets]
    association.release()
    return [int(status.Status) if "Status" in status else -1 for status in statuses]


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return found


def drafts(service: Service) -> list[StoredStudy]:
    """All studies with a draft, oldest first."""
    found = service.store.read(reads.page, limit=1000)
    return sorted((s for s in found if s.document is not None), key=lambda s: s.created)

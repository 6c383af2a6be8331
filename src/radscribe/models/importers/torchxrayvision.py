"""torchxrayvision's DenseNet-121: one channel, pixels of -1024 to 1024, 18 outputs in its own order.

Cohen et al., TorchXRayVision, MIDL 2022. Its weights of single datasets leave outputs untrained; their
operating points are NaN. Its outputs are sigmoids, bent so that the operating point becomes 0.5; here
the logit is moved instead (Platt's shift): 0.5 at the same point, and above it for the same images.
"""

from __future__ import annotations

import torch

from radscribe.models.importers import torchvision_densenet as torchvision
from radscribe.models.importers.encoder_import import ImportedEncoder
from radscribe.models.importers.weights_file import WeightsFile

# `xrv.datasets.default_pathologies`; spaces are underscores, as everywhere here.
FINDINGS: tuple[str, ...] = (
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung_Lesion",
    "Fracture",
    "Lung_Opacity",
    "Enlarged_Cardiomediastinum",
)
RANGE = 1024.0
THRESHOLDS = "op_threshs"


def read(file: WeightsFile) -> ImportedEncoder | None:
    """The encoder of a state dict of torchxrayvision's; None if it is not one.

    Raises
    ------
    WeightsError
        A tensor too many, too few or of another shape.
    """
    tensors = torchvision.canonical(file)
    if tensors is None:
        return None
    thresholds = tensors.pop(THRESHOLDS, None)
    stem = tensors.get(torchvision.STEM)
    if thresholds is None and (stem is None or stem.ndim != 4 or stem.shape[1] != 1):
        return None
    state = torchvision.fit_densenet(tensors, file.path, input_channels=1)
    # x of 0..1 becomes 2048 x - 1024 = (x - 0.5) / (1 / 2048).
    state["mean"] = torch.full((1, 1, 1, 1), 0.5)
    state["std"] = torch.full((1, 1, 1, 1), 0.5 / RANGE)
    outputs = len(state["classifier.weight"]) if "classifier.weight" in state else 0
    findings = FINDINGS if outputs == len(FINDINGS) else None
    notes: tuple[str, ...] = ()
    if thresholds is None:
        notes = (
            "no operating points: probabilities are plain sigmoids, and untrained outputs are not known",
        )
    elif thresholds.shape == (outputs,):
        trained = ~thresholds.isnan()
        shift = -torch.logit(thresholds.double(), eps=1e-6).float()
        state["calibration_scale"] = torch.ones(outputs)
        state["calibration_shift"] = torch.where(trained, shift, torch.zeros(outputs))
        notes = ("probability 0.5 is torchxrayvision's operating point; it is not calibrated",)
        if findings:
            findings = tuple(name if known else "" for name, known in zip(findings, trained, strict=True))
    return ImportedEncoder("torchxrayvision", state, findings, input_channels=1, notes=notes)

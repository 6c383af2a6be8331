"""Published weights to our modules, one layout a file; `ENCODERS` and `CAPTIONERS` list them."""

from __future__ import annotations

from collections.abc import Callable

from radscribe.errors import WeightsError
from radscribe.models.importers import keras_densenet, keras_merge, torchvision_densenet, torchxrayvision
from radscribe.models.importers.encoder_import import ImportedEncoder
from radscribe.models.importers.keras_merge import ImportedCaptioner
from radscribe.models.importers.weights_file import WeightsFile

# What is more special comes first. Each gives None where a file is not of its layout.
ENCODERS: dict[str, Callable[[WeightsFile], ImportedEncoder | None]] = {
    "Keras DenseNet-121": keras_densenet.read,
    "torchxrayvision DenseNet-121": torchxrayvision.read,
    "torchvision DenseNet-121": torchvision_densenet.read,
}
CAPTIONERS: dict[str, Callable[[WeightsFile], ImportedCaptioner | None]] = {
    "Keras merge captioner": keras_merge.read,
}


def recognise(file: WeightsFile) -> ImportedEncoder | ImportedCaptioner:
    """What is in a file of weights.

    Raises
    ------
    WeightsError : no importer knows the layout; or tensors are missing, unknown or of another shape.
    """
    for read in (*ENCODERS.values(), *CAPTIONERS.values()):
        imported = read(file)
        if imported is not None:
            return imported
    raise WeightsError(
        f"is of no known layout (it begins with {', '.join(list(file.tensors)[:3]) or 'nothing'})",
        subject=file.path,
        remedy=f"known are {', '.join((*ENCODERS, *CAPTIONERS))}",
    )

"""Published weights to our modules, one file per layout; `IMPORTERS` lists them."""

from __future__ import annotations

from collections.abc import Callable

from radscribe.errors import WeightsError
from radscribe.models.importers.encoder_import import ImportedEncoder
from radscribe.models.importers.keras_merge import ImportedCaptioner
from radscribe.models.importers.weights_file import WeightsFile
from radscribe.registry import Registry

Importer = Callable[[WeightsFile], ImportedEncoder | ImportedCaptioner | None]
# The more specific ones come first. Each returns None if a file does not have its layout.
IMPORTERS: Registry[Importer] = Registry(
    "importer",
    {
        "Keras DenseNet-121": "radscribe.models.importers.keras_densenet:read",
        "torchxrayvision DenseNet-121": "radscribe.models.importers.torchxrayvision:read",
        "torchvision DenseNet-121": "radscribe.models.importers.torchvision_densenet:read",
        "Keras merge captioner": "radscribe.models.importers.keras_merge:read",
    },
)


def recognise(file: WeightsFile) -> ImportedEncoder | ImportedCaptioner:
    """Read a file of weights.

    Raises
    ------
    WeightsError
        If no importer knows the layout, or tensors are missing, unknown or of another shape.
    """
    for name in IMPORTERS:
        imported = IMPORTERS[name](file)
        if imported is not None:
            return imported
    raise WeightsError(
        f"has no known layout (it begins with {', '.join(list(file.tensors)[:3]) or 'nothing'})",
        subject=file.path,
        remedy=f"known are {', '.join(IMPORTERS)}",
    )

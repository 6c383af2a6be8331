"""The datasets that `radscribe prepare` knows: one module each, imported when it is named.

A source is a module whose docstring says where the data comes from, its licence, whom to cite, what its
labels mean and how its parts arise. It has `Settings` (a `msgspec.Struct` of what `--set` may say) and
`collect(job, settings) -> Collection`. Adding one takes its module and a line here.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from radscribe.errors import UsageError

# name -> (module, one line for the overview)
SOURCES: dict[str, tuple[str, str]] = {
    "iu-kaggle": ("iu_kaggle", "Indiana University chest X-rays, Kaggle's CSV files."),
    "iu-openi": ("iu_openi", "Indiana University chest X-rays, Open-i's XML archive."),
    "r2gen": ("r2gen", "R2Gen's annotation.json, of IU X-ray or MIMIC-CXR."),
    "nih-cxr14": ("nih_cxr14", "NIH ChestX-ray14."),
    "mimic-cxr": ("mimic_cxr", "MIMIC-CXR-JPG with the reports of MIMIC-CXR."),
    "covid-chestxray": ("covid_chestxray", "The X-rays of covid-chestxray-dataset."),
    "table": ("table", "Any CSV, TSV, JSON Lines or Parquet file: ROCO, ImageCLEF, your own."),
    "imagefolder": ("imagefolder", "Hugging Face's imagefolder layout (metadata.jsonl)."),
    "manifest": ("again", "A manifest: to part it anew, to attach features, to export it."),
    "weak-pairs": ("weak_pairs", "A manifest with labels, paired with reports that say just those."),
    "phantom": ("phantom", "Drawn chests with reports and labels; needs no download."),
}
WITHOUT_SRC = frozenset({"phantom"})


def load(name: str) -> ModuleType:
    """The module of a source.

    Raises
    ------
    UsageError : there is no such source.
    """
    if name not in SOURCES:
        raise UsageError(f"no source '{name}'", remedy=f"choose one of {', '.join(SOURCES)}")
    return importlib.import_module(f"radscribe.data.sources.{SOURCES[name][0]}")

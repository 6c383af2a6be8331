"""The datasets that `radscribe prepare` knows, one module each.

A new source is one module that ends in ``SOURCE = Source(...)`` and one line here. Another package registers
its own in the entry point group ``radscribe.sources``.
"""

from __future__ import annotations

from radscribe.data.sources.source import Source
from radscribe.registry import Registry

SOURCES: Registry[Source] = Registry(
    "source",
    {
        "iu-kaggle": "radscribe.data.sources.iu_kaggle:SOURCE",
        "iu-openi": "radscribe.data.sources.iu_openi:SOURCE",
        "r2gen": "radscribe.data.sources.r2gen:SOURCE",
        "nih-cxr14": "radscribe.data.sources.nih_cxr14:SOURCE",
        "mimic-cxr": "radscribe.data.sources.mimic_cxr:SOURCE",
        "covid-chestxray": "radscribe.data.sources.covid_chestxray:SOURCE",
        "table": "radscribe.data.sources.table:SOURCE",
        "folder": "radscribe.data.sources.folder:SOURCE",
        "imagefolder": "radscribe.data.sources.imagefolder:SOURCE",
        "manifest": "radscribe.data.sources.existing_manifest:SOURCE",
        "weak-pairs": "radscribe.data.sources.weak_pairs:SOURCE",
        "phantom": "radscribe.data.sources.phantom:SOURCE",
    },
)

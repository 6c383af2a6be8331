"""Where results go, one module per kind of destination.

A new kind is one module with a subclass of `Destination`, and one line here. Another package registers its
own in the entry point group ``radscribe.destinations``.
"""

from __future__ import annotations

from radscribe.errors import UsageError
from radscribe.interop.destinations.destination import Address, Destination
from radscribe.registry import Registry

DESTINATIONS: Registry[type[Destination]] = Registry(
    "destination",
    {
        "dicom": "radscribe.interop.destinations.dicom:DicomDestination",
        "stow": "radscribe.interop.destinations.stow:StowDestination",
        "folder": "radscribe.interop.destinations.folder:FolderDestination",
        "fhir": "radscribe.interop.destinations.fhir:FhirDestination",
        "hl7": "radscribe.interop.destinations.hl7:Hl7Destination",
    },
)


def destination(text: str) -> Destination:
    """Return the destination of an address such as ``dicom:PACS@10.0.0.7:104``.

    Parameters
    ----------
    text : str
        ``KIND:PLACE``, and after "#" options as ``NAME=VALUE``, joined by "&".

    Raises
    ------
    UsageError
        The kind, the place or an option is not valid.
    """
    kind, colon, rest = text.partition(":")
    if not colon or kind not in DESTINATIONS:
        raise UsageError(
            f"is not KIND:PLACE with a kind of {', '.join(DESTINATIONS)}",
            subject=f"--destination {text.partition('#')[0]}",
            remedy="for example: dicom:PACS@10.0.0.7:104",
        )
    place, _, options = rest.partition("#")
    return DESTINATIONS[kind](Address.parse(kind, place, options))

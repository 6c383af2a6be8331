"""A lookup table of a Modality LUT or VOI LUT Sequence item (PS3.3 C.11.1.1.1 and C.11.2.1.1).

pydicom's own functions index the table in the integer type of its entries, which wraps a table of more than
256 entries of 8 bits, and they know no Modality LUT of 12 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pydicom import Dataset


def lut_bits(item: Dataset) -> int:
    """Bits of an entry, the third value of LUT Descriptor (0028,3002)."""
    bits = int(item.LUTDescriptor[2])
    if not 1 <= bits <= 16:
        raise ValueError(f"LUT entries of {bits} bits")
    return bits


def apply_lut(values: npt.NDArray[Any], item: Dataset, little_endian: bool) -> npt.NDArray[np.uint16]:
    """Each value's entry; what lies below or above the table takes its first or last entry."""
    entries = int(item.LUTDescriptor[0]) & 0xFFFF or 1 << 16  # 0 stands for 65536
    first = int(item.LUTDescriptor[1])
    data = item.LUTData
    if isinstance(data, bytes):
        wide = ("<u2" if little_endian else ">u2") if len(data) >= 2 * entries else "u1"
        table = np.frombuffer(data, dtype=wide)[:entries].astype(np.uint16)
    else:
        table = np.atleast_1d(np.asarray(data, dtype=np.uint16))[:entries]
    if len(table) < entries:
        raise ValueError(f"LUT Data holds {len(table)} of {entries} entries")
    index = np.clip(np.rint(values) - first, 0, entries - 1).astype(np.intp)
    mapped: npt.NDArray[np.uint16] = np.minimum(table, (1 << lut_bits(item)) - 1)[index]
    return mapped

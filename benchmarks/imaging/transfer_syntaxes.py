"""Every file packaged with pydicom: what radscribe reads against pydicom's own pixels, as a Markdown table.

    python -m benchmarks.imaging.transfer_syntaxes

The reference is pydicom's `pixel_array` through pydicom's own Modality LUT, VOI LUT and window functions,
scaled to 0..1. A file whose compression loses nothing is compared with its uncompressed sibling too. pydicom
itself decodes no 12-bit JPEG Extended: there the reference is the pixel values that pydicom's tests state.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.data.data_manager import DATA_ROOT
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi_lut

from radscribe.errors import ImageError
from radscribe.imaging.reader import decode

FILES = Path(DATA_ROOT) / "test_files"
TOLERANCE = 1e-6  # of full scale: float32 against pydicom's float64
LOSSLESS_SIBLINGS = {
    "MR_small_RLE.dcm": "MR_small.dcm",
    "MR_small_bigendian.dcm": "MR_small.dcm",
    "MR_small_expb.dcm": "MR_small.dcm",
    "MR_small_implicit.dcm": "MR_small.dcm",
    "MR_small_jp2klossless.dcm": "MR_small.dcm",
    "MR_small_jpeg_ls_lossless.dcm": "MR_small.dcm",
    "SC_rgb_small_odd_big_endian.dcm": "SC_rgb_small_odd.dcm",
    "liver_expb_1frame.dcm": "liver_1frame.dcm",
    "rtdose_expb_1frame.dcm": "rtdose_1frame.dcm",
    "rtdose_rle_1frame.dcm": "rtdose_1frame.dcm",
    "SC_rgb_jpeg_gdcm.dcm": "SC_rgb_rle.dcm",
}
# pydicom's tests/pixels/pixels_reference.py: row, column and stored value.
STATED = {
    "JPEG-lossy.dcm": ((420, 140, 244), (230, 120, 95)),
    "JPGExtended.dcm": ((420, 140, 244), (230, 120, 95)),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One file: `difference` is of full scale; `refused` is the reason without the file's name."""

    file: str
    syntax: str
    photometric: str
    bits: str
    against: str = ""
    difference: float | None = None
    refused: str = ""


def rows() -> Iterator[Row]:
    """Every DICOM file that holds pixels, and those that hold none."""
    for path in sorted(FILES.rglob("*")):
        if not path.is_file() or path.suffix in {".txt", ".json", ".dump", ".icc", ".gz", ".py"}:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(path, force=True)
            if len(dataset):
                yield _row(path, dataset)


def _row(path: Path, dataset: Dataset) -> Row:
    name = str(path.relative_to(FILES))
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    signed = ", signed" if dataset.get("PixelRepresentation") else ""
    bits = f"{dataset.get('BitsStored')} of {dataset.get('BitsAllocated')}{signed}"
    about = (
        name,
        syntax.name.partition(",")[0] if syntax else "not stated",
        str(dataset.get("PhotometricInterpretation", "-")),
        bits if "BitsStored" in dataset else "-",
    )
    try:
        radiograph = decode(path)
        pixels = radiograph.pixels
    except ImageError as error:
        return Row(*about, refused=str(error).removeprefix(f"{path}: "))
    if name in STATED:
        peak = 264  # these two are scaled by their own range, 0 to 264
        difference = max(abs(float(pixels[y, x]) - value / peak) for y, x, value in STATED[name])
        return Row(*about, "values that pydicom's tests state", difference)
    window = not any("window ignored" in note for note in radiograph.provenance.notes)
    difference = float(np.abs(pixels - reference(dataset, window)).max())
    if name not in LOSSLESS_SIBLINGS:
        return Row(*about, "pydicom", difference)
    sibling = FILES / LOSSLESS_SIBLINGS[name]
    difference = max(difference, float(np.abs(pixels - _decode(sibling)).max()))
    return Row(*about, f"pydicom, {sibling.name}", difference)


def _decode(path: Path) -> npt.NDArray[np.float32]:
    """Pixels without the limit of 64: test images are small."""
    return decode(path).pixels


def reference(dataset: Dataset, window: bool) -> npt.NDArray[Any]:
    """0..1 with nothing but pydicom's functions; without `window` the range of the image is shown."""
    stored = dataset.pixel_array
    photometric = dataset.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    if stored.ndim == 3:
        luminance: npt.NDArray[Any] = stored[..., :3].astype(np.float64) @ (0.299, 0.587, 0.114)
        return luminance / np.iinfo(stored.dtype).max
    rescaled = apply_modality_lut(stored, dataset)
    padding = np.zeros(stored.shape, bool)
    if "PixelPaddingValue" in dataset:
        padding = stored == dataset.PixelPaddingValue
    if "WindowCenter" in dataset and window:
        shown = apply_voi_lut(rescaled, dataset)
        ends = np.array(
            (-(2 ** (dataset.BitsStored - 1)), 2 ** (dataset.BitsStored - 1) - 1)
            if dataset.PixelRepresentation
            else (0, 2**dataset.BitsStored - 1)
        )
        low, high = apply_modality_lut(ends, dataset)
    elif dataset.BitsStored <= 8:
        shown, low, high = rescaled, 0, 2**dataset.BitsStored - 1
    else:
        shown, low, high = rescaled, rescaled[~padding].min(), rescaled[~padding].max()
    unit = np.clip((shown.astype(np.float64) - low) / (float(high) - float(low)), 0, 1)
    if photometric == "MONOCHROME1":
        unit = 1 - unit
    return np.where(padding, 0, unit)


def main() -> int:
    found = sorted(rows(), key=lambda row: (bool(row.refused), row.syntax, row.photometric, row.file))
    print("| transfer syntax | photometric interpretation | bits | file | against | largest difference |")
    print("|---|---|---|---|---|---|")
    for row in found:
        if row.difference is not None:
            print(
                f"| {row.syntax} | {row.photometric} | {row.bits} | {row.file} | {row.against} "
                f"| {row.difference:.1e} |"
            )
    print("\n| refused | files |\n|---|---|")
    for reason, count in Counter(row.refused for row in found if row.refused).most_common():
        print(f"| {reason} | {count} |")
    read = [row for row in found if row.difference is not None]
    wrong = [row.file for row in read if row.difference is not None and row.difference > TOLERANCE]
    print(
        f"\n{len(read)} files read, {len(found) - len(read)} refused; "
        f"{len({row.syntax for row in read})} transfer syntaxes, "
        f"{len({row.photometric for row in read})} photometric interpretations; "
        f"beyond {TOLERANCE:g} of full scale: {', '.join(wrong) or 'none'}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Reading large films: our reader against the shortest code that reads the same file, per transfer syntax.

    python -m benchmarks.imaging.reading_speed

The film is 2,500 x 2,048 pixels of 14 bits with a window, made here. The shortest code is `dcmread`, the
decoder that pydicom would call, one lookup table and Pillow's resize; both end with a square of 320 pixels.
Prints the median milliseconds of both in one run, alternating, and their ratio (above 1: our reader is
faster). "exact" is our reader at full resolution.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from radscribe.imaging.reader import read
from radscribe.phantom import draw

SIZE = 320
SYNTAXES = {
    "uncompressed": ExplicitVRLittleEndian,
    "RLE": RLELossless,
    "JPEG lossless": JPEGLosslessSV1,
    "JPEG-LS": JPEGLSLossless,
    "JPEG 2000 lossless": JPEG2000Lossless,
}
if importlib.util.find_spec("imagecodecs"):  # of the extra jxl; only it writes High-Throughput JPEG 2000
    SYNTAXES["HTJ2K lossless"] = HTJ2KLossless
Film = npt.NDArray[np.uint16]


def film(height: int = 2500, width: int = 2048) -> Film:
    """A drawn chest of 14 bits with the noise of a detector."""
    small = Image.fromarray(draw(5, size=512).radiograph.pixels)
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).normal(0, 40, pixels.shape)
    return np.clip(pixels * 16000 + noise, 0, 16383).astype(np.uint16)


def write(pixels: Film, syntax: UID, path: Path) -> None:
    """Write the film in a transfer syntax."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, generate_uid()
    dataset.StudyInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 14, 13, 0
    dataset.WindowCenter, dataset.WindowWidth = "8192", "16384"
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    if syntax in (JPEG2000Lossless, JPEG2000):
        from openjpeg.utils import encode_array

        ratios = None if syntax == JPEG2000Lossless else [10.0]
        stream = encode_array(pixels, 14, photometric_interpretation=2, compression_ratios=ratios)
        dataset.PixelData = encapsulate([stream])
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax == HTJ2KLossless:
        import imagecodecs

        dataset.PixelData = encapsulate([bytes(imagecodecs.htj2k_encode(pixels))])
        dataset.file_meta.TransferSyntaxUID = syntax
    elif syntax in (RLELossless, JPEGLSLossless):
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
    if syntax == JPEGLosslessSV1:
        _to_jpeg_lossless(path)


def _to_jpeg_lossless(path: Path) -> None:
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    if not reader.Read():
        raise SystemExit("GDCM cannot read the film")
    change.SetInput(reader.GetImage())
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    if not change.Change():
        raise SystemExit("GDCM cannot compress the film")
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    if not writer.Write():
        raise SystemExit("GDCM cannot write the film")


def shortest(path: Path, size: int = SIZE) -> npt.NDArray[np.float32]:
    """`dcmread`, pixels, one table, resize."""
    dataset = dcmread(path)
    if dataset.file_meta.TransferSyntaxUID == HTJ2KLossless:
        import imagecodecs

        stored = imagecodecs.htj2k_decode(get_frame(dataset.PixelData, 0, number_of_frames=1))
    elif dataset.file_meta.TransferSyntaxUID in (JPEG2000Lossless, JPEG2000):
        from openjpeg.utils import decode_pixel_data

        frame = decode_pixel_data(get_frame(dataset.PixelData, 0, number_of_frames=1), version=2)
        stored = np.frombuffer(bytes(frame), "<u2").reshape(dataset.Rows, dataset.Columns)
    else:
        stored = pixel_array(dataset)
    width = float(dataset.WindowWidth)
    unit = (np.arange(1 << 14) - (float(dataset.WindowCenter) - 0.5)) / (width - 1) + 0.5
    grey = np.take(np.clip(unit, 0, 1).astype(np.float32), stored)
    return np.asarray(Image.fromarray(grey).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0))


def ours_of(path: Path, exact: bool = False) -> npt.NDArray[np.float32]:
    """The same through our reader."""
    return read(path, size=SIZE, exact=exact).pixels


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="readings of each file (default: 5)")
    rounds = parser.parse_args().rounds
    pixels = film()
    print(f"{SIZE} px from {pixels.shape[0]} x {pixels.shape[1]} of 14 bits, median of {rounds}")
    print("| transfer syntax | shortest, ms | exact, ms | ours, ms | ratio exact | ratio | mean difference |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, syntax in SYNTAXES.items():
            path = Path(folder) / f"{syntax}.dcm"
            write(pixels, syntax, path)
            ways: dict[str, Callable[[], npt.NDArray[np.float32]]] = {
                "shortest": partial(shortest, path),
                "exact": partial(ours_of, path, exact=True),
                "ours": partial(ours_of, path),
            }
            results = {way: work() for way, work in ways.items()}  # warm
            times: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, work in ways.items():
                    times[way].append(milliseconds(work))
            base, exact, ours = (statistics.median(times[way]) for way in ways)
            difference = float(np.abs(results["ours"] - results["shortest"]).mean())
            print(
                f"| {name} | {base:.0f} | {exact:.0f} | {ours:.0f} | {base / exact:.2f} | {base / ours:.2f} "
                f"| {difference:.5f} |",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())

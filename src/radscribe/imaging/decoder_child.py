"""Run as a script: one compressed stream on standard input, its samples on standard output.

`decoder_process` starts it. It imports nothing of radscribe, so that it starts fast.
"""

from __future__ import annotations

import sys


def gdcm_samples(stream: bytes, syntax: str, rows: int, columns: int, samples: int, bits: int) -> bytes:
    """JPEG of any process by GDCM."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    kinds = gdcm.PhotometricInterpretation
    image.SetPhotometricInterpretation(kinds(kinds.MONOCHROME2 if samples == 1 else kinds.RGB))
    if samples > 1:
        image.SetPlanarConfiguration(0)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(samples, 8 if bits <= 8 else 16, bits, bits - 1, 0))
    # GDCM's wrapper hands the bytes over as a str, or None where it fails.
    return (image.GetBuffer() or "").encode("utf-8", "surrogateescape")


def charls_samples(stream: bytes) -> bytes:
    """JPEG-LS by CharLS."""
    import _CharLS  # type: ignore[import-not-found, unused-ignore]

    return bytes(_CharLS._decode(stream))


def limit_memory(size: int) -> None:
    """No more than `size` bytes of address space, where the system has such a limit (Windows has none)."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def main(memory: str, codec: str, *arguments: str) -> None:
    limit_memory(int(memory))
    stream = sys.stdin.buffer.read()
    if codec == "charls":
        decoded = charls_samples(stream)
    else:
        syntax, *numbers = arguments
        rows, columns, samples, bits = map(int, numbers)
        decoded = gdcm_samples(stream, syntax, rows, columns, samples, bits)
    sys.stdout.buffer.write(decoded)


if __name__ == "__main__":
    main(*sys.argv[1:])

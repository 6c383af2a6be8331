"""Run as a script: decode compressed streams that arrive on standard input, one after the other.

`codecs.Child` starts it. It imports no module of radscribe, so it starts fast, and imports a decoder when
the first stream needs it. A request is a line of JSON and the stream; an answer is a status byte, the length
in 8 bytes, and the samples.
"""

from __future__ import annotations

import ctypes
import json
import sys

JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"


def gdcm_samples(stream: bytes, syntax: str, rows: int, columns: int, samples: int, bits: int) -> bytes:
    """Decode JPEG of any process with GDCM."""
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
    if syntax == JPEG_EXTENDED:  # converting some of these ends the process
        return (image.GetBuffer() or "").encode("utf-8", "surrogateescape")
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    change.SetInput(image)
    image.thisown = False  # `change` owns it now; Python would free it a second time
    if not change.Change():
        raise ValueError("damaged")
    value = change.GetOutput().GetDataElement().GetByteValue()
    # `GetBuffer` would turn megabytes into a str and back.
    return ctypes.string_at(int(value.GetVoidPointer()), int(str(value.GetLength())))


def charls_samples(stream: bytes) -> bytes:
    """Decode JPEG-LS with CharLS."""
    import _CharLS  # type: ignore[import-not-found, unused-ignore]

    return bytes(_CharLS._decode(stream))


def jpeg_xl_samples(stream: bytes, rows: int, columns: int, samples: int, size: int) -> bytes:
    """Decode JPEG XL with libjxl, into samples of `size` bytes."""
    import imagecodecs

    decoded = imagecodecs.jpegxl_decode(stream, numthreads=1)
    if decoded.shape != ((rows, columns) if samples == 1 else (rows, columns, samples)):
        raise ValueError("another size than the header says")
    if decoded.dtype.kind != "u" or decoded.itemsize > size:
        raise ValueError("another depth than the header says")
    return bytes(decoded.astype(f"<u{size}", copy=False).tobytes())


def limit_memory(size: int) -> None:
    """Allow `size` bytes of address space, if the system has such a limit (Windows has none)."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


def main() -> None:
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := requests.readline():
        request = json.loads(line)
        stream = requests.read(request["length"])
        limit_memory(request["memory"])
        try:
            if request["codec"] == "charls":
                decoded = charls_samples(stream)
            elif request["codec"] == "jpegxl":
                decoded = jpeg_xl_samples(stream, *request["arguments"])
            else:
                decoded = gdcm_samples(stream, *request["arguments"])
            status = b"\1"
        except Exception:  # noqa: BLE001  decoders raise many kinds; the caller has the words for it
            decoded, status = b"", b"\0"
        answers.write(status + len(decoded).to_bytes(8, "little"))
        answers.write(decoded)
        answers.flush()


if __name__ == "__main__":
    main()

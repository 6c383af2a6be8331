"""Run as a script: read all of the HDF5 file on standard input, to see whether that ends well.

The HDF5 library does not come back from some damaged files, and crashes on others. `keras_file` lets this
process find out. It imports no module of radscribe, so it starts fast.
"""

from __future__ import annotations

import io
import sys

MEMORY = 4 << 30  # bytes of address space, and for each byte of the file
BYTES_A_BYTE = 4
SECONDS = 10  # of processor time, whatever else the machine does, and one more for each
BYTES_A_SECOND = 10_000_000


def main() -> None:
    content = sys.stdin.buffer.read()
    if sys.platform != "win32":
        import resource

        size = MEMORY + BYTES_A_BYTE * len(content)
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
        seconds = SECONDS + len(content) // BYTES_A_SECOND
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    import h5py

    def read(name: str, item: h5py.Group | h5py.Dataset) -> None:
        dict(item.attrs)
        if isinstance(item, h5py.Dataset) and not (item.external or item.is_virtual):
            item[()]

    with h5py.File(io.BytesIO(content), "r") as file:
        dict(file.attrs)
        file.visititems(read)


if __name__ == "__main__":
    main()

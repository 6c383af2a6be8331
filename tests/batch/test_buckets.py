"""A bucket as source and destination, on a server of Amazon's S3 protocol on loopback."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from radscribe.batch.places import Folder, read_bytes
from radscribe.batch.plan import PLAN
from radscribe.batch.run import Batch
from radscribe.errors import ImageError, OutputError, RadscribeError, UsageError
from tests.batch.conftest import files, request

needs_s3 = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("moto", "s3fs", "flask")),
    reason="needs moto and s3fs, which the extra dev installs",
)


@pytest.fixture(scope="module")
def bucket(scans: Path) -> Iterator[str]:
    """A bucket with the scans."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        system = s3fs.S3FileSystem(skip_instance_cache=True)
        system.mkdir("chests")
        for path in scans.iterdir():
            system.pipe_file(f"chests/scans/{path.name}", path.read_bytes())
        yield "s3://chests"
    server.stop()


@needs_s3
def test_from_a_bucket_into_a_bucket(bucket: str, whole: Path) -> None:
    batch = Batch(request(f"{bucket}/scans", f"{bucket}/captions", part=(1, 2)))
    assert batch.skipped == "skipped 1 files whose names are not those of images"
    list(batch.run(1))
    rest = Batch(request(f"{bucket}/scans", f"{bucket}/captions"))
    assert len(rest.todo) == rest.done == 2
    list(rest.run(2))  # processes of their own
    folder = Folder(f"{bucket}/captions")
    assert folder.names() == set(files(whole))
    for name, content in files(whole).items():
        with folder.open(name) as file:
            assert name == PLAN or file.read() == content, name


@needs_s3
def test_what_goes_wrong_in_a_bucket_is_one_line(bucket: str) -> None:
    with pytest.raises(ImageError, match=r"absent.png: there is no such file; check the path"):
        read_bytes(f"{bucket}/scans", "absent.png")
    with pytest.raises(OutputError, match=r"s3://nobody-has-this/x: cannot be used: .*; check the URL"):
        Folder("s3://nobody-has-this/x").write("a", b"1")


def test_a_url_of_no_known_kind_is_told() -> None:
    with pytest.raises(UsageError, match="no kind of URL called nothing"):
        Folder("nothing://x/y")


def test_a_store_without_its_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec.core

    def missing(url: str) -> None:
        raise ImportError("Install gcsfs")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(RadscribeError, match="gs:// needs another package; install the fsspec"):
        Folder("gs://x/y")


def test_a_store_of_objects_that_can_be_renamed(scans: Path, whole: Path, tmp_path: Path) -> None:
    """`file` through fsspec stands for every store that is not one of objects."""
    place = Folder(f"local://{tmp_path}/out")
    place.write("a", b"1")
    assert place.names() == {"a"}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]

"""Writing: complete or not at all, never over something by accident, and one line when it fails."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from radscribe.errors import OutputError, RadscribeError, UsageError
from radscribe.files import (
    atomic_write,
    make_folder,
    output_error,
    refuse_existing,
    sha256_of,
    staged_folder,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_complete_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    with atomic_write(path) as file:
        file.write(b"forty-two")
        assert not path.exists()
    assert path.read_bytes() == b"forty-two"
    with pytest.raises(ZeroDivisionError), atomic_write(path) as file:  # noqa: PT012
        file.write(b"for")
        raise ZeroDivisionError
    assert path.read_bytes() == b"forty-two"
    assert names(tmp_path) == ["answer.txt"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a") as file:  # noqa: PT012
        file.write(b"half")
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), staged_folder(tmp_path / "b") as stage:  # noqa: PT012
        write_text(stage / "half", "half")
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "ours", "x")
    with staged_folder(tmp_path / "folder") as stage:
        write_text(stage / "file", "x")
    modes = {
        path.stat().st_mode for path in (tmp_path / "plain", tmp_path / "ours", tmp_path / "folder/file")
    }
    assert len(modes) == 1
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    folder.mkdir()
    refuse_existing(file)
    refuse_existing(folder)  # it is empty
    write_text(file, "old")
    (folder / "old").touch()
    for path in (file, folder):
        with pytest.raises(UsageError, match=r"already exists; choose another name or pass --overwrite$"):
            refuse_existing(path)
        refuse_existing(path, overwrite=True)
    with pytest.raises(UsageError), atomic_write(file, overwrite=False):
        pass
    with pytest.raises(UsageError), staged_folder(folder):
        pass
    assert file.read_text() == "old"


def test_a_link_that_leads_nowhere_exists(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError):
        refuse_existing(tmp_path / "link")


def test_a_staged_folder_keeps_what_it_does_not_replace(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "inner").mkdir(parents=True)
    for name in ("mine.txt", "inner/mine.txt", "model.onnx", "old.onnx"):
        (out / name).write_text("old")
    with staged_folder(out, overwrite=True, last=["card.md"], stale=["old.onnx", "model.onnx"]) as stage:
        assert stage.name == out.name
        (stage / "inner").mkdir()
        for name in ("model.onnx", "card.md", "inner/new.txt"):
            (stage / name).write_text("new")
    found = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert found == {
        **dict.fromkeys(["mine.txt", "inner/mine.txt"], "old"),
        **dict.fromkeys(["model.onnx", "card.md", "inner/new.txt"], "new"),
    }
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize(("there", "new"), [("a/b", "a"), ("a", "a/b")])
def test_a_folder_never_replaces_a_file_nor_a_file_a_folder(tmp_path: Path, there: str, new: str) -> None:
    out = tmp_path / "out"
    for place in (out / there, out / "z"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("old")
    with pytest.raises(UsageError, match="move it away"), staged_folder(out, True) as stage:  # noqa: PT012
        (stage / new).parent.mkdir(exist_ok=True)
        (stage / new).write_text("new")
        (stage / "z").write_text("new")
    assert (out / there).read_text() == (out / "z").read_text() == "old"


def test_a_target_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: is a file, not a folder; choose another folder$"):
        make_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="a part of this path is a file"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(OutputError, match="is a file, not a folder"), staged_folder(tmp_path / "file"):
        pass
    with pytest.raises(OutputError, match="is a folder"), atomic_write(tmp_path) as file:
        file.write(b"x")
    with pytest.raises(OutputError, match="no such file or folder"), atomic_write(tmp_path / "no" / "file"):
        pass


def test_an_input_that_is_missing_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="input"), atomic_write(tmp_path / "out") as file:
        file.write(Path("no/such/input").read_bytes())


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a read-only file system, such as /proc")
def test_a_read_only_place_is_one_line() -> None:
    for path in (Path("/proc/version"), Path("/proc/radscribe")):
        with pytest.raises(RadscribeError) as caught, atomic_write(path) as file:
            file.write(b"x")
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


SMALL_DISK = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from radscribe.errors import OutputError
from radscribe.files import atomic_write, staged_folder
out = Path(sys.argv[1])
try:
    with staged_folder(out / "bundle") as stage:
        (stage / "model").write_bytes(bytes(200_000))
except OutputError as error:
    print(error)
try:
    with atomic_write(out / "file") as file:
        file.write(bytes(200_000))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs limits on file sizes")
def test_the_system_refuses_more_bytes(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    problem = "exceeds the largest allowed file size; raise the limit or write to another disk"
    assert result.stdout.splitlines() == [f"{tmp_path / name}: {problem}" for name in ("bundle", "file")]
    assert names(tmp_path) == []


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    with full, pytest.raises(OutputError, match="the disk is full; free"), atomic_write(tmp_path / "a"):
        full.write(b"x")
    assert names(tmp_path) == []


def test_the_sum_of_a_file(tmp_path: Path) -> None:
    write_text(tmp_path / "abc", "abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_a_copy_that_fails_names_the_file_that_could_not_be_written() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "source.pt", None, "target.pt")
    assert str(output_error(error)).startswith("target.pt: ")

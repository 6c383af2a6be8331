"""A bundle is what was exported, whole, or one line says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from radscribe.bundle import format as bundle_format
from radscribe.bundle.format import BundleSpec, DecoderSpec, EncoderSpec, locate, read, sha256, write
from radscribe.errors import BundleError

FILES = ("encoder.onnx", "decoder_init.onnx", "decoder.onnx", "tokenizer.json", "MODEL_CARD.md")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle whose files hold their own names; reading does not run them."""
    for name in FILES:
        (tmp_path / name).write_text(name)
    write(tmp_path, spec_of(tmp_path))
    return tmp_path


def spec_of(folder: Path) -> BundleSpec:
    return BundleSpec(
        format=1,
        name="small",
        version="0",
        encoder=EncoderSpec("efficientnet-lite0", 64, ("Mass",), ("frontal",)),
        decoder=DecoderSpec("show-and-tell", ("probabilities",), ("h", "c"), 20),
        files={name: sha256(folder / name) for name in FILES},
        cautions=("for tests",),
    )


def test_what_is_written_is_read(folder: Path) -> None:
    assert read(folder) == spec_of(folder)
    assert read(folder).id.startswith("small@")


def test_the_id_follows_the_files(folder: Path) -> None:
    before = read(folder).id
    (folder / "decoder.onnx").write_text("another")
    write(folder, spec_of(folder))
    assert read(folder).id != before


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_named(folder: Path, name: str) -> None:
    (folder / name).write_text("tampered with")
    with pytest.raises(BundleError, match=rf"{name}: is not the file that was exported") as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BundleError, match=r"tokenizer.json: is missing"):
        read(folder)


def edited(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_another_format_is_not_guessed_at(folder: Path) -> None:
    edited(folder, format=2)
    with pytest.raises(BundleError, match="has format 2"):
        read(folder)


def test_an_unknown_key_is_an_error(folder: Path) -> None:
    edited(folder, surprise=1)
    with pytest.raises(BundleError, match="surprise"):
        read(folder)


def test_a_path_out_of_the_folder_is_refused(folder: Path) -> None:
    edited(folder, files={**spec_of(folder).files, "../secret": "00"})
    with pytest.raises(BundleError, match="not a plain file name"):
        read(folder)


def test_a_needed_file_without_a_hash_is_refused(folder: Path) -> None:
    files = {name: digest for name, digest in spec_of(folder).files.items() if name != "decoder.onnx"}
    edited(folder, files=files)
    with pytest.raises(BundleError, match=r"gives no hash for decoder\.onnx"):
        read(folder)


def test_no_bundle_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"bundle\.json is missing"):
        read(tmp_path)
    with pytest.raises(BundleError, match="no such bundle"):
        locate("no-such-name")
    (tmp_path / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match="cannot be read"):
        read(tmp_path)


def test_an_embedded_bundle_goes_by_its_name() -> None:
    assert locate(None) == locate(bundle_format.DEFAULT)
    assert read(locate(None)).name == bundle_format.DEFAULT


def test_the_weights_may_be_left_out_but_not_altered(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_text("weights")
    spec = spec_of(folder)
    write(folder, msgspec.structs.replace(spec, files={**spec.files, path.name: sha256(path)}))
    whole = read(folder)
    path.unlink()
    assert read(folder) == whole
    path.write_text("others")
    with pytest.raises(BundleError, match=r"weights\.safetensors: is not the file"):
        read(folder)

"""Bundles on the Hugging Face Hub: fetched once, only what captioning needs, verified; against a stand-in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import constants

from radscribe.bundle.format import BundleSpec, DecoderSpec, EncoderSpec, locate, read, sha256, write
from radscribe.errors import BundleError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = (
    "encoder.onnx",
    "decoder_init.onnx",
    "decoder.onnx",
    "tokenizer.json",
    "MODEL_CARD.md",
    "weights.safetensors",
)


class Hub(ThreadingHTTPServer):
    """Serves the files of one repository, `them/small`, as the Hub does, and remembers what was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder = folder
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        # /them/small/resolve/main/encoder.onnx
        owner, name, _, revision, file = self.path.strip("/").split("/")
        path = self.server.folder / file
        if (owner, name) != ("them", "small"):
            self.answer(404, {"X-Error-Code": "RepoNotFound", "Content-Length": "0"})
        elif revision not in ("main", COMMIT):
            self.answer(404, {"X-Error-Code": "RevisionNotFound", "Content-Length": "0"})
        elif not path.is_file():
            self.answer(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
        else:
            size = str(path.stat().st_size)
            self.answer(200, {"X-Repo-Commit": COMMIT, "ETag": sha256(path), "Content-Length": size})
            if self.command == "GET":
                self.server.asked.append(file)
                self.wfile.write(path.read_bytes())

    do_GET = do_HEAD

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    folder = tmp_path / "served"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(name)
    spec = BundleSpec(
        format=1,
        name="small",
        version="0",
        encoder=EncoderSpec("efficientnet-lite0", 64, ("Mass",), ("frontal",)),
        decoder=DecoderSpec("show-and-tell", ("probabilities",), ("h", "c"), 20),
        files={name: sha256(folder / name) for name in FILES},
    )
    write(folder, spec)
    server = Hub(folder)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    # What HF_ENDPOINT would set, had it been there when the client was imported.
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield server
    server.shutdown()
    server.server_close()


def test_only_what_captions_is_fetched_and_only_once(hub: Hub) -> None:
    folder = locate("hf:them/small")
    assert read(folder).name == "small"
    assert sorted(hub.asked) == sorted({"bundle.json", *FILES} - {"weights.safetensors"})
    hub.asked.clear()
    assert locate("hf:them/small@main") == folder
    assert locate(f"hf:them/small@{COMMIT}") == folder
    assert not hub.asked


def test_what_was_fetched_is_there_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = locate("hf:them/small")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert locate("hf:them/small") == folder


def test_offline_and_never_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BundleError, match=r"^hf:them/small: bundle\.json is not in the cache, and the Hub"):
        locate("hf:them/small")


def test_a_file_that_was_tampered_with_is_not_used(hub: Hub) -> None:
    (hub.folder / "decoder.onnx").write_text("another")
    with pytest.raises(BundleError, match=r"decoder\.onnx: is not the file that was exported"):
        read(locate("hf:them/small"))


def test_a_bundle_is_pinned_to_a_commit_and_a_digest(hub: Hub) -> None:
    digest = sha256(hub.folder / "bundle.json")
    locate(f"hf:them/small@{COMMIT}#sha256={digest}")
    with pytest.raises(BundleError, match="another SHA-256 than the one that is pinned"):
        locate(f"hf:them/small@{COMMIT}#sha256={'0' * 64}")


def test_a_description_that_names_a_place_outside_fetches_nothing(hub: Hub) -> None:
    path = hub.folder / "bundle.json"
    path.write_text(path.read_text().replace('"MODEL_CARD.md"', '"../MODEL_CARD.md"'))
    with pytest.raises(BundleError, match="not a plain file name"):
        locate("hf:them/small")
    assert hub.asked == ["bundle.json"]


@pytest.mark.parametrize(
    ("bundle", "problem"),
    [
        ("hf:them/other", "is not there, or private"),
        ("hf:them/small@old", "has no revision old"),
        ("hf:them/small/too/many", "names no repository"),
        ("hf:", "names no repository"),
    ],
)
def test_what_cannot_be_named_is_said_in_one_line(hub: Hub, bundle: str, problem: str) -> None:
    with pytest.raises(BundleError, match=f"^{bundle}: {problem}; ") as caught:
        locate(bundle)
    assert "\n" not in str(caught.value)


def test_a_repository_without_a_bundle(hub: Hub) -> None:
    (hub.folder / "bundle.json").unlink()
    with pytest.raises(BundleError, match=r"^hf:them/small: has no bundle\.json; "):
        locate("hf:them/small")


def test_a_file_that_the_repository_lacks_is_named(hub: Hub) -> None:
    (hub.folder / "tokenizer.json").unlink()
    with pytest.raises(BundleError, match=r"^hf:them/small: has no tokenizer\.json; "):
        locate("hf:them/small")


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(BundleError, match=r'pip install "\.\[hub\]"'):
        locate("hf:them/small")


def test_the_command_line_takes_it_too(hub: Hub, tmp_path: Path) -> None:
    (hub.folder / "encoder.onnx").write_text("another")
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "radscribe.cli.main", "caption", "--bundle", "hf:them/small", "a.png"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "encoder.onnx: is not the file that was exported" in done.stderr.splitlines()[-1]

"""Reviews, training on them, and the comparison with the bundle in use: the whole circle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

import radscribe
from radscribe.bundle.format import DEFAULT, WEIGHTS, describe, locate
from radscribe.cli.main import radscribe as command_line
from radscribe.data import reviews
from radscribe.data.manifest import Header, Manifest, write
from radscribe.data.study import ImageRef, Split, Study
from radscribe.errors import RadscribeWarning, UsageError
from radscribe.phantom import draw, save
from radscribe.serving.app import create_app
from radscribe.serving.cleaning import Sandbox
from radscribe.serving.settings import Settings
from radscribe.text.report import Report
from tests.serving.conftest import HOST, post

TEXTS = ("The heart is enlarged. No effusion.", "The lungs are clear.", "There is a left pleural effusion.")
QUICK = ("--set", "epochs=2", "--set", "options.hidden=16", "--set", "options.embedding=16")


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(command_line, [str(a) for a in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    for number in range(6):
        save(draw(number, size=320), folder / f"{number}.png")
    return sorted(folder.iterdir())


@pytest.fixture(scope="module")
def reviewed(films: list[Path], tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> Path:
    """A store with one accepted study; the embedded bundle wrote its draft."""
    store = tmp_path_factory.mktemp("circle") / "store"
    app = create_app(Settings(store=store), load=radscribe.load, sandbox=sandbox)
    with TestClient(app, base_url=HOST) as client:
        for path in films[:2]:
            record = post(client, (path.name, path.read_bytes())).json()
        review = {"decision": "accept", "text": TEXTS[0], "reviewer": "A. Reader"}
        answer = client.post(f"/v1/captions/{record['id']}/review", json=review)
        assert answer.status_code == 201, answer.text
    return store


def test_one_review_goes_round_and_is_not_taken_for_an_improvement(
    reviewed: Path, tmp_path: Path, films: list[Path]
) -> None:
    out, trained, bundle = tmp_path / "reviewed", tmp_path / "run", tmp_path / "bundle"
    told = run("export-reviews", "--store", reviewed, "--out", out).stderr
    name = radscribe.load().bundle
    assert f"1 reviewed study in {out}" in told
    assert name in told
    assert not (locate(DEFAULT) / WEIGHTS).exists()
    with pytest.warns(RadscribeWarning, match="no reviewed study is left for validation"):
        run("train", "--data", out, "--out", trained, "--set", f"encoder={DEFAULT}", *QUICK)
    run("export", trained, "--out", bundle)
    assert describe(bundle).files["encoder.onnx"] == describe(locate(DEFAULT)).files["encoder.onnx"]
    result = run("compare", DEFAULT, bundle, "--data", out, "--json")
    assert json.loads(result.stdout)["verdict"] == "undecided"
    caption = radscribe.load(bundle).caption(films[2], force=True)
    words = {word.rstrip(".") for word in (caption.text or "").lower().split()}
    assert words <= {*TEXTS[0].lower().replace(".", "").split(), "no", "effusion", ""}


def test_reviews_join_another_dataset(reviewed: Path, tmp_path: Path, films: list[Path]) -> None:
    out, data = tmp_path / "reviewed", tmp_path / "data"
    run("export-reviews", "--store", reviewed, "--out", out)
    data.mkdir()
    split: tuple[Split, ...] = ("train", "val", "test")
    studies = [
        Study(path.stem, (ImageRef(str(path), "PA"),), report=Report(findings=text), split=part)
        for path, text, part in zip(films[3:], TEXTS, split, strict=True)
    ]
    write(data, Header(1, "made for a test"), studies)
    settings = ("--set", f"encoder={DEFAULT}", "--set", f"reviews={out}", *QUICK)
    run("train", "--data", data, "--out", tmp_path / "run", *settings)
    words = json.loads((tmp_path / "run" / "tokenizer.json").read_text())["model"]["vocab"]
    assert "enlarged" in words  # of the dataset and of the review alike
    cached = list((tmp_path / "run" / "features").rglob("index.json"))
    assert [len(json.loads(path.read_text())) for path in cached] == [3]  # train, val, and the review


@pytest.mark.parametrize("count", [1, 2, 3, 10, 1000])
def test_every_part_gets_a_study_as_soon_as_there_are_enough(count: int) -> None:
    parts = reviews.parts(f"study-{number}" for number in range(count))
    assert len(parts) == count
    assert len(set(parts.values())) == min(count, 3)
    assert "train" in parts.values()


def test_later_reviews_never_move_earlier_ones() -> None:
    earlier = reviews.parts(f"study-{number}" for number in range(100))
    later = reviews.parts(f"study-{number}" for number in range(1000))
    assert earlier == {key: later[key] for key in earlier}


def test_reviews_are_told_from_other_datasets(tmp_path: Path, films: list[Path]) -> None:
    write(tmp_path, Header(1, "another"), [Study("1", (ImageRef(str(films[0]), "PA"),), split="train")])
    assert not reviews.is_of_reviews(Manifest(tmp_path))
    settings = ("--set", f"encoder={DEFAULT}", "--set", f"reviews={tmp_path}")
    with pytest.raises(UsageError, match="holds no reviews"):
        run("train", "--data", tmp_path, "--out", tmp_path / "run", *settings)

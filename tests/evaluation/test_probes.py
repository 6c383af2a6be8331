"""Counterfactual tests: pairs differ in one thing, and scores separate good captioners from bad."""

from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from radscribe.cli.main import main
from radscribe.errors import DataError, RadscribeError, UsageError
from radscribe.evaluation.probes import captioners
from radscribe.evaluation.probes.pairs import Pair, ProbeImage, images, pairs, seeds_in
from radscribe.evaluation.probes.report import page
from radscribe.evaluation.probes.score import ProbeResult, Rate, score_pairs
from radscribe.phantom import DRAWABLE, FindingSpec

WORDS = {"Cardiomegaly": "cardiomegaly", "Effusion": "pleural effusion", "Hernia": "hiatal hernia"}


def oracle(image: ProbeImage) -> str:
    """A caption that says what was drawn, and nothing else."""
    said = []
    for spec in image.findings:
        amount = "large" if (spec.strength or 0) > 0.7 else "small"
        side = f"{spec.side} " if spec.side else ""
        said.append(f"There is a {amount} {side}{WORDS.get(spec.name, spec.name.lower())}.")
    return " ".join(said) or "The lungs are clear."


def scored(made: list[Pair], captions: dict[str, str | None]) -> ProbeResult:
    return score_pairs(made, captions, "a test's")


def totals(result: ProbeResult) -> dict[str, tuple[float | None, float]]:
    return {one.test: (one.right.value if one.right else None, one.wrong.value) for one in result.totals}


@pytest.fixture(scope="module")
def made() -> list[Pair]:
    return pairs(range(3))


def test_a_captioner_that_says_what_is_drawn_is_always_right(made: list[Pair]) -> None:
    found = scored(made, {image.name: oracle(image) for image in images(made)})
    for test, (right, wrong) in totals(found).items():
        assert right in (None, 1.0), test
        assert wrong == 0.0, test
    assert {one.finding for one in found.tests if one.test == "inserted"} == set(DRAWABLE)
    assert {one.finding for one in found.tests if one.test == "other side"} == set(DRAWABLE) - {
        "Cardiomegaly",
        "Hernia",
    }
    assert all(one.wrong.n == 3 for one in found.tests)


def test_a_captioner_that_always_says_the_same_is_never_right_and_never_wrong(made: list[Pair]) -> None:
    found = scored(made, {image.name: "There is a small left pleural effusion." for image in images(made)})
    for right, wrong in totals(found).values():
        assert right in (None, 0.0)
        assert wrong == 0.0


def test_a_captioner_that_follows_the_letter_changes_when_it_should_not(made: list[Pair]) -> None:
    captions: dict[str, str | None] = {
        image.name: oracle(image) + (" Pneumothorax." if image.distortion == "letter" else "")
        for image in images(made)
    }
    found = totals(scored(made, captions))
    assert found["letter"][1] > 0.8
    assert found["brightness"][1] == found["rotation"][1] == 0.0


def test_the_wrong_side_is_not_what_should_change(made: list[Pair]) -> None:
    swap = {"left": "right", "right": "left"}
    captions: dict[str, str | None] = {
        image.name: re.sub("left|right", lambda match: swap[match[0]], oracle(image))
        for image in images(made)
    }
    found = totals(scored(made, captions))
    assert found["other side"][0] == 0.0
    assert found["inserted"][0] == 1.0


def test_growth_needs_larger_words_or_a_first_mention(made: list[Pair]) -> None:
    same: dict[str, str | None] = {
        image.name: re.sub("large |small ", "", oracle(image)) for image in images(made)
    }
    assert totals(scored(made, same))["enlarged"][0] == 0.0
    blind = {
        image.name: "" if any(spec.strength == 0.2 for spec in image.findings) else oracle(image)
        for image in images(made)
    }
    late: dict[str, str | None] = {name: text or "The lungs are clear." for name, text in blind.items()}
    assert totals(scored(made, late))["enlarged"][0] == 1.0


def test_images_differ_in_the_one_thing() -> None:
    normal = ProbeImage(5).pixels(128).astype(int)
    spec = FindingSpec("Nodule", "left", 0.8)
    nodule = ProbeImage(5, (spec,)).pixels(128).astype(int)
    changed = np.argwhere(np.abs(normal - nodule) > 8)
    assert 0 < len(changed) < 0.05 * normal.size
    assert np.ptp(changed, axis=0).max() < 40  # in one place
    letter = ProbeImage(5, (), "letter").pixels(128).astype(int)
    rows, columns = np.nonzero(letter != normal)
    assert rows.min() > 100
    assert columns.min() > 100
    bright = ProbeImage(5, (), "brightness").pixels(128).astype(int)
    assert (bright >= normal).all()
    assert (bright.mean() - normal.mean()) > 10
    assert (ProbeImage(5).pixels(128) == normal).all()


def test_names_say_what_to_score(made: list[Pair]) -> None:
    names = [image.name for image in images(made)]
    assert len(set(names)) == len(names)
    assert seeds_in(names) == ([0, 1, 2], list(DRAWABLE))
    nodules = [image.name for image in images(pairs([7], ["Nodule"]))]
    assert seeds_in(nodules) == ([7], ["Nodule"])
    assert ProbeImage(7, (FindingSpec("Effusion", "left", 0.8),), "letter").name == (
        "p0007_effusion-left-80_letter"
    )
    with pytest.raises(UsageError, match="cannot draw 'Edema'"):
        pairs([1], ["Edema"])


def test_an_interval_covers_its_rate() -> None:
    assert Rate(0, 20).interval == pytest.approx((0.0, 0.1611), abs=1e-3)
    assert Rate(10, 20).interval == pytest.approx((0.2993, 0.7007), abs=1e-3)
    assert Rate(0, 0).to_dict()["value"] is None


def test_refused_images_leave_their_pairs_out(made: list[Pair]) -> None:
    captions: dict[str, str | None] = {image.name: oracle(image) for image in images(made)}
    captions["p0000_normal"] = None
    found = scored(made, captions)
    assert found.refused == 1
    assert {one.wrong.n for one in found.tests if one.test == "inserted"} == {2}
    assert "were refused" in page(found)
    with pytest.raises(DataError, match=r"1 of .* images have no caption, p0001_normal among them"):
        scored(made, {name: text for name, text in captions.items() if name != "p0001_normal"})
    with pytest.raises(DataError, match="no caption of any image"):
        scored(made, dict.fromkeys(captions, ""))


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["probe", *map(str, arguments)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_images_written_captioned_elsewhere_and_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("--patients", 1, "--finding", "Effusion", "--size", 64)
    assert run("--write", tmp_path / "images", *common) == 0
    table = tmp_path / "images" / "list.csv"
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert all((tmp_path / "images" / row["image"]).is_file() for row in rows)
    assert run("--read", table, "--out", tmp_path / "out") == 1
    assert "no caption" in capsys.readouterr().err
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "report"))
        by_name = {image.name: oracle(image) for image in images(pairs([0], ["Effusion"]))}
        writer.writerows((row["id"], by_name[row["id"]]) for row in rows)
    assert run("--read", table, "--out", tmp_path / "out", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out" / "probe.json").read_text())
    assert printed["totals"][0]["changed_as_it_should"]["value"] == 1.0
    html = (tmp_path / "out" / "probe.html").read_text()
    assert "Other side" in html
    assert not re.search(r"https?://|<script", html)
    assert run("--read", table, "--out", tmp_path / "out") == 2


class Service(BaseHTTPRequestHandler):
    """Answers each upload as the REST service does."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = re.search(rb'name="files"; filename="(p\d+_\S+)\.png"', body)
        assert name is not None
        assert b"\x89PNG" in body
        caption = {"text": f"{name[1].decode()}. No effusion.", "bundle": "served@1"}
        answer = json.dumps({"status": "done", "caption": caption}).encode()
        self.send_response(200 if self.headers["Authorization"] == "Bearer secret" else 401)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Stay silent."""


@pytest.fixture
def service() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_service_captions_the_images(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = images(pairs([0], ["Effusion"]))[:2]
    monkeypatch.setenv(captioners.TOKEN, "secret")
    name, found = captioners.from_service(service, wanted, size=64)
    assert name == "served@1"
    assert found[wanted[1].name] == f"{wanted[1].name}. No effusion."
    monkeypatch.delenv(captioners.TOKEN)
    with pytest.raises(RadscribeError, match="answered 401"):
        captioners.from_service(service, wanted, size=64)
    with pytest.raises(UsageError, match="not an address"):
        captioners.from_service("localhost", wanted)


def test_a_service_that_is_not_there_is_one_line() -> None:
    with pytest.raises(RadscribeError, match="cannot be reached"):
        captioners.from_service("http://127.0.0.1:9", images(pairs([0], ["Effusion"]))[:1], size=64)

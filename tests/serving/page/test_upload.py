"""Files in, drafts out: what the page shows is what the command line says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from pydicom import dcmread

from tests.serving.page.reader import Reader

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


@pytest.fixture(scope="module")
def said(files: Path) -> dict[str, dict[str, Any]]:
    """What `radscribe caption` says of each file."""
    names = ["a.png", "b.png", "a.dcm"]
    command = [sys.executable, "-m", "radscribe.cli.main", "caption", "--json", "--n-best", "3"]
    run = subprocess.run(
        [*command, *(str(files / n) for n in names)], capture_output=True, text=True, check=True
    )
    return dict(zip(names, map(json.loads, run.stdout.splitlines()), strict=True))


def shown_findings(reader: Reader) -> dict[str, str]:
    reader.page.locator(".rest summary").click()
    rows = reader.page.locator(".finding")
    return {
        row.locator(".finding-name").inner_text().split("\n")[0].strip(): row.locator(
            ".probability"
        ).inner_text()
        for row in rows.all()
    }


def test_a_picture_gets_the_draft_of_the_command_line(
    reader: Reader, files: Path, said: dict[str, dict[str, Any]]
) -> None:
    reader.send(files / "a.png")
    assert reader.draft == said["a.png"]["text"]
    shown = shown_findings(reader)
    assert len(shown) == len(said["a.png"]["findings"])
    for name, probability in said["a.png"]["findings"].items():
        label = next(text for text in shown if text.startswith(name.replace("_", " ")))
        expected = "<1 %" if probability < 0.01 else f"{100 * probability:.0f} %"
        assert shown[label] == expected, name
    assert said["a.png"]["bundle"] in reader.page.locator(".provenance").inner_text()


def test_another_radiograph_gets_another_draft(
    reader: Reader, files: Path, said: dict[str, dict[str, Any]]
) -> None:
    reader.send(files / "a.png")
    first = reader.draft
    reader.send(files / "b.png")
    assert (first, reader.draft) == (said["a.png"]["text"], said["b.png"]["text"])
    assert first != reader.draft


def test_a_dicom_file(reader: Reader, files: Path, said: dict[str, dict[str, Any]]) -> None:
    reader.send(files / "a.dcm")
    assert reader.draft == said["a.dcm"]["text"]
    assert "PA" in reader.view().inner_text()
    assert "Never" not in reader.page.content()


def test_two_views_are_one_study(reader: Reader, files: Path) -> None:
    study = reader.send(files / "frontal.png", files / "lateral.png")
    assert study["caption"]["left_out"] == {}
    assert reader.page.locator(".view:visible").count() == 2
    assert "No part in the draft" not in reader.view(1).inner_text()


def test_an_image_that_is_left_out_is_named(reader: Reader, files: Path) -> None:
    study = reader.send(files / "frontal.png", files / "noise.png")
    assert study["caption"]["left_out"]
    assert reader.page.locator(".view:visible").count() == 2
    assert "No part in the draft" in reader.view(1).inner_text()
    assert "No part in the draft" not in reader.view(0).inner_text()
    notes = reader.page.locator(".notes").inner_text()
    for file, why in study["caption"]["left_out"].items():
        assert file in notes
        assert why in notes


def test_several_studies_one_after_the_other(reader: Reader, files: Path) -> None:
    reader.page.set_input_files("#files", [str(files / "a.png"), str(files / "b.png")])
    reader.page.wait_for_function(  # earlier tests left studies in the list
        "() => [...document.querySelectorAll('.history .name')].slice(0, 2).map(name => name.textContent)"
        ".sort().join() === 'a.png,b.png'"
    )
    names = reader.page.locator(".history .name").all_inner_texts()[:2]
    assert sorted(names) == ["a.png", "b.png"]
    assert reader.study()["study"] is None  # the first of them is open
    assert reader.page.locator(".view").count() == 1


def sent_studies(reader: Reader, *files: Path) -> list[list[str]]:
    """Names of the files of each study that the page sends."""
    sent: list[list[str]] = []

    def note(route: Any) -> None:
        body = route.request.post_data_buffer or b""
        sent.append(re.findall(r'name="files"; filename="([^"]+)"', body.decode("latin-1")))
        route.fulfill(status=422, json={"title": "Noted", "detail": "", "status": 422})

    reader.page.route("**/v1/captions", note)
    reader.page.set_input_files("#files", [str(file) for file in files])
    reader.page.wait_for_selector(".state .bad")
    marks = "[...document.querySelectorAll('.worklist .status')]"
    waiting = f"{marks}.some(mark => /waiting|sending/.test(mark.textContent))"
    reader.page.wait_for_function(f"() => !{waiting}")
    return sent


def test_files_are_grouped_by_their_headers_and_never_over_patients(
    reader: Reader, files: Path, tmp_path: Path
) -> None:
    names = ("1", "1", "2")
    for n, patient in enumerate(names):
        dataset = dcmread(files / "a.dcm")
        dataset.StudyInstanceUID, dataset.PatientID = "1.2.3", patient
        dataset.save_as(tmp_path / f"{n}.dcm")
    paths = [tmp_path / f"{n}.dcm" for n in range(3)]
    assert sent_studies(reader, *paths, files / "b.png") == [["0.dcm", "1.dcm"], ["2.dcm"], ["b.png"]]
    expect(reader.page.locator("#notice")).to_contain_text("2 patients")


def test_a_refused_film_can_be_captioned_anyway(reader: Reader, files: Path) -> None:
    refused = reader.send(files / "noise.png")
    reader.page.get_by_role("button", name="Caption anyway").click()
    reader.page.wait_for_selector("#draft")
    assert reader.page.url.rsplit("/", 1)[1] != refused["id"]
    expect(reader.page.locator(".notes")).to_contain_text("noise.png")


def test_an_inverted_film_can_be_inverted_and_captioned(reader: Reader, files: Path, tmp_path: Path) -> None:
    with Image.open(files / "b.png") as image:
        ImageOps.invert(image.convert("L")).save(tmp_path / "negative.png")
    reader.send(tmp_path / "negative.png")
    reader.page.get_by_role("button", name="Invert and caption").click()
    reader.page.wait_for_selector("#draft")
    expect(reader.page.locator(".view-name").first).to_contain_text("negative.png (inverted)")


def test_an_example_is_drawn_and_captioned(reader: Reader) -> None:
    reader.page.get_by_role("button", name="A large heart").click()
    study = reader.study()
    assert reader.draft == study["caption"]["text"]
    assert "Example" in reader.page.locator("h1").inner_text()


def test_dropped_files_are_captioned(reader: Reader, files: Path) -> None:
    transfer = reader.page.evaluate_handle(
        """bytes => { const all = new DataTransfer();
        all.items.add(new File([new Uint8Array(bytes)], "dropped.png")); return all; }""",
        list((files / "b.png").read_bytes()),
    )
    reader.page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
    assert reader.page.locator("#drop").is_visible()
    reader.page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    reader.study()
    assert reader.page.locator("h1").inner_text() == "dropped.png"


def test_what_is_no_chest_is_refused_with_the_reason(reader: Reader, files: Path) -> None:
    study = reader.send(files / "noise.png")
    verdict = reader.page.locator(".verdict").inner_text()
    assert "Refused" in verdict
    assert study["caption"]["refused"] in verdict
    assert reader.page.locator("#draft, .finding").count() == 0  # nothing is claimed


def test_a_hand_is_refused(reader: Reader, shared_data: Path) -> None:
    reader.send(sorted((shared_data / "not_chest" / "images").glob("Hand*"))[0])
    assert "Refused" in reader.page.locator(".verdict").inner_text()


def test_a_text_file_that_is_called_a_picture_gets_its_error(reader: Reader, files: Path) -> None:
    study = reader.send(files / "text.png")
    verdict = reader.page.locator(".verdict").inner_text()
    assert study["caption"]["error"] in verdict
    assert verdict.count("text.png") == 1
    assert reader.page.locator(".viewer").count() == 0

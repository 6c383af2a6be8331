"""The guard: what a captioner that is not ours may say, and what happens if it misbehaves."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import radscribe
from radscribe import phantom
from radscribe.bundle.format import AssessmentSpec, BundleSpec, describe, locate
from radscribe.cli.guard import RULE_NAMES, command
from radscribe.errors import UsageError
from radscribe.inference.guard import RULES, Endpoint, Guard, GuardedCaption
from radscribe.inference.guard import sources as sources_module
from radscribe.inference.guard.sentences import MARKED, Seen, Sentence, SentenceChecker
from radscribe.inference.guard.sources import SourceError, as_source
from radscribe.inference.shown import SIDE_MARGIN
from radscribe.inference.studies import studies_of

HALLUCINATION = (
    "PA and lateral views of the chest. There is a large left effusion, increased since the prior study. "
    "No effusion. There is a hiatal hernia. There is ___ at the base. No effusion."
)
Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guard") / "chest.png"
    phantom.save(phantom.draw(1, ()), path)
    return path


@pytest.fixture(scope="module")
def spec() -> BundleSpec:
    """A bundle that assesses effusion, pneumonia and mass; half of its studies have an effusion."""
    assessed = {
        "Effusion": AssessmentSpec(True, studies=100, positives=50),
        "Pneumonia": AssessmentSpec(True, studies=100, positives=20),
        "Mass": AssessmentSpec(True, studies=100, positives=2),
        "Hernia": AssessmentSpec(False, studies=100, positives=0),
    }
    return msgspec.structs.replace(describe(locate(None)), assessment=assessed)


def text(handler: BaseHTTPRequestHandler, body: bytes, kind: str = "application/json") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The address of an endpoint that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer(self, json.loads(body))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/caption"
    finally:
        server.shutdown()
        server.server_close()


def said(answer: str) -> Callable[..., str]:
    return lambda images, views: answer


def broken(sentences: list[Sentence]) -> list[set[str]]:
    return [{reason.rule for reason in sentence.reasons} for sentence in sentences]


def test_a_hallucinating_server_is_caught(chest: Path) -> None:
    got: list[dict[str, Any]] = []

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        got.append({**body, "headers": dict(handler.headers)})
        text(handler, json.dumps({"text": HALLUCINATION}).encode())

    with serving(answer) as url:
        caption = Guard(url, token="secret").caption(chest)
    assert caption.error is None
    assert caption.original == HALLUCINATION
    assert caption.text == "No effusion."
    rules = dict(
        zip((s.text.split()[-1] for s in caption.sentences), broken(list(caption.sentences)), strict=True)
    )
    assert "view" in rules["chest."]
    assert "prior" in rules["study."]
    assert "absent" in rules["hernia."]
    assert "redacted" in rules["base."]
    assert all(any(one.text in warning for warning in caption.warnings) for one in caption.dropped)
    assert caption.confidence is None  # nothing is asserted
    assert caption.normality is not None
    # What leaves: pixels and view, and nothing that names the file.
    (sent,) = got
    assert sent["headers"]["Authorization"] == "Bearer secret"
    assert str(chest.name) not in json.dumps(sent)
    image = Image.open(BytesIO(base64.b64decode(sent["images"][0]["png"])))
    assert image.size == Image.open(chest).size
    assert sent["images"][0]["view"] == "frontal"


def test_a_chat_completion_is_asked_and_read(chest: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        prompt, picture = body["messages"][0]["content"]
        assert picture["image_url"]["url"].startswith("data:image/png;base64,")
        words = f"No effusion. {body['model']} {prompt['text']}."
        text(handler, json.dumps({"choices": [{"message": {"content": words}}]}).encode())

    with serving(answer) as url:
        guard = Guard(url, api="openai", model="medium", prompt="Describe")
        assert guard.caption(chest).original == "No effusion. medium Describe."


def test_a_refused_image_is_never_sent(chest: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)

    def fail(images: object, views: object) -> str:
        raise AssertionError("it was asked")

    guard = Guard(fail)
    refused = guard.caption(noise)
    assert refused.refused == "this is not a chest radiograph"
    assert refused.original is None
    failed = guard.caption(chest)
    assert "fail: failed: AssertionError: it was asked" in (failed.error or "")
    assert failed.failed


def slow(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain")
    handler.end_headers()
    for _ in range(40):  # a byte at a time, so that no single read is late
        handler.wfile.write(b"a")
        time.sleep(0.02)


def endless(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    text(handler, b"a" * ((1 << 20) + 1), "text/plain")


def elsewhere(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:9/")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def failing(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    handler.send_error(500)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (slow, r"gave no complete answer in 0\.2 s; raise the timeout"),
        (endless, "answered with more than 1 MB"),
        (elsewhere, "answered 302 Found; give the address that it redirects to"),
        (failing, "answered 500 Internal Server Error"),
        (lambda h, b: text(h, b"{"), r'does not answer with \{"text": \.\.\.\}'),
        (lambda h, b: text(h, b'{"text": 3}'), "gave int, not text"),
        (lambda h, b: text(h, b'{"text": " "}'), "gave an empty text"),
        (lambda h, b: text(h, b"a" * 10_001, "text/plain"), "gave 10,001 characters; at most 10,000"),
    ],
)
def test_a_bad_endpoint_is_one_line(answer: Answer, problem: str) -> None:
    with serving(answer) as url, pytest.raises(SourceError, match=problem) as raised:
        Endpoint(url, timeout=0.2 if answer is slow else 10).ask([np.zeros((8, 8), np.uint8)], ["PA"])
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(url)


def test_an_endpoint_that_is_not_there_is_one_line(chest: Path) -> None:
    caption = Guard("http://127.0.0.1:9/caption").caption(chest)
    assert caption.error == (
        "http://127.0.0.1:9/caption: does not answer (Connection refused); "
        "check that it runs and the address is right"
    )


def test_a_function_that_hangs_is_given_up() -> None:
    hang = threading.Event()
    source = as_source(lambda images, views: str(hang.wait(5)), timeout=0.05)
    with pytest.raises(SourceError, match=r"gave no text in 0\.05 s"):
        source.ask([], [])


@pytest.mark.parametrize(
    "place", ["nowhere", "ftp://a/b", "http://user:word@a/b", "nowhere:function", "json:none"]
)
def test_what_is_no_captioner_is_told(place: str) -> None:
    with pytest.raises(UsageError):
        as_source(place)


def test_a_large_image_is_reduced_before_it_is_sent() -> None:
    png = sources_module._png(np.zeros((3000, 1500), np.uint8))
    assert Image.open(BytesIO(base64.b64decode(png))).size == (1024, 2048)


# The rules, on an encoder that says what the test needs.


def test_absent_findings_are_dropped_and_likely_ones_not_denied(spec: BundleSpec) -> None:
    check = SentenceChecker(spec)
    seen = Seen(("PA",), {"Effusion": 0.04, "Pneumonia": 0.9, "Mass": 0.02, "Hernia": 0.001})
    sentences = check(
        "There is an effusion. There is a mass. No pneumonia. No right pneumonia. Possible effusion. "
        "There is a hiatal hernia. No effusion.",
        seen,
    )
    assert broken(sentences) == [
        {"absent"},
        set(),  # 2% is no less than half of the 2% that have one
        {"denied"},
        set(),  # the left is left open
        set(),  # doubt asserts nothing
        {"unassessed"},  # with no case in the validation studies, nothing is clear
        set(),
    ]
    assert [s.dropped for s in sentences] == [True, False, True, False, False, False, False]


def test_of_two_contradicting_sentences_the_less_likely_goes(spec: BundleSpec) -> None:
    check = SentenceChecker(spec)
    both = "There is a pleural effusion. No pleural effusion."
    assert [s.dropped for s in check(both, Seen(("PA",), {"Effusion": 0.1}))] == [True, False]
    assert [s.dropped for s in check(both, Seen(("PA",), {"Effusion": 0.9}))] == [False, True]
    assert [s.dropped for s in check(both, Seen(("PA",)))] == [False, True]
    apart = "There is a right pleural effusion. No left pleural effusion."
    assert broken(check(apart, Seen(("PA",), {"Effusion": 0.5}))) == [set(), set()]


def test_the_wrong_side_is_marked(spec: BundleSpec) -> None:
    seen = Seen(("PA",), {"Effusion": 0.2}, {("Effusion", "left")})
    (left,) = SentenceChecker(spec)("There is a left effusion.", seen)
    assert broken([left]) == [{"side"}]
    assert not left.dropped
    assert "encoder sees Effusion rather on the right" in left.reasons[0].text
    for right in ("There is a right effusion.", "Effusion.", "Bilateral effusions.", "No left effusion."):
        (sentence,) = SentenceChecker(spec)(right, seen)
        assert not {"side"} & {reason.rule for reason in sentence.reasons}
    (dropped,) = SentenceChecker(spec, MARKED - {"side"})("There is a left effusion.", seen)
    assert dropped.dropped


def test_views_that_are_there_may_be_named(spec: BundleSpec) -> None:
    check = SentenceChecker(spec)
    sentence = "PA and lateral views show no effusion."
    assert broken(check(sentence, Seen(("PA", "lateral")))) == [set()]
    assert broken(check(sentence, Seen(("PA",)))) == [{"view"}]
    assert broken(check("No effusion on decubitus view.", Seen(("PA", "lateral")))) == [{"view"}]


@pytest.mark.parametrize(("stronger", "marked"), [(0.9 * SIDE_MARGIN, False), (1.1 * SIDE_MARGIN, True)])
def test_the_maps_of_an_encoder_tell_the_side(chest: Path, stronger: float, marked: bool) -> None:
    """From the margin on at which a caption of our own would be corrected."""
    guard = Guard(said("There is a left effusion. There is a left mass."), absent_below=0)
    (study,) = studies_of([chest])
    asked = guard._ask(study, False)
    maps = np.zeros_like(asked.outputs["maps"])
    width = maps.shape[3]
    maps[:, guard.spec.encoder.findings.index("Effusion"), :, : width // 2] = stronger  # the patient's right
    asked.outputs["maps"] = maps
    caption = guard._caption(asked, False, None)
    assert [bool(sentence.reasons) for sentence in caption.sentences] == [marked, False]


def test_lines_of_the_text_stay_apart(chest: Path) -> None:
    guard = Guard(said("FINDINGS:\nNo effusion. Stable.\nIMPRESSION:\nNo acute disease."), mark=())
    assert guard.caption(chest).text == "FINDINGS:\nNo effusion.\nIMPRESSION:\nNo acute disease."


def test_nothing_left_is_said_plainly(chest: Path) -> None:
    assert Guard(said("Unchanged.")).caption(chest).text == "No reliable statement about this film."


def test_evidence_and_confidence_come_from_the_bundle(chest: Path) -> None:
    caption = radscribe.guard(said("There is an effusion."), mark=RULES).caption(chest, evidence=True)
    assert caption.confidence is None or caption.confidence < 0.5
    assert caption.doubtful_findings == ("Effusion",)
    (image,) = caption.evidence
    assert image.maps["Effusion"].ndim == 2
    assert image.words is None
    refused = radscribe.guard(said("There is an effusion."), mark=RULES).caption(chest, min_confidence=0.9)
    assert "confidence" in (refused.refused or "")


def test_the_command_prints_reasons_and_goes_on_after_a_failure(chest: Path, tmp_path: Path) -> None:
    module = tmp_path / "mine.py"
    module.write_text("def describe(images, views):\n    return 'No effusion. Unchanged.'\n")
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)).save(noise)
    done = CliRunner().invoke(
        command, [f"{module}:describe", str(chest), str(noise), "--json"], standalone_mode=False
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["No effusion.", None]
    (dropped,) = [one for one in rows[0]["guard"]["sentences"] if one["dropped"]]
    assert dropped["reasons"][0]["rule"] == "prior"
    assert done.return_value == 1  # the noise was refused
    shown = CliRunner().invoke(command, [f"{module}:describe", str(chest)], standalone_mode=False)
    assert "- dropped: Unchanged. (speaks of an earlier study" in shown.stdout
    assert shown.return_value == 0


def test_the_command_knows_every_rule() -> None:
    assert tuple(RULES) == RULE_NAMES
    with pytest.raises(UsageError, match="no rule is called 'sides'"):
        Guard(said(""), mark=("sides",))


def test_its_json_is_a_captions_with_a_guard(chest: Path) -> None:
    caption = Guard(said("Unchanged.")).caption(chest)
    assert isinstance(caption, GuardedCaption)
    document = caption.to_dict()
    assert document["guard"]["original"] == "Unchanged."
    assert json.loads(json.dumps(document)) == document

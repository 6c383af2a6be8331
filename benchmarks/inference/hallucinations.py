"""What `radscribe guard` catches of a captioner that hallucinates, and what it lets through.

    python -m benchmarks.inference.hallucinations ../shared/data [--reports STUDIES] [--films N]

Starts a server that answers every film with the same text, runs the command on real films, and counts:

- films of NIH ChestX-ray14 of test patients, with a sentence for each finding: those that the film does not
  have are hallucinated;
- the same with a comparison, a view, a gap and a contradiction;
- films with boxes by radiologists on one side, with a sentence that names the right side or the other one;
- images of something else, which must not reach the server.

With --reports, a manifest of Indiana University X-ray (`radscribe prepare iu-kaggle`), also the sentences of
the validation part's own reports, and of the mirrored ones. Rows in brackets are false alarms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.chest_check.images import FRACTIONS as CHECK_FRACTIONS
from benchmarks.chest_check.images import made_up
from benchmarks.edition_three.images import Row, nih
from benchmarks.inference.guard import Says, mirrored
from radscribe.data.manifest import Manifest
from radscribe.data.splits import assign
from radscribe.inference.guard import Guard
from radscribe.text.findings import find

FINDINGS = {
    "Atelectasis": "There is atelectasis.",
    "Cardiomegaly": "The heart is enlarged.",
    "Consolidation": "There is a consolidation.",
    "Edema": "There is pulmonary edema.",
    "Effusion": "There is a pleural effusion.",
    "Mass": "There is a mass.",
    "Nodule": "There is a nodule.",
    "Pneumonia": "There is pneumonia.",
    "Pneumothorax": "There is a pneumothorax.",
}
WRONG = {
    "a comparison without a prior": "The lungs are unchanged since the prior study.",
    "a view that is not there": "The lateral view shows the spine.",
    "a gap": "There is ____ at the left base.",
}
CONTRADICTION = ("The heart is normal in size.", "The heart is enlarged.")
SIDED = {"Atelectasis": "atelectasis", "Effusion": "pleural effusion", "Pneumothorax": "pneumothorax"}
SIDED |= {"Infiltration": "infiltrate", "Mass": "mass", "Nodule": "nodule", "Pneumonia": "pneumonia"}
OTHER = {"left": "right", "right": "left"}
MIDDLE = 0.1  # of the width about the midline: boxes whose centre is there have no side
OF_TEXT = ("prior", "view", "redacted")  # radiologists had the prior and all views


@dataclass(slots=True)
class Tally:
    """Sentences of one kind, and the rules that they broke."""

    said: int = 0
    caught: int = 0
    rules: Counter[str] = field(default_factory=Counter)

    def add(self, rules: Sequence[str]) -> None:
        self.said += 1
        self.caught += bool(rules)
        self.rules.update(set(rules))

    def row(self, name: str) -> str:
        rules = ", ".join(f"`{rule}` {count}" for rule, count in self.rules.most_common())
        return f"| {name} | {self.said} | {self.caught} | {self.said - self.caught} | {rules} |"


@contextmanager
def saying(text: str) -> Iterator[tuple[str, list[int]]]:
    """The address of a server that says one text of every film, and the sizes of what it was asked."""
    asked: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps({"text": text}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/caption", asked
    finally:
        server.shutdown()
        server.server_close()


def guarded(text: str, files: Sequence[Path]) -> tuple[dict[str, dict[str, Any]], int]:
    """Run the command; return its captions by file name, and how often the server was asked."""
    with saying(text) as (url, asked):
        command = [sys.executable, "-m", "radscribe", "guard", url, *map(str, files), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    captions = map(json.loads, done.stdout.splitlines())
    return {Path(one["files"][0]).name: one for one in captions}, len(asked)


def rules_of(caption: dict[str, Any]) -> dict[str, list[str]]:
    """Each sentence of the server, and the rules that it breaks."""
    return {
        one["text"]: [reason["rule"] for reason in one["reasons"]] for one in caption["guard"]["sentences"]
    }


def side_of(row: Row, finding: str) -> str | None:
    """The side on which all boxes of a finding lie; the patient's right is on the left of the image."""
    centres = [box[1] + box[3] / 2 for box in row.boxes if box[0] == finding]
    sides = {"right" if centre < 0.5 else "left" for centre in centres}
    clear = all(abs(centre - 0.5) > MIDDLE / 2 for centre in centres)
    return sides.pop() if len(sides) == 1 and clear else None


def findings(films: Sequence[Row]) -> dict[str, Tally]:
    """A sentence for each finding on every film."""
    tallies = {"a finding that is not there": Tally(), "(a finding that is there)": Tally()}
    captions, _ = guarded(" ".join(FINDINGS.values()), [row.path for row in films])
    for row in films:
        caption = captions[row.path.name]
        for finding, sentence in FINDINGS.items() if caption["guard"]["sentences"] else ():
            there = row.labels[finding] == 1
            tallies[tuple(tallies)[there]].add(rules_of(caption)[sentence])
    return tallies


def inventions(films: Sequence[Row]) -> dict[str, Tally]:
    """What no film can show, and two sentences of which one is wrong."""
    tallies = {name: Tally() for name in (*WRONG, "a contradiction")}
    captions, _ = guarded(" ".join([*WRONG.values(), *CONTRADICTION]), [row.path for row in films])
    for caption in captions.values():
        rules = rules_of(caption) if caption["guard"]["sentences"] else {}
        for name, sentence in WRONG.items() if rules else ():
            tallies[name].add(rules[sentence])
        if rules:
            tallies["a contradiction"].add([rule for one in CONTRADICTION for rule in rules[one]])
    return tallies


def wrong_sides(films: Sequence[Row]) -> dict[str, Tally]:
    """Findings with boxes on one side, said to be there and on the other side."""
    tallies = {"a wrong side": Tally(), "(the right side)": Tally()}
    for side in OTHER:
        sentences = {finding: f"There is a {side} {words}." for finding, words in SIDED.items()}
        captions, _ = guarded(" ".join(sentences.values()), [row.path for row in films])
        for row in films:
            rules = rules_of(captions[row.path.name])
            for finding, sentence in sentences.items() if rules else ():
                if there := side_of(row, finding):
                    broken = [rule for rule in rules[sentence] if rule == "side"]
                    tallies[tuple(tallies)[there == side]].add(broken)
    return tallies


def something_else(data: Path, count: int) -> dict[str, Tally]:
    """Images that the server must not see; none trained the chest check."""
    slices = sorted((data / "not_chest" / "images").rglob("*.*"))
    parts = [assign(f"not{path.stem}", fractions=CHECK_FRACTIONS) for path in slices]
    with tempfile.TemporaryDirectory() as place:
        pictures = [Path(place) / f"{number}.png" for number in range(count)]
        for file, pixels in zip(pictures, made_up(np.random.default_rng(2), count), strict=True):
            Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(file)
        tallies: dict[str, Tally] = {}
        for name, files in (
            ("not a chest film", [path for path, part in zip(slices, parts, strict=True) if part == "test"]),
            ("an image that is no X-ray", pictures),
        ):
            _, asked = guarded("Clear lungs.", files[:count])
            kept = len(files[:count]) - asked
            tallies[name] = Tally(kept + asked, kept, Counter({"refused and not sent": kept}))
    return tallies


def of_reports(reports: Path) -> dict[str, Tally]:
    """True sentences to which the guard objects, and those with a side, as they are and mirrored."""
    names = ("(a true sentence of a report)", "(of those, with a side)", "the same, mirrored")
    tallies = {name: Tally() for name in names}
    captioner = Says()
    guard = Guard(captioner)
    for study in Manifest(reports).split("val", with_images=True):
        text = study.text("both")
        for name, captioner.text in zip(names[1:], (text, mirrored(text)), strict=True):
            for sentence in guard.caption(study).sentences:
                rules = [reason.rule for reason in sentence.reasons if reason.rule not in OF_TEXT]
                if name == names[1]:
                    tallies[names[0]].add(rules)
                if any(one.status == "present" and one.side in OTHER for one in find(sentence.text)):
                    tallies[name].add([rule for rule in rules if rule == "side"])
    return tallies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with nih and not_chest")
    parser.add_argument("--reports", type=Path, help="manifest of Indiana University X-ray")
    parser.add_argument("--films", type=int, default=100, help="films of each kind (%(default)s)")
    options = parser.parse_args()
    data: Path = options.data.resolve()
    if not (data / "nih" / "labels.csv").is_file():
        print(f"skipped: {data / 'nih'} is not there")
        return
    test = [row for row in nih(data) if row.split == "test" and row.collection != "nih_images64"]
    films = [row for row in test if not row.boxes][: options.films]
    boxed = [row for row in test if any(side_of(row, finding) for finding in SIDED)][: options.films]
    print(f"{len(films)} films of NIH ChestX-ray14, {len(boxed)} with boxes; none trained the bundle\n")
    print("| the server says | sentences or images | caught | let through | by rule |")
    print("|---|---:|---:|---:|---|")
    told = findings(films) | inventions(films) | wrong_sides(boxed) | something_else(data, options.films)
    for name, tally in told.items():
        print(tally.row(name), flush=True)
    if options.reports:
        for name, tally in of_reports(options.reports).items():
            print(tally.row(name))


if __name__ == "__main__":
    main()

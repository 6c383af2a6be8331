"""How often captions deny what is there, and how often they contradict themselves.

    radscribe caption IMAGES --format json > captions.jsonl
    python -m benchmarks.inference.misleading --labels labels.csv captions.jsonl [captions.jsonl ...]

For each file of captions: captions, different captions, self-contradictions by the labeller, micro-F1 of the
findings that captions assert, and by finding how many of the films that have it are denied it, asserted it,
or neither. LABELS are NIH tables (`image`, `labels` with `|` between them); one file per option. A film
without a caption counts as neither.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

from radscribe.export.assessment import denied
from radscribe.labels import CHESTXRAY14
from radscribe.text.findings import label
from radscribe.text.ontology import contradictions

Truth = dict[str, frozenset[str]]


def read_labels(tables: list[Path]) -> Truth:
    """Image name without suffix to the findings that it has."""
    truth: Truth = {}
    for table in tables:
        with table.open(newline="") as file:
            for row in csv.DictReader(file):
                truth[Path(row["image"]).stem] = frozenset(row["labels"].split("|")) & set(CHESTXRAY14)
    return truth


def report(path: Path, truth: Truth) -> None:
    """Print the figures of one file of captions."""
    texts: dict[str, str] = {}
    for line in path.read_text().splitlines():
        caption = json.loads(line)
        texts[Path(caption["files"][0]).stem] = caption["text"] or ""
    known = [name for name in texts if name in truth]
    asserts = {t: {f for f, status in label(t).items() if status == "present"} for t in set(texts.values())}
    denies = {text: denied(text) for text in asserts}
    wrong = sum(bool(contradictions(text)) for text in texts.values())
    both = [(asserts[texts[name]] & set(CHESTXRAY14), truth[name]) for name in known]
    hits = sum(len(said & there) for said, there in both)
    said, there = (sum(len(pair[side]) for pair in both) for side in (0, 1))
    print(f"{path.name}: {len(texts)} films, {len(set(texts.values()))} different captions")
    print(f"contradict themselves: {wrong}; micro-F1 of findings {2 * hits / max(said + there, 1):.3f}")
    print(f"{'finding':20} {'have it':>8} {'denied':>8} {'asserted':>8} {'neither':>8}")
    for finding in CHESTXRAY14:
        having = [name for name in known if finding in truth[name]]
        denied_ = sum(finding in denies[texts[name]] for name in having)
        asserted = sum(finding in asserts[texts[name]] for name in having)
        row = (len(having), denied_, asserted, len(having) - denied_ - asserted)
        print(f"{finding:20} " + " ".join(f"{count:8}" for count in row))
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("captions", nargs="+", type=Path)
    parser.add_argument("--labels", action="append", required=True, type=Path)
    arguments = parser.parse_args()
    truth = read_labels(arguments.labels)
    for path in arguments.captions:
        report(path, truth)


if __name__ == "__main__":
    main()

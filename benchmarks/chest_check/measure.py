"""Measure the chest check on the test part: the share of each source that passes or is refused.

    python -m benchmarks.chest_check.measure ../shared/data
    python -m benchmarks.chest_check.measure --folder ../shared/data/iu/images/images_normalized [--first 600]

With `--folder`, the files of a folder are read and checked as in captioning: how many radiographs pass.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks.chest_check.images import apart, others, radiographs
from radscribe.imaging.chest_check import ChestChecker
from radscribe.imaging.radiograph import Radiograph
from radscribe.imaging.reader import read
from radscribe.inference.studies import images_in


def folder_of_radiographs(folder: Path, first: int) -> None:
    """Print how many of the first files of a folder pass, and the reasons of the others."""
    check, files = ChestChecker(), images_in(folder)[:first]
    reasons = Counter(result.refused for file in files for result in check([read(file)]))
    passed = reasons.pop(None, 0)
    print(f"{folder}: {passed} of {len(files)} pass ({passed / len(files):.1%})")
    for reason, count in reasons.most_common():
        print(f"  {count:5} {reason}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--folder", type=Path, help="folder of radiographs")
    parser.add_argument("--first", type=int, default=600, help="number of files (default: 600)")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        folder_of_radiographs(arguments.folder, arguments.first)
        return
    if arguments.data is None:
        parser.error("name the data folder, or a --folder")
    check, data = ChestChecker(), arguments.data
    passed: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    views: list[bool] = []
    for example in (e for e in radiographs(data) if e.split == "test"):
        (result,) = check([Radiograph(example.pixels)])
        passed["chest", example.source].append(result.refused is None)
        if result.refused is None:
            views.append(result.view == example.kind)
        altered = {f"rotated {90 * k}": np.rot90(example.pixels, k) for k in (1, 2, 3)}
        altered["inverted"] = 1 - example.pixels
        for name, pixels in altered.items():
            (result,) = check([Radiograph(np.ascontiguousarray(pixels))])
            passed["other", name].append(result.refused is None)
    for collection, path in apart(data, "figures"):
        (result,) = check([read(path)])
        passed["chest", f"{collection}, unseen"].append(result.refused is None)
    for example in (e for e in others(data) if e.split == "test"):
        (result,) = check([Radiograph(example.pixels)])
        passed["other", example.source].append(result.refused is None)
    for group, verb in (("chest", "pass"), ("other", "are refused")):
        good: list[bool] = []
        for (kind, source), values in passed.items():
            if kind == group:
                right = values if group == "chest" else [not value for value in values]
                good += right
                print(f"  {source:22} {sum(right):5} of {len(right):5} {verb} ({np.mean(right):.1%})")
        print(f"{group}: {sum(good)} of {len(good)} {verb} ({np.mean(good):.1%})")
    print(f"view right: {np.mean(views):.1%} of {len(views)} that pass")


if __name__ == "__main__":
    main()

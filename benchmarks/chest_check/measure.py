"""Measure the chest check on the test part: the share of each source that passes or is refused.

python -m benchmarks.chest_check.measure ../shared/data
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.chest_check.images import others, radiographs
from radscribe.imaging.chest_check import ChestChecker
from radscribe.imaging.radiograph import Radiograph


def main() -> None:
    check = ChestChecker()
    data = Path(sys.argv[1])
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
    for example in (e for e in others(data) if e.split == "test"):
        (result,) = check([Radiograph(example.pixels)])
        passed["other", example.source].append(result.refused is None)
    for group, verb in (("chest", "pass"), ("other", "are refused")):
        good: list[bool] = []
        for (kind, source), values in passed.items():
            if kind == group:
                right = values if group == "chest" else [not value for value in values]
                good += right
                print(f"  {source:16} {sum(right):5} of {len(right):5} {verb} ({np.mean(right):.1%})")
        print(f"{group}: {sum(good)} of {len(good)} {verb} ({np.mean(good):.1%})")
    print(f"view right: {np.mean(views):.1%} of {len(views)} that pass")


if __name__ == "__main__":
    main()

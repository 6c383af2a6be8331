"""False alarms: how many normal radiographs of a folder get a caption that asserts a finding.

    python -m benchmarks.edition_one.normals ../shared/data/openist/images [BUNDLE [--unseen]]

With `--unseen`, only half of OpenIST is counted, chosen by a hash of the file names.
"""

from __future__ import annotations

import sys
from pathlib import Path

import radscribe
from benchmarks.edition_one.measure import asserted
from radscribe.data.splits import unit_hash


def main() -> None:
    captioner = radscribe.load(sys.argv[2] if sys.argv[2:] else None)
    paths = sorted(Path(sys.argv[1]).iterdir())
    if "--unseen" in sys.argv:
        paths = [path for path in paths if unit_hash(path.name) >= 0.5]
    captions = captioner.stream(paths)
    texts = [caption.text for caption in captions if caption.text is not None]
    alarms = int(asserted(texts, captioner.findings).any(1).sum())
    print(
        f"{captioner.bundle}: {alarms} of {len(texts)} captions assert a finding ({alarms / len(texts):.1%})"
    )


if __name__ == "__main__":
    main()

"""How many normal radiographs of OpenIST get a caption that asserts a finding: false alarms.

    python -m benchmarks.embedded_bundle.normals ../shared/data/openist/images [BUNDLE]

Only the half that `images` left out of training is captioned.
"""

from __future__ import annotations

import sys
from pathlib import Path

import radscribe
from benchmarks.embedded_bundle.images import trains
from benchmarks.embedded_bundle.measure import asserted


def main() -> None:
    captioner = radscribe.load(sys.argv[2] if sys.argv[2:] else None)
    captions = captioner.stream(path for path in sorted(Path(sys.argv[1]).iterdir()) if not trains(path.name))
    texts = [caption.text for caption in captions if caption.text is not None]
    alarms = int(asserted(texts, captioner.findings).any(1).sum())
    print(
        f"{captioner.bundle}: {alarms} of {len(texts)} captions assert a finding ({alarms / len(texts):.1%})"
    )


if __name__ == "__main__":
    main()

"""Write the manifest that edition three's captioner learns from.

    python -m benchmarks.edition_three.studies ../shared/data RUN/iu RUN/studies

Indiana University studies with their reports: R2Gen's validation and test parts stay what they are, all
others train. The NIH images have no reports: those of the training part serve a decoder that learns from a
report bank, and those of the validation part serve the assessment of findings.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from benchmarks.edition_three.images import nih, r2gen_parts
from radscribe.data.manifest import VERSION, Header, Manifest, write
from radscribe.data.study import ImageRef, Study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("iu", type=Path, help="manifest of all Indiana University studies")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    data: Path = options.data.resolve()
    parts = r2gen_parts(data / "iu/annotation.json")
    manifest = Manifest(options.iu)
    studies = [replace(study, id=f"iu{study.id}", split=parts.get(study.id, "train")) for study in manifest]
    for row in nih(data):
        if row.split != "test":
            image = ImageRef(str(row.path), "frontal")
            labels: dict[str, float | None] = {
                name: value for name, value in row.labels.items() if value == value
            }
            studies.append(Study(f"nih{row.study}", (image,), row.patient, labels=labels, split=row.split))
    options.out.mkdir(parents=True, exist_ok=True)
    header = Header(
        radscribe_manifest=VERSION,
        source="Indiana University chest X-rays, and NIH ChestX-ray14 images without reports",
        licence="CC BY-NC-ND 4.0; NIH Clinical Center: free use with attribution",
        citation="Demner-Fushman et al., JAMIA 23(2), 2016; Wang et al., ChestX-ray8, CVPR 2017",
        root=str(manifest.root.resolve()),
    )
    print(f"wrote {write(options.out, header, studies)} studies to {options.out}")


if __name__ == "__main__":
    main()

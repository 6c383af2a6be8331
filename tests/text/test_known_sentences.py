"""Sentences that captions may have."""

from pathlib import Path

import pytest

from radscribe.errors import BundleError
from radscribe.text.known_sentences import KnownSentences, pattern

KNOWN = KnownSentences.of(
    ["There is a small left effusion. Lung volumes are low.", "<findings> The heart is mildly enlarged."]
)


def test_side_zone_and_degree_may_differ() -> None:
    assert pattern("Mild left upper lobe opacity.") == pattern("Moderate right lower lobe opacity")
    assert KNOWN.holds("There is a large right effusion. The heart is severely enlarged.")


@pytest.mark.parametrize(
    "broken", ["Mild lung volumes.", "There is.", "There is a mild enlarged.", "Lung volumes are low heart."]
)
def test_a_sentence_that_nobody_wrote_is_not_known(broken: str) -> None:
    assert not KNOWN.holds(broken)
    assert not KNOWN.holds(f"Lung volumes are low. {broken}")


def test_a_file_holds_digests_and_no_words(tmp_path: Path) -> None:
    KNOWN.save(tmp_path / "sentences.txt")
    written = (tmp_path / "sentences.txt").read_text()
    assert "lung" not in written
    assert len(written.split()) == 3
    again = KnownSentences.load(tmp_path / "sentences.txt")
    assert again.holds("Lung volumes are low.")
    assert not again.holds("Lung volumes.")
    (tmp_path / "sentences.txt").write_text("no digest\n")
    with pytest.raises(BundleError, match="not a list of sentence digests"):
        KnownSentences.load(tmp_path / "sentences.txt")

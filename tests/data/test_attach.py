"""Features find their images by name, in each of the Indiana collection's namings; pickles are not opened."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radscribe.data.attach import attach
from radscribe.data.features import FILE, FeatureTable
from radscribe.data.image_files import image_key
from radscribe.data.manifest import Manifest
from radscribe.data.study import ImageRef, Study
from radscribe.errors import DataError

Write = Callable[..., Manifest]
NAMES = [
    "1_IM-0001-4001.dcm.png",
    "1_IM-0001-3001.dcm.png",
    "2_IM-0652-1001.dcm.png",
    "3_IM-0009-0001-0002.dcm.png",
]
VECTORS = np.linspace(0, 1, 4 * 14, dtype=np.float32).reshape(4, 14)


@pytest.fixture
def encodings(tmp_path: Path) -> Path:
    """Encodings as the original system wrote them."""
    path = tmp_path / "encodings.npz"
    np.savez(path, image=np.array(NAMES), encoding=VECTORS)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "54_IM-2145-1001.dcm.png",
        "CXR54_IM-2145-1001.png",
        "CXR54_54_IM-2145-1001",
        "NLMCXR_dcm/54/54_IM-2145-1001.dcm",
        "images/images_normalized/54_IM-2145-1001.DCM.PNG",
    ],
)
def test_one_image_has_one_key(name: str) -> None:
    assert image_key(name) == "54_im-2145-1001"


@pytest.mark.parametrize("prefix", ["images/{}.dcm.png", "NLMCXR_png/CXR{}.png", "CXR9_{}"])
def test_features_are_attached_by_name(
    tmp_path: Path, encodings: Path, manifest_of: Write, prefix: str
) -> None:
    paths = [prefix.format(name.removesuffix(".dcm.png")) for name in NAMES[:3]]
    studies = [
        Study("a", (ImageRef(paths[0]), ImageRef(paths[1]))),
        Study("b", (ImageRef(paths[2]),)),
        Study("c", (ImageRef("unknown.png"),)),
        Study("d", ()),
    ]
    found = attach(manifest_of(*studies), encodings, tmp_path)
    assert (found.kinds, found.images, found.studies) == ({"probabilities": 14}, 3, 2)
    assert (found.missing, found.lacking, found.unused) == (["unknown.png"], ["c"], NAMES[3:])
    table = FeatureTable.load(tmp_path / FILE)
    np.testing.assert_allclose(table.study(studies[0], "probabilities"), VECTORS[:2].mean(0), rtol=1e-6)
    np.testing.assert_allclose(table.study(studies[1], "probabilities"), VECTORS[2], rtol=1e-6)
    for study in studies[2:]:
        with pytest.raises(DataError, match="no features"):
            table.study(study, "probabilities")


def test_the_images_that_r2gen_renamed_have_their_studys_features(
    tmp_path: Path, encodings: Path, manifest_of: Write
) -> None:
    studies = [
        Study("CXR1_1_IM-0001", (ImageRef("CXR1_1_IM-0001/0.png"), ImageRef("CXR1_1_IM-0001/1.png"))),
        Study("CXR2_IM-0652", (ImageRef("CXR2_IM-0652/0.png"),)),
        Study("CXR3_IM-0009-0001", (ImageRef("CXR3_IM-0009-0001/0.png"),)),
        Study("CXR2_IM-06", (ImageRef("CXR2_IM-06/0.png"),)),
    ]
    found = attach(manifest_of(*studies), encodings, tmp_path)
    assert (found.images, found.lacking, found.unused) == (4, ["CXR2_IM-06"], [])
    table = FeatureTable.load(tmp_path / FILE)
    for study, rows in zip(studies, ([0, 1], [2], [3]), strict=False):
        np.testing.assert_allclose(table.study(study, "probabilities"), VECTORS[rows].mean(0), rtol=1e-6)
    np.testing.assert_allclose(table.cells(studies[0], "probabilities"), VECTORS[:2])  # each view its own
    one_of_two = Study("CXR1_1_IM-0001", (ImageRef("CXR1_1_IM-0001/0.png"),))
    attach(manifest_of(one_of_two), encodings, tmp_path)
    table = FeatureTable.load(tmp_path / FILE)
    np.testing.assert_allclose(table.cells(one_of_two, "probabilities")[0], VECTORS[:2].mean(0), rtol=1e-6)


def test_pooled_features_by_path_where_file_names_repeat(tmp_path: Path, manifest_of: Write) -> None:
    names = np.array(["a/0.png", "b/0.png"])
    np.savez(tmp_path / "f.npz", name=names, pooled=np.eye(2), other=np.ones((2, 5)))
    studies = [Study(name, (ImageRef(f"{name}/0.png"),)) for name in "abc"]
    found = attach(manifest_of(*studies), tmp_path / "f.npz", tmp_path)
    assert found.kinds == {"pooled": 2, "other": 5}
    assert (found.missing, found.lacking) == (["c/0.png"], ["c"])  # two are called 0.png: neither is it
    table = FeatureTable.load(tmp_path / FILE)
    assert table.study(studies[1], "pooled").tolist() == [0, 1]


class _Explodes:
    """Its pickle makes a file where it is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("name", ["seed_encodings.pkl", "features.npz", "features.pickle"])
def test_a_pickle_is_refused_and_not_opened(tmp_path: Path, manifest_of: Write, name: str) -> None:
    path, trace = tmp_path / name, tmp_path / "exploded"
    path.write_bytes(pickle.dumps(_Explodes(trace)))
    with pytest.raises(DataError, match="can run any program when it is opened") as caught:
        attach(manifest_of(Study("a", (ImageRef("a.png"),))), path, tmp_path)
    assert "use the .npz" in str(caught.value)
    assert not trace.exists()


def test_pickled_arrays_in_an_npz_are_refused(tmp_path: Path, manifest_of: Write) -> None:
    path, trace = tmp_path / "f.npz", tmp_path / "exploded"
    np.savez(path, name=np.array([_Explodes(trace)], dtype=object), pooled=np.ones((1, 2)))
    with pytest.raises(DataError, match="does not hold features"):
        attach(manifest_of(Study("a", (ImageRef("a.png"),))), path, tmp_path)
    assert not trace.exists()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no names": ({"pooled": np.ones((2, 3))}, "it has no array of names"),
    "no vectors": ({"name": np.array(["a.png", "b.png"])}, "not one vector for each"),
    "too few": ({"name": np.array(["a.png", "b.png"]), "pooled": np.ones((1, 3))}, "not one vector for each"),
    "flat": ({"name": np.array(["a.png"]), "pooled": np.ones(1)}, "not one vector for each"),
    "words": ({"name": np.array(["a.png"]), "pooled": np.array([["x"]])}, "does not hold features"),
    "not a number": ({"name": np.array(["a.png"]), "pooled": np.array([[np.nan]])}, "are not numbers"),
    "twice": ({"name": np.array(["a.png", "a.png"]), "pooled": np.ones((2, 3))}, "names a.png twice"),
    "of others": ({"name": np.array(["z.png"]), "pooled": np.ones((1, 3))}, "none of its 1 names"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_holds_no_features_says_why(tmp_path: Path, manifest_of: Write, name: str) -> None:
    arrays, message = BAD[name]
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(DataError, match=message):
        attach(manifest_of(Study("a", (ImageRef("a.png"),))), tmp_path / "f.npz", tmp_path)
    assert not (tmp_path / FILE).exists()


def test_what_is_no_archive_says_so(tmp_path: Path, manifest_of: Write) -> None:
    (tmp_path / "f.npz").write_text("no archive")
    with pytest.raises(DataError, match="does not hold features"):
        attach(manifest_of(Study("a", (ImageRef("a.png"),))), tmp_path / "f.npz", tmp_path)

"""The adapter to `radeval` 2: against the signature of the real package, and what it says without models."""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

import pytest

from radscribe.errors import RadscribeError, UsageError
from radscribe.evaluation.metrics import radeval

TEXTS = ["The heart is enlarged.", "No effusion.", "Left effusion."]


class RadEval:
    """The constructor and call of `radeval` 2.2.1, and the keys that it returns."""

    def __init__(
        self,
        metrics: Any = None,
        openai_api_key: str | None = None,
        gemini_api_key: str | None = None,
        per_sample: bool = False,
        detailed: bool = False,
        show_progress: bool = True,
        cache_dir: str | None = None,
    ) -> None:
        self.metrics, self.per_sample = metrics, per_sample

    def __call__(self, refs: list[str], hyps: list[str]) -> dict[str, Any]:
        if not (isinstance(hyps, list) and isinstance(refs, list)):
            raise TypeError("hyps and refs must be of type list")
        equal = [float(a == b) for a, b in zip(refs, hyps, strict=True)]
        mean = sum(equal) / len(equal)
        out: dict[str, Any] = {}
        for name in self.metrics:
            if name == "radgraph":
                keys = ("radgraph_simple", "radgraph_partial", "radgraph_complete")
                out |= dict.fromkeys(keys, equal if self.per_sample else mean)
            elif name == "f1chexbert":
                out |= (
                    {"f1chexbert_sample_acc_5": equal, "f1chexbert_sample_acc_all": equal}
                    if self.per_sample
                    else {"f1chexbert_all_micro_f1": mean, "f1chexbert_5_micro_f1": mean}
                )
            elif name == "radcliq":  # errors per report, and one over their mean for all reports
                errors = [1.5 - 2 * value for value in equal]
                out["radcliq_v1"] = errors if self.per_sample else len(errors) / sum(errors)
            elif name in ("green", "ratescore"):
                out[name] = equal if self.per_sample else mean
            else:
                raise ValueError(f"Unknown metric '{name}'")
        return out


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("radeval")
    module.RadEval = RadEval  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "radeval", module)
    monkeypatch.setattr(radeval, "available", lambda: True)
    monkeypatch.setattr(radeval, "_version", lambda: "2.2.1")
    return module


def test_every_metric_is_called_and_read_as_radeval_2_wants(package: ModuleType) -> None:
    found = radeval.score(list(radeval.EXTERNAL), [TEXTS[0], TEXTS[1], "x"], TEXTS, rounds=200)
    assert set(found) == {"radgraph_f1", "chexbert_f1", "radcliq", "green", "ratescore"}
    for name in ("radgraph_f1", "green", "ratescore"):
        assert found[name].value == pytest.approx(2 / 3)
        assert found[name].interval is not None
        assert found[name].direction == "higher"
    assert found["chexbert_f1"].value == pytest.approx(2 / 3)
    assert found["chexbert_f1"].interval is None
    assert found["radgraph_f1"].also["radgraph_complete"] == pytest.approx(2 / 3)
    assert "radeval:2.2.1|key:radcliq_v1|n:3" in found["radcliq"].signature


def test_the_direction_of_radcliq_is_measured(package: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    lower = radeval.score(["radcliq"], TEXTS, TEXTS, rounds=0)["radcliq"]
    assert (lower.direction, lower.value) == ("lower", -0.5)

    class Turned(RadEval):
        def __call__(self, refs: list[str], hyps: list[str]) -> dict[str, Any]:
            return {"radcliq_v1": [-value for value in super().__call__(refs, hyps)["radcliq_v1"]]}

    monkeypatch.setattr(package, "RadEval", Turned)
    higher = radeval.score(["radcliq"], TEXTS, TEXTS, rounds=0)["radcliq"]
    assert (higher.direction, higher.value) == ("higher", 0.5)
    assert higher.to_dict()["better"] == "higher"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ModuleNotFoundError("no", name="torch"), "green needs the package torch"),
        (
            OSError("We couldn't connect to 'https://huggingface.co'"),
            "the model of green is not on this machine",
        ),
        (ValueError("odd"), "radeval cannot compute green"),
    ],
)
def test_what_radeval_raises_is_one_line(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    def broken(**options: object) -> None:
        raise error

    monkeypatch.setattr(package, "RadEval", broken)
    with pytest.raises(RadscribeError) as caught:
        radeval.score(["green"], TEXTS, TEXTS)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_version_or_metric_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no metric 'magic'"):
        radeval.require(["magic"])
    monkeypatch.setattr(radeval, "available", lambda: True)
    monkeypatch.setattr(radeval, "_version", lambda: "0.2.0")
    with pytest.raises(RadscribeError, match=r"needs radeval 2, and radeval 0\.2\.0 is installed"):
        radeval.require(["green"])


def test_the_installed_package_has_this_signature_and_these_metrics() -> None:
    installed = pytest.importorskip("radeval", reason="radeval is not installed")
    parameters = inspect.signature(installed.RadEval.__init__).parameters
    assert list(parameters) == list(inspect.signature(RadEval.__init__).parameters)
    known = importlib.import_module("radeval.metrics._registry").METRIC_REGISTRY
    assert {one.metric for one in radeval.EXTERNAL.values()} <= set(known)

"""The indication and the earlier study of an upload: given to the engine, kept and deleted with the study."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from radscribe.inference.caption import Caption
from radscribe.inference.inputs import StudyInput
from radscribe.serving.options import CaptionOptions, decode, parse
from radscribe.serving.problems import Problem
from radscribe.serving.store.tables import studies
from tests.serving.conftest import QuickEngine, picture, post, posted, service_of

WHY = "Cough since Tuesday."


class ReadingEngine(QuickEngine):
    """Keeps what it gets beside the images."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[tuple[str, tuple[str, ...]]] = []

    def stream(self, sources: Iterable[Any], **options: Any) -> Iterator[Caption]:
        def paths() -> Iterator[list[Path]]:
            for source in sources:
                if isinstance(source, StudyInput):
                    prior = source.prior.files if source.prior else ()
                    self.given.append((source.indication, prior))
                    yield [image for image in source.images if isinstance(image, Path)]
                else:
                    self.given.append(("", ()))
                    yield source

        return super().stream(paths(), **options)


@pytest.fixture
def engine() -> ReadingEngine:
    return ReadingEngine()


def options_of(client: TestClient, study_id: str) -> str:
    with service_of(client).store.engine.connect() as connection:
        return str(connection.scalar(select(studies.c.options).where(studies.c.id == study_id)))


def test_the_engine_gets_the_context_and_batches_do_not_depend_on_it(
    client: TestClient, engine: ReadingEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    earlier = posted(client, level=90)
    later = posted(client, level=120, indication=f" {WHY}\n", prior=earlier["id"])
    assert engine.given[0] == ("", ())
    assert engine.given[1][0] == WHY
    assert len(engine.given[1][1]) == 1
    assert decode(options_of(client, later["id"])).indication == WHY
    assert CaptionOptions(indication=WHY).shared == CaptionOptions(prior=earlier["id"]).shared
    assert "Tuesday" not in caplog.text
    assert all("indication" not in options for options, _ in engine.streams)


def test_the_context_stays_with_the_study_and_goes_with_it(client: TestClient, engine: ReadingEngine) -> None:
    first = posted(client, level=90, indication=WHY)
    again = client.post(f"/v1/captions/{first['id']}/recaption?beam=2").json()
    assert engine.given[1] == (WHY, ())
    for study in (first, again):
        assert client.delete(f"/v1/captions/{study['id']}").status_code in (200, 204)
        assert options_of(client, study["id"]) == "{}"


def test_an_address_holds_no_indication_and_a_prior_must_be_there(client: TestClient) -> None:
    study = posted(client)
    answer = client.post(f"/v1/captions/{study['id']}/recaption?indication=cough")
    assert (answer.status_code, "There is no field 'indication'" in answer.text) == (422, True)
    gone = post(client, ("a.png", picture()), prior="nothing")
    assert gone.status_code == 404
    documented = client.get("/openapi.json").json()["paths"]["/v1/captions"]["post"]["responses"]
    assert {"404", "410"} <= documented.keys()
    with pytest.raises(Problem, match="no field"):
        parse({"indication": WHY})
    assert len(parse({"indication": "x" * 5000}, form=True).options.indication) == 1000

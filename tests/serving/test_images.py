"""Images for a screen, and examples."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from radscribe.serving import display
from radscribe.serving.routes.examples import EXAMPLES
from tests.serving.conftest import picture, post, posted


def encoded(levels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG")
    return buffer.getvalue()


def test_an_image_comes_back_as_png(client: TestClient) -> None:
    path = f"/v1/captions/{posted(client, 77)['id']}/images/0"
    response = client.get(path)
    assert response.headers["content-type"] == "image/png"
    with Image.open(BytesIO(response.content)) as image:
        assert (image.mode, image.size) == ("L", (64, 64))
        assert image.getpixel((9, 9)) == 77
    again = client.get(path, headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_raw_levels_keep_sixteen_bits(client: TestClient) -> None:
    levels = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80) * 12
    record = post(client, ("a.png", encoded(levels))).json()
    response = client.get(f"/v1/captions/{record['id']}/images/0/pixels")
    assert (response.headers["x-height"], response.headers["x-width"]) == ("64", "80")
    assert np.array_equal(np.frombuffer(response.content, "<u2").reshape(64, 80), levels)


def test_a_large_image_is_made_smaller(client: TestClient) -> None:
    levels = np.zeros((1000, 3000), np.uint8)
    levels[:, 1500:] = 255
    record = post(client, ("a.png", encoded(levels))).json()
    assert (record["images"][0]["height"], record["images"][0]["width"]) == (1000, 3000)
    response = client.get(f"/v1/captions/{record['id']}/images/0/pixels")
    assert (response.headers["x-height"], response.headers["x-width"]) == ("683", "2048")
    assert len(response.content) == 683 * 2048 * 2


def test_few_images_are_decoded_at_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/v1/captions/{posted(client)['id']}/images/0/pixels"
    load, lock = display.load, threading.Lock()
    running = most = 0

    def counted(file: Path) -> display.Floats:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return load(file)

    monkeypatch.setattr(display, "load", counted)
    with ThreadPoolExecutor(6) as pool:
        assert [response.status_code for response in pool.map(client.get, [path] * 6)] == [200] * 6
    assert most == 2


@pytest.mark.parametrize("n", ["1", "2", "99"])
def test_an_image_that_is_none_cannot_be_shown(client: TestClient, n: str) -> None:
    record = post(client, ("a.png", picture()), ("b.txt", b"text")).json()
    assert client.get(f"/v1/captions/{record['id']}/images/{n}").status_code == 404


def test_examples_are_drawn_and_captioned_like_uploads(client: TestClient) -> None:
    listed = client.get("/v1/examples").json()["examples"]
    assert [example["id"] for example in listed] == [example.id for example in EXAMPLES]
    two = next(example for example in listed if len(example["views"]) == 2)
    for path in two["images"]:
        assert client.get(path).headers["content-type"] == "image/png"
    response = client.post(f"/v1/examples/{two['id']}", params={"beam": 2})
    record = response.json()
    assert (response.status_code, record["status"]) == (200, "done")
    assert len(record["images"]) == 2
    shown = client.get(f"/v1/captions/{record['id']}/images/0").content
    assert np.array_equal(
        np.asarray(Image.open(BytesIO(shown))),
        np.asarray(Image.open(BytesIO(client.get(two["images"][0]).content))),
    )
    assert client.post(f"/v1/examples/{two['id']}", params={"beam": 0}).status_code == 422
    assert client.get(two["images"][0][:-1] + "7").status_code == 404

"""What the page says when the service is full, silent, wants a token, or fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from radscribe.cli.users import command as users_command
from tests.serving.page.reader import Reader

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


def choose(reader: Reader, file: Path) -> None:
    reader.page.set_input_files("#files", str(file))


def problem(route: Route, status: int, title: str, detail: str, **headers: str) -> None:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    route.fulfill(status=status, json=body, headers={"Content-Type": "application/problem+json", **headers})


def test_a_full_service_is_tried_again_when_it_said(reader: Reader, files: Path) -> None:
    answers = iter([True])

    def full(route: Route) -> None:
        if route.request.method == "POST" and next(answers, False):
            problem(route, 429, "Too many studies", "The queue is full.", **{"Retry-After": "1"})
        else:
            route.continue_()

    reader.page.route("**/v1/captions", full)
    choose(reader, files / "a.png")
    expect(reader.page.locator("#state-title")).to_have_text("The service is full")
    expect(reader.page.get_by_role("button", name="Try now")).to_be_visible()
    reader.study()
    assert reader.draft


def test_a_waiting_study_can_be_cancelled(reader: Reader, files: Path) -> None:
    reader.page.route(
        "**/v1/captions", lambda route: problem(route, 429, "Full", "Full.", **{"Retry-After": "60"})
    )
    choose(reader, files / "a.png")
    reader.page.locator(".state").get_by_role("button", name="Cancel").click()
    expect(reader.page.locator("#choose")).to_be_visible()
    expect(reader.page.locator(".worklist")).to_be_hidden()


def test_a_cancelled_example_is_asked_for_no_longer(reader: Reader) -> None:
    reader.page.route("**/v1/examples/*?*", lambda route: None)  # never answered
    with reader.page.expect_request("**/v1/examples/*?*"):
        reader.page.get_by_role("button", name="A large heart", exact=True).click()
    with reader.page.expect_event("requestfailed"):
        reader.page.locator(".state").get_by_role("button", name="Cancel").click()
    expect(reader.page.locator("#choose")).to_be_visible()
    expect(reader.page.locator(".worklist")).to_be_hidden()


def test_a_silent_service(reader: Reader, files: Path) -> None:
    reader.page.context.set_offline(True)
    expect(reader.page.locator("#notice")).to_contain_text("offline")
    choose(reader, files / "a.png")
    expect(reader.page.locator("#state-title")).to_contain_text("does not answer")
    reader.page.context.set_offline(False)
    expect(reader.page.locator("#notice")).to_be_hidden()
    reader.page.get_by_role("button", name="Try again").click()
    reader.study()
    assert reader.draft


def test_an_error_says_what_the_service_said(reader: Reader, files: Path) -> None:
    reader.page.route(
        "**/v1/captions", lambda route: problem(route, 413, "The upload is too large", "Send at most 64 MB.")
    )
    choose(reader, files / "a.png")
    expect(reader.page.locator("#state-title")).to_contain_text("The upload is too large")
    expect(reader.page.locator(".state [role=alert]")).to_have_text("Send at most 64 MB.")


def test_a_study_in_the_queue_is_followed_after_a_reload(reader: Reader, files: Path) -> None:
    study = reader.send(files / "a.png")
    answers = iter([True, True])

    def queued(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        if next(answers, False):
            body |= {"status": "queued", "caption": None}
        route.fulfill(response=answer, json=body)

    reader.come()
    reader.page.route(f"**/v1/captions/{study['id']}*", queued)
    reader.page.goto(f"{reader.base}/#/study/{study['id']}")
    expect(reader.page.locator("#state-title")).to_have_text("In the queue")
    reader.study()
    assert reader.draft == study["caption"]["text"]


def test_an_unknown_study(reader: Reader) -> None:
    reader.page.goto(f"{reader.base}/#/study/{'0' * 26}")
    expect(reader.page.locator(".state h1")).to_be_visible()
    expect(reader.page.get_by_role("link", name="New study").last).to_be_visible()


@pytest.mark.parametrize("address", ["%E0%A4%A", "a/../b", "%"])
def test_an_address_that_is_no_study(reader: Reader, address: str) -> None:
    reader.page.goto(f"{reader.base}/#/study/{address}")
    expect(reader.page.locator(".state h1")).to_be_visible()


def test_a_token_is_asked_for_and_becomes_a_cookie(
    browser: Browser, serve: Callable[..., str], files: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("a-token-of-many-letters")
    base = serve("--token-file", str(tmp_path / "token"))
    context = browser.new_context()
    reader = Reader(context.new_page(), base)
    reader.watch()
    early: list[Route] = []

    def hold(route: Route) -> None:
        if early:
            route.continue_()
        else:
            early.append(route)

    reader.page.route("**/v1/examples", hold)
    reader.come()
    token = reader.page.get_by_role("textbox", name="Token")
    token.fill("wrong")
    token.press("Enter")
    expect(reader.page.locator("dialog [role=alert]")).to_have_text("That token was not accepted.")
    with reader.page.expect_response(lambda answer: answer.url.endswith("/v1/model") and answer.ok):
        token.fill("a-token-of-many-letters")
        token.press("Enter")
    problem(early[0], 401, "Sign in", "Sent before the sign-in, refused after it.")
    expect(reader.page.locator(".examples button").first).to_be_visible()
    expect(reader.page.locator("dialog")).to_have_count(0)
    choose(reader, files / "a.png")
    reader.page.wait_for_selector("#draft")
    expect(reader.view().locator(".view-state")).not_to_be_empty()
    reader.page.reload()
    reader.page.wait_for_selector("#draft")
    assert reader.page.locator("dialog").count() == 0
    (cookie,) = context.cookies()
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")
    kept = reader.page.evaluate(
        "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    assert "a-token" not in kept + cookie.get("value", "")
    assert cookie.get("value", "?") not in kept
    reader.page.get_by_role("button", name="Sign out").click()
    expect(token).to_be_visible()
    assert context.cookies() == []
    assert reader.complaints == []
    context.close()


def test_named_users_sign_in_on_the_page_and_see_what_their_role_allows(
    browser: Browser, serve: Callable[..., str], files: Path, tmp_path: Path
) -> None:
    users = tmp_path / "users.json"
    for name, role in (("ann", "review"), ("rob", "read")):
        (tmp_path / name).write_text(f"a long password of {name}'s")
        options = ["--users-file", str(users), "--password-file", str(tmp_path / name), "--role", role]
        assert CliRunner().invoke(users_command, ["add", name, *options]).exit_code == 0
    base = serve("--users-file", str(users))
    context = browser.new_context()
    reader = Reader(context.new_page(), base)
    reader.watch()
    reader.come()
    page = reader.page

    def sign_in(name: str, password: str) -> None:
        page.get_by_role("textbox", name="Name").fill(name)
        page.get_by_role("textbox", name="Password").fill(password)
        page.get_by_role("button", name="Sign in").first.click()

    sign_in("ann", "another password")
    expect(page.locator("dialog [role=alert]")).to_have_text("That was not accepted.")
    sign_in("ann", "a long password of ann's")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Sign out ann")).to_be_visible()
    choose(reader, files / "a.png")
    page.wait_for_selector("#draft")
    study = page.url.rpartition("/")[2]
    page.locator("#reviewer").fill("Dr Ann")
    page.locator("[data-decision=accept]").click()
    expect(page.locator(".reviews li")).to_contain_text("ann")  # who was signed in, beside what was typed

    page.get_by_role("button", name="Sign out ann").click()
    sign_in("rob", "a long password of rob's")
    expect(page.get_by_role("button", name="Sign out rob")).to_be_visible()
    answer = context.request.post(
        f"{base}/v1/captions/{study}/review",
        data={"decision": "reject", "text": "", "reviewer": "Rob"},
        headers={"Origin": base},
    )
    assert answer.status == 403
    context.close()

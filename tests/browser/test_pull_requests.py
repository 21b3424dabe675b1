"""Pull requests by keyboard and with the page's scripts: what plain HTTP cannot show."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Desk, expect_of, tab_to
from tests.browser.world import World

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pull(world: World) -> str:
    return world.pull_request()


def _stop(page: Any) -> str:
    return str(page.evaluate("document.activeElement.id"))


def test_changes_are_gone_through_marked_and_commented_by_keyboard_and_by_click(desk: Desk, pull: str) -> None:
    page = desk.member(f"{pull}/changes")
    stops = []
    for _ in range(5):
        page.keyboard.press("n")
        stops.append(_stop(page).partition("-")[0] + _stop(page)[-2:] * _stop(page).startswith("file"))
    assert stops == [
        "file-1",
        "c",
        "c",
        "file-2",
        "file-2",
    ]  # a file, the comment at its line, the answer, a file, the end
    page.keyboard.press("p")
    assert _stop(page).startswith("c-")
    page.locator("#file-2 [data-viewed]").focus()
    page.keyboard.press("Space")
    expect_of(page.locator("#file-2 [data-body]")).to_be_hidden()
    page.reload()
    expect_of(page.locator("#file-2 [data-body]")).to_be_hidden()
    expect_of(page.locator("#file-1 [data-body]")).to_be_visible()
    page.locator("#file-1 [data-side=BEFORE]").first.click()
    assert page.evaluate("document.activeElement.name") == "content"
    page.keyboard.type("n and p are letters here")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said = page.locator(".difference .comment").filter(has_text="n and p are letters here")
    expect_of(said).to_be_visible()
    line = page.locator("#file-1 [data-side=BEFORE]").first
    assert line.locator("xpath=../following-sibling::tr[1]").inner_text().startswith("ada")
    page.locator("#keys").uncheck()
    page.locator("#main").focus()
    page.keyboard.press("n")
    assert _stop(page) == "main"
    page.locator("#keys").check()


def test_a_conflict_is_settled_and_merged_by_keyboard_alone(desk: Desk, world: World, pull: str) -> None:
    client, number = world.yard.client("codecommit"), pull.rpartition("/")[2]
    page = desk.member(pull)
    tab_to(page, "approve")
    page.keyboard.press("Enter")
    expect_of(page.get_by_text("Take my approval back")).to_be_visible()
    client.delete_pull_request_approval_rule(pullRequestId=number, approvalRuleName="Own")
    page.goto(f"{pull}/conflicts")
    page.get_by_role("link", name="Conflicts").focus()
    while page.evaluate("document.activeElement.type") != "radio":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # from the first choice to the second: as in rival
    assert page.evaluate("document.activeElement.value") == "source"
    page.get_by_role("button", name="Merge").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{pull}")
    expect_of(page.locator(".headline .badge").first).to_have_text("Merged")
    found = client.get_file(repositoryName="greeter", commitSpecifier="main", filePath="app.py")["fileContent"]
    assert b"Good evening" in found


def test_a_difference_of_five_thousand_lines_is_seen_whole(desk: Desk, world: World) -> None:
    commit = world.commit("Much", long__txt="".join(f"row {number}\n" for number in range(5000)))
    page = desk.member("/repositories/greeter")
    page.goto(f"/repositories/greeter/commit/{commit}", wait_until="load")
    assert page.locator("tr.add").count() == 5000

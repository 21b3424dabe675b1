"""The console for everybody: axe-core on every page, and everything done without a mouse."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Desk, expect_of, tab_to
from tests.browser.test_console import PIPELINE, _deployment
from tests.browser.world import World
from tests.support import npm

pytestmark = pytest.mark.browser

# What axe looks for beyond its defaults.
MORE = (
    "css-orientation-lock",
    "focus-order-semantics",
    "label-content-name-mismatch",
    "p-as-heading",
    "table-fake-caption",
    "target-size",
    "td-has-header",
)
# What a page's width and colours can change.
SEEN = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")
# The links of line numbers are as high as the lines of code beside them, which WCAG 2.5.8 lets be.
RUN = """([more, only]) => axe.run({exclude: [".linenos"]}, {
  resultTypes: ["violations"], ...(only.length ? {runOnly: only} : {}),
  rules: only.length ? {} : Object.fromEntries(more.map((name) => [name, {enabled: true}])),
}).then((found) => found.violations.map((one) => [one.id, one.nodes.map((node) => node.html)]))"""
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']"


@pytest.fixture(scope="module")
def pages(world: World) -> dict[str, str]:
    """A path for each page of the console, of a yard in which everything is going on at once."""
    yard = world.yard
    world.run_builds()
    world.approve()
    world.until("Publish-production", "Succeeded")
    gate = {"pipelineName": "greeter", "stageName": "DeployProduction", "transitionType": "Inbound"}
    world.pipelines.start_pipeline_execution(name="greeter")
    world.run_builds()
    world.until("Release", "InProgress")
    world.pipelines.disable_stage_transition(reason="a freeze", **gate)
    world.pipelines.start_pipeline_execution(name="greeter")
    world.run_builds("FAILED")
    world.until("Build", "Failed")
    build, job = world.solo()
    world.worker.phase(job, "BUILD", "IN_PROGRESS", 1)
    colours = "".join(f"\x1b[{code}mcolour {code}\x1b[0m\n" for code in (1, 3, 4, *range(30, 38)))
    world.worker.log(job, 0, colours + "long " * 400 + "\n")
    deployment = _deployment(yard)
    tip = yard.client("codecommit").get_branch(repositoryName="greeter", branchName="main")["branch"]["commitId"]
    pull = world.pull_request()
    executions = world.pipelines.list_pipeline_executions(pipelineName="greeter")["pipelineExecutionSummaries"]
    return {
        "/signin": "/signin",
        "/signin/once": "/signin/once?token=x",
        "/": "/",
        "/pipelines/{name}": PIPELINE,
        "/pipelines/{name}/executions/{execution}": f"{PIPELINE}/executions/{executions[0]['pipelineExecutionId']}",
        "/builds": "/builds",
        "/builds/{build}": f"/builds/{build}",
        "/repositories": "/repositories",
        "/repositories/{name}": "/repositories/greeter",
        "/repositories/{name}/files/{path:path}": "/repositories/greeter/files/app.py",
        "/repositories/{name}/commits": "/repositories/greeter/commits",
        "/repositories/{name}/commit/{commit}": f"/repositories/greeter/commit/{tip}",
        "/repositories/{name}/blame/{path:path}": "/repositories/greeter/blame/app.py",
        "/repositories/{name}/history/{path:path}": "/repositories/greeter/history/app.py",
        "/repositories/{name}/branches": "/repositories/greeter/branches",
        "/repositories/{name}/compare": "/repositories/greeter/compare?before=main&after=rival&view=split",
        "/repositories/{name}/settings": "/repositories/greeter/settings",
        "/repositories/{name}/pulls": "/repositories/greeter/pulls",
        "/repositories/{name}/pulls/new": "/repositories/greeter/pulls/new?source=rival",
        "/repositories/{name}/pulls/{pull}": pull,
        "/repositories/{name}/pulls/{pull}/commits": f"{pull}/commits",
        "/repositories/{name}/pulls/{pull}/changes": f"{pull}/changes",
        "/repositories/{name}/pulls/{pull}/conflicts": f"{pull}/conflicts",
        "/approval-templates": "/approval-templates",
        "/approval-templates/{template:path}": "/approval-templates/Seniors",
        "/deployments": "/deployments",
        "/deployments/{deployment}": f"/deployments/{deployment}",
        "/trail": "/trail?key=EventName&value=CreateRepository",
    }


def _all(desk: Desk, pages: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Each page, open: those for signing in to a stranger, the others to a member."""
    stranger, member = desk.visitor(), desk.member("/")
    for path in pages.values():
        page = stranger if path.startswith("/signin") else member
        page.goto(path)
        if page is member:
            page.locator("footer").wait_for()
        yield path, page


_NO_PAGES = ("/live", "/archive")  # events of a page, and a file


def test_no_page_of_the_console_is_forgotten_here(world: World, pages: dict[str, str]) -> None:
    routes = [route for route in world.yard.yard.console.routes if "GET" in (getattr(route, "methods", None) or ())]
    assert {route.path for route in routes if not route.path.endswith(_NO_PAGES)} == set(pages)


def _some(pages: dict[str, str]) -> dict[str, str]:
    """Every third page; in `make deep` every one."""
    return pages if os.environ.get("CODEYARD_DEEP") else dict(list(pages.items())[::3])


def test_axe_finds_nothing_on_any_page_wide_and_light_nor_narrow_and_dark(desk: Desk, pages: dict[str, str]) -> None:
    source = Path(__file__).with_name("js")
    axe = (npm.packages(source) / "node_modules" / "axe-core" / "axe.min.js").read_text()
    found = {}
    for path, page in _all(desk, {**_some(pages), "a problem": "/builds/nothing:here"}):
        if path.startswith("/trail"):
            page.get_by_text("JSON").first.click()
        page.evaluate(axe)
        for scheme, size, only in (("light", WIDE, ()), ("dark", NARROW, SEEN)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            if violations := page.evaluate(RUN, [MORE, only]):
                found[path, scheme] = violations
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, (path, size)
    desk.complaints.clear()  # the browser reports the problem's 404 itself
    assert found == {}


def test_tab_visits_everything_on_every_page_in_its_order_with_a_ring_around_it_and_goes_on(
    desk: Desk, pages: dict[str, str]
) -> None:
    for path, page in _all(desk, _some(pages)):
        page.locator(".skip").focus()
        wanted = page.evaluate(
            """(all) => {
                 const visited = (one) => {  // of radio buttons that belong together Tab visits one
                   const all = [...document.getElementsByName(one.name)];
                   return all.find((other) => other.checked) ?? all[0];
                 };
                 window.places = [...document.querySelectorAll(all)].filter(
                 (one) => !one.disabled && one.checkVisibility() && (one.type !== "radio" || one === visited(one)));
                 return places.length }""",
            FOCUSABLE,
        )
        seen = []
        for _ in range(wanted + 1):
            place, ring = page.evaluate(
                "[places.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle]"
            )
            if place == -1 or place in seen[:1]:  # out of the page, or around
                break
            assert ring != "none", (path, page.evaluate("document.activeElement.outerHTML"))
            seen.append(place)
            page.keyboard.press("Tab")
        assert seen == list(range(wanted)), path


def test_a_pipeline_is_run_by_keyboard_alone(desk: Desk, world: World, pages: dict[str, str]) -> None:
    page = desk.member(PIPELINE)
    page.keyboard.press("Tab")
    expect_of(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect_of(page.get_by_role("link", name="Pipelines").last).to_be_focused()
    tab_to(page, "a4-0-comment")
    page.keyboard.type("not today")
    page.keyboard.press("Enter")
    assert world.action("Release")["status"] == "InProgress"  # Enter in the comment decides nothing
    tab_to(page, "a4-0-reject")
    page.keyboard.press("Enter")
    world.until("Release", "Failed")
    page.wait_for_url("**/pipelines/greeter#stage-4")
    tab_to(page, "stage-5-gate")  # from the stage that was acted on, not from the top of the page
    page.keyboard.press("Space")
    expect_of(page.get_by_role("button", name="Disable transition into DeployProduction")).to_be_visible()
    tab_to(page, "stage-2-retry")
    page.keyboard.press("Enter")
    for name in ("Build", "Test"):
        world.until(name, "InProgress")
    latest = world.pipelines.list_pipeline_executions(pipelineName="greeter")["pipelineExecutionSummaries"][0]
    page.wait_for_url("**/pipelines/greeter#stage-2")
    tab_to(page, f"stop-{latest['pipelineExecutionId']}")
    page.keyboard.press("Enter")
    expect_of(page.get_by_role("row").nth(1)).to_contain_text("Stopping")
    tab_to(page, f"abandon-{latest['pipelineExecutionId']}")
    page.keyboard.press("Enter")
    expect_of(page.get_by_role("row").nth(1)).to_contain_text("Stopped")


def test_what_had_the_focus_and_went_away_leaves_it_beside(desk: Desk, world: World, pages: dict[str, str]) -> None:
    page = desk.member(pages["/builds/{build}"])
    tab_to(page, "stop")
    world.yard.client("codebuild").stop_build(id=pages["/builds/{build}"].rpartition("/")[2])
    expect_of(page.get_by_role("status")).to_contain_text("Stopped")
    assert page.evaluate("document.activeElement.dataset.part") == "head"


HEARD = """
    const listen = EventSource.prototype.addEventListener
    EventSource.prototype.addEventListener = function (name, act) {
      listen.call(this, name, (message) => { act(message); document.documentElement.dataset.heard += ` ${name}` })
    }
    document.addEventListener("DOMContentLoaded", () => {
      window.first = document.querySelector("[data-part=graph]")?.firstElementChild
    })
"""


def test_what_a_page_came_with_is_not_put_there_again(desk: Desk, pages: dict[str, str]) -> None:
    page = desk.member("/")
    page.add_init_script(HEARD)
    page.goto(PIPELINE)
    page.locator("html[data-heard~=graph]").wait_for(state="attached")
    assert page.evaluate("first.isConnected")


def test_events_are_looked_up_and_the_commits_opened_by_keyboard(desk: Desk, pages: dict[str, str]) -> None:
    page = desk.member("/trail")
    page.get_by_label("Attribute").focus()
    page.keyboard.type("EventN")
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("CreateRepository")
    page.keyboard.press("Enter")
    expect_of(page.get_by_role("row").nth(1)).to_contain_text("CreateRepository")
    page.goto("/repositories/greeter")
    page.get_by_role("link", name="Commits").focus()
    page.keyboard.press("Enter")
    expect_of(page.get_by_role("link", name="Commits")).to_have_attribute("aria-current", "page")


def test_who_dictates_turns_the_letters_off_and_they_stay_off(desk: Desk, pages: dict[str, str]) -> None:
    page = desk.member("/builds")
    for letter in ("g", "Escape", "t"):  # Escape thinks better of it
        page.keyboard.press(letter)
    page.get_by_label("Keys").uncheck()
    page.reload()
    for letter in "gt":
        page.keyboard.press(letter)
    assert page.url.endswith("/builds")
    page.get_by_label("Keys").check()
    for letter in "gt":
        page.keyboard.press(letter)
    expect_of(page.get_by_role("heading", name="Trail")).to_be_visible()


def test_nothing_moves_for_who_asked_for_less_motion(desk: Desk, pages: dict[str, str]) -> None:
    page = desk.member(PIPELINE)
    moving = "document.getAnimations().filter((one) => one.playState === 'running').length"
    page.get_by_role("button", name="Approve", exact=True).or_(
        page.get_by_role("heading", name="greeter")
    ).first.wait_for()
    assert page.evaluate(moving) == 0

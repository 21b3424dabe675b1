"""One browser and one yard for the module; each test has its own context, as a new visitor."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.world import World
from tests.support.yard import TestYard

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running yard, filled."""
    data = tmp_path_factory.mktemp("yard") / "data"
    yard = TestYard(data, threaded_engine=True, runner_lease=3600)  # its runner speaks when a test makes it
    yield World(yard)
    yard.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Debian's chromium."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"{CHROMIUM} is not installed (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield started
        started.close()


def expect_of(locator: Any) -> Any:
    """What playwright expects of the locator; patient, for machines are busy."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    return expect(locator)


def tab_to(page: Any, id: str) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == id:
            return
    raise AssertionError(f"{id} cannot be reached by keyboard")


class Desk:
    """Opens pages for visitors, and remembers what the browser complained of: errors, refused content."""

    def __init__(self, world: World, browser: Any) -> None:
        self._world, self._browser = world, browser
        self._contexts: list[Any] = []
        self._state: Any = None
        self.complaints: list[str] = []
        self.url = world.yard.yard.console_url

    def visitor(self, **options: Any) -> Any:
        """A page of somebody who is not signed in."""
        context = self._browser.new_context(base_url=self.url, reduced_motion="reduce", **options)
        context.set_default_timeout(15_000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else 0)
        return page

    def member(self, path: str, **options: Any) -> Any:
        """A page of ada's, signed in, at the path."""
        page = self.visitor(storage_state=self._signed_in(), **options)
        page.goto(path)
        return page

    def close(self) -> None:
        """Close every page."""
        while self._contexts:
            self._contexts.pop().close()

    def _signed_in(self) -> Any:
        if self._state is None:
            page = self.visitor()
            self.by_link(page)
            self._state = page.context.storage_state()
        return self._state

    def by_link(self, page: Any) -> None:
        """Sign in as `codeyard console` does it."""
        yard = self._world.yard.yard
        page.goto(yard.console.one_time_link(yard.identity.user_named(self._world.yard.account, "ada")))
        page.get_by_role("button", name="Continue").click()


@pytest.fixture(scope="module")
def _desk(world: World, browser: Any) -> Desk:
    return Desk(world, browser)


@pytest.fixture
def desk(_desk: Desk) -> Iterator[Desk]:
    """The desk; the test fails if the browser complained."""
    yield _desk
    _desk.close()
    complaints, _desk.complaints = _desk.complaints, []
    assert complaints == []

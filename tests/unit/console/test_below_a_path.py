"""The console below /console/, where it shares the host of the server: everything stays below it."""

from __future__ import annotations

import re

import pytest

from tests.unit.console.support import Browser


@pytest.fixture
def browser() -> Browser:
    """A browser at a server on another machine."""
    return Browser(host="10.0.0.5:4599", root="/console", scheme="https")


def test_a_stranger_is_sent_to_sign_in_below_it_and_comes_back(browser: Browser) -> None:
    assert browser.get("/trail")["location"] == "/console/signin?next=%2Ftrail"
    assert browser.sign_in(next="/trail")["location"] == "/console/trail"


def test_its_cookie_is_secure_and_sent_to_no_other_path_of_the_host(browser: Browser) -> None:
    (cookie,) = browser.sign_in().all("set-cookie")
    assert {"HttpOnly", "SameSite=strict", "Secure", "Path=/console"} <= set(cookie.split("; "))
    assert "Path=/console;" in browser.post("/signout", {}).all("set-cookie")[0] + ";"


def test_every_link_form_and_file_of_a_page_is_below_it(browser: Browser) -> None:
    pages = [browser.get("/signin").text]
    browser.sign_in()
    pages += [browser.get(path).text for path in ("/", "/trail", "/nowhere")]
    for page in pages:
        found = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
        assert found
        assert [one for one in found if not one.startswith("/console/")] == []


def test_the_area_that_one_is_in_is_marked_there_too(browser: Browser) -> None:
    browser.gateway.answers["LookupEvents"] = {"Events": []}
    browser.sign_in()
    assert re.search(r'href="/console/trail"[^>]* aria-current="page"', browser.get("/trail").text)


def test_a_change_from_a_page_of_another_origin_is_refused(browser: Browser) -> None:
    browser.sign_in()
    form = {"csrf": browser.csrf}
    for origin in ("https://10.0.0.5:4600", "http://10.0.0.5:4599", "null"):
        assert browser.post("/pipelines/p/release", form, origin=origin).status == 403
    assert browser.post("/pipelines/p/release", form)["location"] == "/console/pipelines/p"


def test_a_files_name_is_kept_and_nothing_else(browser: Browser) -> None:
    assert browser.get("/static/console.css")["cache-control"] == "no-cache"
    assert browser.get("/signin")["cache-control"] == "no-store"


def test_a_one_time_link_leads_there(browser: Browser) -> None:
    from tests.unit.console.support import ADA

    assert browser.console.one_time_link(ADA).startswith("https://10.0.0.5:4599/console/signin/once?token=")

"""Who gets in, and from where. Everything here is a rule that a hostile page or client would try."""

from __future__ import annotations

import pytest

from codeyard.console.app import Console
from codeyard.console.sessions import LINK_FOR, SESSION_FOR
from codeyard.contract import AwsError
from codeyard.gateway.attempts import FREE_TRIES, WAIT
from tests.unit.console.support import ADA, HOST, Browser

ELSEWHERE = [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "/\t/evil.example",
    "/\n/evil.example",
    "javascript:alert(1)",
    "evil.example",
    "",
]


@pytest.fixture
def browser() -> Browser:
    return Browser()


def test_a_stranger_is_sent_to_sign_in_and_comes_back_to_the_page_that_was_asked_for(browser: Browser) -> None:
    answer = browser.get("/trail?key=EventName&value=x")
    assert (answer.status, answer["location"]) == (303, "/signin?next=%2Ftrail%3Fkey%3DEventName%26value%3Dx")
    answer = browser.sign_in(next="/trail?key=EventName&value=x")
    assert (answer.status, answer["location"]) == (303, "/trail?key=EventName&value=x")


def test_a_live_page_answers_a_stranger_with_401(browser: Browser) -> None:
    assert browser.get("/pipelines/p/live", accept="text/event-stream").status == 401


@pytest.mark.parametrize("onward", ELSEWHERE)
def test_signing_in_leads_nowhere_but_to_our_own_pages(browser: Browser, onward: str) -> None:
    assert browser.sign_in(next=onward)["location"] == "/"


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser) -> None:
    (cookie,) = browser.sign_in().all("set-cookie")
    assert cookie.startswith("codeyard-session-4566=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_signing_in_always_makes_a_new_session_and_ends_the_one_that_the_browser_had(browser: Browser) -> None:
    browser.cookies["codeyard-session-4566"] = "planted"
    browser.sign_in()
    first = dict(browser.cookies)
    assert first["codeyard-session-4566"] != "planted"
    browser.sign_in()
    assert browser.cookies != first
    assert browser.get("/").status == 200
    browser.cookies.update(first)
    assert browser.get("/").status == 303


def test_signing_out_ends_the_session_itself_not_only_the_cookie(browser: Browser) -> None:
    browser.sign_in()
    kept = dict(browser.cookies)
    assert browser.post("/signout", {}).status == 303
    browser.cookies.update(kept)
    assert browser.get("/")["location"] == "/signin"


def test_a_session_runs_out(browser: Browser) -> None:
    browser.sign_in()
    browser.gateway.clock.advance(SESSION_FOR)
    assert browser.get("/").status == 303


def test_a_change_needs_the_sessions_token(browser: Browser) -> None:
    browser.sign_in()
    for form in ({}, {"csrf": ""}, {"csrf": "0" * 32}):
        assert browser.post("/pipelines/p/release", form).status == 403
    assert browser.gateway.calls == []
    assert browser.post("/pipelines/p/release", {"csrf": browser.csrf})["location"] == "/pipelines/p"
    assert browser.gateway.calls == [("ada", "StartPipelineExecution", {"name": "p"})]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://console.localhost:9"},
        {"origin": f"https://{HOST}"},
        {"origin": ""},
        {"origin": "", "sec_fetch_site": "same-site"},
        {"origin": "", "sec_fetch_site": "none"},
    ],
)
def test_a_change_must_come_from_our_own_page_even_with_the_token(browser: Browser, headers: dict[str, str]) -> None:
    browser.sign_in()
    assert browser.post("/pipelines/p/release", {"csrf": browser.csrf}, **headers).status == 403
    assert browser.post("/signin", {"user": "ada", "password": "right"}, **headers).status == 403
    token = browser.console.one_time_link(ADA).partition("token=")[2]
    assert browser.post("/signin/once", {"token": token}, **headers).status == 403
    assert browser.gateway.calls == []


def test_a_browser_without_origin_may_say_same_origin_by_fetch_metadata(browser: Browser) -> None:
    browser.sign_in()
    answer = browser.post("/pipelines/p/release", {"csrf": browser.csrf}, origin="", sec_fetch_site="same-origin")
    assert answer.status == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:4566", "localhost", "www.console.localhost", ""])
def test_no_other_host_is_answered(browser: Browser, host: str) -> None:
    browser.sign_in()
    assert browser.get("/", host=host).status == 400


@pytest.mark.parametrize("path", ["/", "/signin", "/static/console.css", "/none", "/static/../app.py"])
def test_every_answer_carries_the_safe_headers(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert "default-src 'none'" in answer["content-security-policy"]
    assert "unsafe" not in answer["content-security-policy"]
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")
    assert "import" not in answer.text


def test_only_forms_of_ours_are_read(browser: Browser) -> None:
    browser.sign_in()
    big = {"csrf": browser.csrf, "reason": "x" * 70_000}
    assert browser.post("/pipelines/p/stop", big).status == 413
    assert browser.post("/pipelines/p/stop", {}, content_type="multipart/form-data; boundary=x").status == 415
    sent = {"origin": f"http://{HOST}", "content-type": "application/x-www-form-urlencoded"}
    assert browser.send("POST", "/pipelines/p/stop", sent, b"a=%ff").status == 400
    assert browser.send("POST", "/pipelines/p/stop", sent, b"&".join([b"a=1"] * 200)).status == 400


def test_a_change_by_get_is_not_possible(browser: Browser) -> None:
    browser.sign_in()
    assert browser.get("/pipelines/p/release").status == 405


def test_a_link_signs_in_once_after_a_click(browser: Browser) -> None:
    link = browser.console.one_time_link(ADA)
    path = link.removeprefix(f"http://{HOST}")
    token = path.partition("token=")[2]
    assert browser.get(path).status == 200
    assert browser.cookies == {}
    assert browser.post("/signin/once", {"token": token})["location"] == "/"
    assert browser.get("/").status == 200
    assert Browser(gateway=browser.gateway).post("/signin/once", {"token": token}).status == 403
    assert browser.post("/signin/once", {"token": token}).status == 403


def test_a_link_is_too_old_after_five_minutes(browser: Browser) -> None:
    token = browser.console.one_time_link(ADA).partition("token=")[2]
    browser.gateway.clock.advance(LINK_FOR)
    assert browser.post("/signin/once", {"token": token}).status == 403


def test_guessing_passwords_has_to_wait_and_the_right_one_too(browser: Browser) -> None:
    for _ in range(FREE_TRIES):
        assert browser.sign_in("wrong").status == 403
    assert browser.sign_in("right").status == 429
    assert browser.cookies == {}
    browser.gateway.clock.advance(WAIT)
    assert browser.sign_in("right").status == 303
    assert browser.sign_in("wrong").status == 403


def test_signing_in_is_on_the_trail_whether_it_worked_or_not(browser: Browser) -> None:
    browser.sign_in("wrong")
    browser.sign_in("wrong", user="adas-password", account="999999999999")
    browser.sign_in()
    known, unknown, worked = browser.gateway.records
    for failed in (known, unknown):
        assert failed["responseElements"] == {"ConsoleLogin": "Failure"}
        assert failed["errorMessage"] == "Failed authentication"
        assert failed["recipientAccountId"] == ADA.account  # that of the server, where there is none of that number
    assert known["userIdentity"]["userName"] == "ada"
    assert "adas-password" not in str(unknown)
    assert (worked["eventName"], worked["eventType"]) == ("ConsoleLogin", "AwsConsoleSignIn")
    assert worked["userIdentity"]["arn"] == ADA.arn
    assert worked["responseElements"] == {"ConsoleLogin": "Success"}
    assert worked["additionalEventData"]["MFAUsed"] == "No"
    assert worked["eventTime"] == "2023-11-14T22:13:20Z"
    assert all("wrong" not in str(r) and "right" not in str(r) for r in browser.gateway.records)


def test_a_link_that_does_not_count_and_signing_out_are_on_the_trail(browser: Browser) -> None:
    browser.post("/signin/once", {"token": "of somebody else"})
    browser.post("/signout", {})  # nobody is signed in: nothing to tell
    browser.sign_in()
    browser.post("/signout", {}, origin="https://evil.example")
    browser.post("/signout", {})
    told = [(one["eventName"], one["responseElements"]) for one in browser.gateway.records]
    assert told == [
        ("ConsoleLogin", {"ConsoleLogin": "Failure"}),
        ("ConsoleLogin", {"ConsoleLogin": "Success"}),
        ("Logout", {"Logout": "Success"}),
    ]
    assert browser.gateway.records[-1]["userIdentity"]["arn"] == ADA.arn
    assert "somebody" not in str(browser.gateway.records)


def test_calls_are_made_as_the_visitor_and_never_name_the_consoles_host(browser: Browser) -> None:
    browser.sign_in()
    browser.get("/", user_agent="Mozilla")
    (origin,) = browser.gateway.origins
    assert (origin.source_ip, origin.user_agent, origin.endpoint) == ("127.0.0.1", "Mozilla", "")


def test_a_refusal_is_shown_with_its_status_and_escaped(browser: Browser) -> None:
    browser.sign_in()
    browser.gateway.answers["ListPipelines"] = AwsError("AccessDeniedException", "<b>no</b>", status=403)
    answer = browser.get("/")
    assert answer.status == 403
    assert "&lt;b&gt;no" in answer.text
    assert "<b>" not in answer.text


def test_what_is_not_there_is_a_404_page(browser: Browser) -> None:
    browser.sign_in()
    assert browser.get("/pipelines/none").status == 404


def test_the_hosts_of_the_console_can_be_set() -> None:
    browser = Browser()
    browser.console = Console(
        browser.gateway,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        browser.changes,
        region="us-east-1",
        account="1",
        url="",
        hosts=("yard.example",),
    )
    assert browser.get("/signin", host="yard.example").status == 200
    assert browser.get("/signin").status == 400

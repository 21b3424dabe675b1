"""The console as people use it, in Debian's chromium. The pages follow by themselves: no reload shows a change."""

from __future__ import annotations

import http.client
import io
import zipfile
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Desk, expect_of, tab_to
from tests.browser.world import HOSTILE, PASSWORD, World
from tests.support.yard import TestYard

pytestmark = pytest.mark.browser
PIPELINE = "/pipelines/greeter"


def _stage(page: Any, name: str) -> Any:
    return page.locator("li.stage").filter(has=page.get_by_role("heading", name=name, exact=True))


def test_an_iam_user_signs_in_by_password_and_out_again(desk: Desk) -> None:
    page = desk.visitor()
    page.goto("/repositories")
    page.get_by_label("IAM user name").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect_of(page.get_by_role("alert")).to_contain_text("incorrect")
    desk.complaints.clear()  # the browser reports the 403 itself
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect_of(page.get_by_role("heading", name="Repositories")).to_be_visible()
    assert urlsplit(page.url).path == "/repositories"
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect_of(page.get_by_role("heading", name="Sign in to Codeyard")).to_be_visible()


def test_a_link_signs_in_once(desk: Desk) -> None:
    page = desk.visitor()
    desk.by_link(page)
    expect_of(page.get_by_role("heading", name="Pipelines")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect_of(page.get_by_role("heading", name="Trail")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="ConsoleLogin").first
    row.get_by_text("JSON").click()
    expect_of(row).to_contain_text("one-time link")


def test_a_release_is_watched_retried_and_approved_by_keyboard_without_a_reload(desk: Desk, world: World) -> None:
    world.run_builds()  # what the pipeline began with
    world.approve()
    world.until("Publish-production", "Succeeded")
    page = desk.member(PIPELINE)
    tab_to(page, "release")
    page.keyboard.press("Enter")
    expect_of(_stage(page, "BuildAndTest").locator(".about")).to_contain_text("In progress")
    page.evaluate("window.kept = true")
    world.run_builds("FAILED")
    failed = _stage(page, "BuildAndTest")
    expect_of(failed.locator(".about")).to_contain_text("Failed")
    expect_of(page.get_by_role("status")).to_contain_text("BuildAndTest: Failed")
    assert page.evaluate("window.kept")
    failed.get_by_role("button", name="Retry failed actions").click()
    world.run_builds()
    expect_of(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    page.evaluate("window.kept = true")
    tab_to(page, "a4-0-comment")
    page.keyboard.type("go ahead")
    desk.member(PIPELINE).get_by_role("button", name="Disable transition into DeployProduction").click()
    expect_of(page.get_by_role("button", name="Enable transition into DeployProduction")).to_be_visible()
    assert page.evaluate("[window.kept, document.activeElement.id, document.activeElement.value]") == [
        True,
        "a4-0-comment",
        "go ahead",
    ]
    tab_to(page, "a4-0-approve")
    page.keyboard.press("Space")
    expect_of(_stage(page, "Approve")).to_contain_text("go ahead")
    expect_of(page.get_by_text("waits here")).to_be_visible()
    page.get_by_role("button", name="Enable transition into DeployProduction").click()
    expect_of(_stage(page, "DeployProduction").locator(".about")).to_contain_text("Succeeded")
    row = page.get_by_role("row").nth(1)
    expect_of(row).to_contain_text("Succeeded")
    row.get_by_role("link").click()
    expect_of(page.get_by_role("heading", name="Execution")).to_be_visible()
    expect_of(page.get_by_role("row").filter(has_text="Publish-production")).to_contain_text("Succeeded")


def test_an_execution_is_stopped_and_one_is_rejected_without_scripts(desk: Desk, world: World) -> None:
    page = desk.member(PIPELINE, java_script_enabled=False)
    page.get_by_role("button", name="Release change").click()
    world.run_builds()
    world.until("Release", "InProgress")
    page.goto(PIPELINE)
    page.get_by_label("Comment on Release").fill("not today")
    page.get_by_role("button", name="Reject").click()
    world.until("Release", "Failed")
    page.get_by_role("button", name="Release change").click()
    for name in ("Build", "Test"):
        world.until(name, "InProgress")
    page.get_by_role("button", name="Abandon").first.click()
    expect_of(page.get_by_role("row").nth(1)).to_contain_text("Stopped")
    for _ in range(2):
        job = world.worker.claim()
        world.worker.end(job, "SUCCEEDED")


def test_a_log_grows_with_its_colours_and_the_phases_follow(desk: Desk, world: World) -> None:
    build, job = world.solo()
    end = world.worker.log(job, 0, f"[Container] first {HOSTILE}\n")
    page = desk.member(f"/builds/{build}")
    log = page.locator("#log")
    expect_of(log).to_contain_text(f"first {HOSTILE}")
    world.worker.phase(job, "BUILD", "IN_PROGRESS", 1)
    expect_of(page.locator(".phases")).to_contain_text("Build")
    end = world.worker.log(job, end, "\x1b[32mgrown green\x1b[0m\n")
    expect_of(log.locator(".a-green")).to_have_text("grown green")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    world.worker.log(job, end, "last\n")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    world.worker.phase(job, "BUILD", "FAILED", 2)
    world.worker.end(job, "FAILED")
    expect_of(page.locator(".headline .badge").first).to_have_text("Failed")
    expect_of(log).to_contain_text("last")
    whole = log.inner_text().split()
    page.reload()
    expect_of(log).to_contain_text("last")
    assert log.inner_text().split() == whole
    plain = desk.member(f"/builds/{build}", java_script_enabled=False)
    assert plain.locator("#log").inner_text().split() == whole


def test_files_commits_and_differences_are_read(desk: Desk, world: World) -> None:
    page = desk.member("/repositories")
    page.get_by_role("link", name="greeter").click()
    page.get_by_text("Clone", exact=True).click()
    assert page.get_by_label("HTTP", exact=True).input_value() == f"git clone {world.yard.endpoint}/v1/repos/greeter"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy: SSH").click()
    expect_of(page.get_by_role("status")).to_have_text("Copied")
    assert "ssh://YOUR-KEY-ID@" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("link", name="app.py").click()
    expect_of(page.get_by_role("region", name="app.py")).to_contain_text("def greeting")
    page.get_by_role("link", name="Commits").click()
    expect_of(page.get_by_text(f"Greet warmly {HOSTILE}")).to_be_visible()
    page.get_by_role("row").nth(1).get_by_role("link").click()
    difference = page.get_by_role("region", name="app.py")
    expect_of(difference.locator("tr.add")).to_contain_text("Good morning")
    expect_of(difference.locator("tr.del")).to_contain_text("Hello")
    assert "Codeyard" in page.title()


def test_a_deployment_shows_each_host_and_lifecycle_event(desk: Desk, world: World) -> None:
    page = desk.member(f"/deployments/{_deployment(world.yard)}")
    host = page.locator("section").filter(has=page.get_by_role("heading", name="web-1"))
    expect_of(host).to_contain_text("ApplicationStop")
    page.get_by_role("button", name="Stop deployment").click()
    expect_of(page.locator(".headline .badge").first).to_have_text("Stopped")


def test_pages_fit_phones_and_desks_in_light_and_dark(desk: Desk) -> None:
    page = desk.member("/")
    for path in ("/", PIPELINE, "/repositories/greeter", "/trail"):
        page.goto(path)
        for scheme, ground in (("light", "rgb(244, 246, 245)"), ("dark", "rgb(16, 21, 20)")):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
            for width in (360, 1280):
                page.set_viewport_size({"width": width, "height": 900})
                over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert over <= 0, (path, width)


def test_the_console_is_on_its_own_host_only_and_aws_calls_are_not(world: World) -> None:
    call = {"x-amz-target": "CodePipeline_20150709.ListPipelines", "content-type": "application/x-amz-json-1.1"}
    place = urlsplit(world.yard.endpoint)
    for host, method, path, forbidden in (
        (f"console.localhost:{place.port}", "POST", "/", b"pipelines"),
        (f"console.localhost:{place.port}", "GET", "/v1/repos/greeter/info/refs?service=git-upload-pack", b"service="),
        (f"console.localhost:{place.port}", "GET", "/healthz", b"ok"),
        (f"127.0.0.1:{place.port}", "GET", "/signin", b"Sign in"),
        (f"localhost:{place.port}", "GET", "/static/console.css", b"--ground"),
    ):
        line = http.client.HTTPConnection(str(place.hostname), place.port or 0, timeout=60)
        line.request(method, path, b"{}" if method == "POST" else None, {"host": host, **call})
        answer = line.getresponse()
        body = answer.read()
        line.close()
        assert answer.status >= 400, (host, path)
        assert forbidden not in body


def _deployment(yard: TestYard) -> str:
    """A deployment to one enrolled host, whose agent never comes."""
    client = yard.client("codedeploy")
    yard.user("web-1")
    client.register_on_premises_instance(instanceName="web-1", iamUserArn=f"arn:aws:iam::{yard.account}:user/web-1")
    client.add_tags_to_on_premises_instances(instanceNames=["web-1"], tags=[{"Key": "env", "Value": "staging"}])
    client.create_application(applicationName="web", computePlatform="Server")
    trust = yard.role("deploy", "codedeploy.amazonaws.com", [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])
    client.create_deployment_group(
        applicationName="web",
        deploymentGroupName="staging",
        onPremisesInstanceTagFilters=[{"Key": "env", "Value": "staging", "Type": "KEY_AND_VALUE"}],
        serviceRoleArn=trust,
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as target:
        target.writestr("appspec.yml", "version: 0.0\nos: linux\n")
    yard.client("s3").put_object(Bucket="artifacts", Key="web.zip", Body=packed.getvalue())
    place = {"bucket": "artifacts", "key": "web.zip", "bundleType": "zip"}
    revision = {"revisionType": "S3", "s3Location": place}
    made = client.create_deployment(applicationName="web", deploymentGroupName="staging", revision=revision)
    return str(made["deploymentId"])

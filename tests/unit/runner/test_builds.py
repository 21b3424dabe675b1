"""Whole builds: a real server, a real runner, real sandboxes."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.yard import TestYard, wait_until
from tests.unit.runner.world import Builds, builds

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    folder = tmp_path_factory.mktemp("builds")
    yard = TestYard(folder / "data", threaded_engine=True)
    with builds(yard, folder) as found:
        yield found
    yard.close()


def spec(*commands: str, **phases: list[str]) -> str:
    """A buildspec whose BUILD phase runs the commands."""
    given = {**({"build": list(commands)} if commands else {}), **phases}
    return json.dumps({"version": "0.2", "phases": {name: {"commands": c} for name, c in given.items()}}) + "\n"


def test_a_build_runs_and_says_all_of_it(world: Builds) -> None:
    world.project("plain", spec("echo hello; id -u", "cd /tmp && f() { echo in $1; }; export A=1", "f $PWD$A"))
    build = world.run("plain")
    assert build["buildStatus"] == "SUCCEEDED"
    assert list(world.phases(build)) == [
        "SUBMITTED",
        "QUEUED",
        "PROVISIONING",
        "DOWNLOAD_SOURCE",
        "INSTALL",
        "PRE_BUILD",
        "BUILD",
        "POST_BUILD",
        "UPLOAD_ARTIFACTS",
        "FINALIZING",
        "COMPLETED",
    ]
    log = world.log(build["id"])
    assert "\nhello\n0\n" in log
    assert "\nin /tmp1\n" in log
    for said in ("Running on CodeBuild On-demand", "Entering phase BUILD", "Phase complete: BUILD State: SUCCEEDED"):
        assert f" {said}\n" in log
    download = next(p for p in build["phases"] if p["phaseType"] == "DOWNLOAD_SOURCE")
    assert download["contexts"][0]["message"].startswith("Sandbox: bubblewrap, ")


def test_the_log_is_copied_to_cloudwatch_logs(world: Builds) -> None:
    world.project("copied", spec("echo first; echo second"))
    build = world.run("copied")
    logs = world.yard.client("logs")
    place = {"logGroupName": "/aws/codebuild/copied", "logStreamName": build["id"].partition(":")[2]}
    assert build["logs"]["groupName"] == place["logGroupName"]
    whole = world.log(build["id"])

    def same() -> bool:
        events = logs.get_log_events(**place, startFromHead=True)["events"]
        return "".join(event["message"] for event in events).rstrip("\n") == whole.rstrip("\n")

    wait_until(same)


def test_a_role_that_may_not_write_logs_still_builds(world: Builds) -> None:
    role = world.yard.role("silent", "codebuild.amazonaws.com", [{"Effect": "Deny", "Action": "*", "Resource": "*"}])
    world.project("silent", spec("echo heard"), serviceRole=role)
    build = world.run("silent")
    assert build["buildStatus"] == "SUCCEEDED"
    assert "\nheard\n" in world.log(build["id"])


def test_a_failed_build_phase_runs_post_build_and_fails(world: Builds) -> None:
    world.project("broken", spec("false", "echo never", post_build=["echo succeeding=$CODEBUILD_BUILD_SUCCEEDING"]))
    build = world.run("broken")
    phases = world.phases(build)
    assert (build["buildStatus"], phases["BUILD"], phases["POST_BUILD"]) == ("FAILED", "FAILED", "SUCCEEDED")
    context = next(p for p in build["phases"] if p["phaseType"] == "BUILD")["contexts"][0]
    assert context == {
        "statusCode": "COMMAND_EXECUTION_ERROR",
        "message": "Error while executing command: false. Reason: exit status 1",
    }
    log = world.log(build["id"])
    assert "succeeding=0" in log
    assert "\nnever" not in log
    assert "Command did not exit successfully false exit status 1" in log


def test_a_failed_install_skips_everything_after_it(world: Builds) -> None:
    world.project("noinstall", spec("echo never", install=["exit 7"]))
    build = world.run("noinstall")
    assert [p for p in world.phases(build) if p in ("PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS")] == []
    assert build["buildStatus"] == "FAILED"


def test_finally_runs_and_a_phase_is_retried(world: Builds) -> None:
    text = {
        "version": "0.2",
        "phases": {
            "build": {
                "on-failure": "RETRY-2",
                "commands": ["n=$(cat /tmp/n 2>/dev/null || echo 0); echo $((n+1)) >/tmp/n; echo try $n; [ $n = 2 ]"],
                "finally": ["echo finally"],
            }
        },
    }
    world.project("again", json.dumps(text) + "\n")
    build = world.run("again")
    assert build["buildStatus"] == "SUCCEEDED"
    assert world.log(build["id"]).count("\nfinally\n") == 3


def test_a_bad_buildspec_is_a_yaml_file_error(world: Builds) -> None:
    world.put("bad.zip", {"buildspec.yml": "version: 0.2\nphases: {biuld: {}}"})
    world.project("bad", "buildspec.yml", source={"type": "S3", "location": "files/bad.zip"})
    build = world.run("bad")
    context = next(p for p in build["phases"] if p["phaseType"] == "DOWNLOAD_SOURCE")["contexts"][0]
    assert context["statusCode"] == "YAML_FILE_ERROR"
    assert "Invalid buildspec phase name: BIULD" in context["message"]


def test_sources_come_from_s3_and_artifacts_go_there(world: Builds) -> None:
    text = {
        "version": "0.2",
        "phases": {"build": {"commands": ["mkdir dist; tr a-z A-Z <src/a.txt >dist/a.txt; chmod 6755 dist/a.txt"]}},
        "artifacts": {"files": ["**/*"], "base-directory": "dist", "name": "out-$CODEBUILD_BUILD_NUMBER"},
    }
    world.put("source.zip", {"buildspec.yml": json.dumps(text), "src/a.txt": "abc"})
    artifact = {
        "type": "S3",
        "location": "files",
        "packaging": "ZIP",
        "name": "x",
        "path": "p",
        "overrideArtifactName": True,
    }
    world.project("copy", "", source={"type": "S3", "location": "files/source.zip"}, artifacts=artifact)
    build = world.run("copy")
    assert build["buildStatus"] == "SUCCEEDED", world.log(build["id"])
    assert build["artifacts"]["location"] == "arn:aws:s3:::files/p/out-1"
    found = world.yard.client("s3").get_object(Bucket="files", Key="p/out-1")
    assert found["Metadata"]["codebuild-buildarn"] == build["arn"]
    bundle = zipfile.ZipFile(io.BytesIO(found["Body"].read()))
    assert bundle.read("a.txt") == b"ABC"
    assert bundle.getinfo("a.txt").external_attr >> 16 & 0o7000 == 0


def test_a_role_that_may_not_read_the_source_fails_the_download(world: Builds) -> None:
    role = world.yard.role(
        "blind", "codebuild.amazonaws.com", [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]
    )
    world.put("kept.zip", {"buildspec.yml": spec("true")})
    world.project("seeing", "", source={"type": "S3", "location": "files/kept.zip"})
    assert world.run("seeing")["buildStatus"] == "SUCCEEDED"
    world.project("blind", "", source={"type": "S3", "location": "files/kept.zip"}, serviceRole=role)
    build = world.run("blind")
    context = next(p for p in build["phases"] if p["phaseType"] == "DOWNLOAD_SOURCE")["contexts"][0]
    assert build["buildStatus"] == "FAILED"
    assert "AccessDenied" in context["message"]


def test_artifacts_that_match_nothing_fail_the_upload(world: Builds) -> None:
    text = {"version": "0.2", "phases": {"build": {"commands": ["true"]}}, "artifacts": {"files": ["none"]}}
    artifact = {"type": "S3", "location": "files", "packaging": "ZIP"}
    world.project("nothing", json.dumps(text) + "\n", artifacts=artifact)
    build = world.run("nothing")
    context = next(p for p in build["phases"] if p["phaseType"] == "UPLOAD_ARTIFACTS")["contexts"][0]
    assert context == {"statusCode": "CLIENT_ERROR", "message": "no matching artifact paths found"}


def test_secrets_are_read_as_the_role_and_masked(world: Builds) -> None:
    world.yard.client("ssm").put_parameter(Name="/app/key", Value="parameter-value-1", Type="SecureString")
    world.yard.client("secretsmanager").create_secret(Name="db", SecretString='{"password": "pass-word-2"}')
    statements: list[Any] = [
        {"Effect": "Allow", "Action": ["logs:*", "ssm:GetParameters", "secretsmanager:GetSecretValue"], "Resource": "*"}
    ]
    role = world.yard.role("reader", "codebuild.amazonaws.com", statements)
    environment = {
        "type": "LINUX_CONTAINER",
        "image": "i",
        "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": [
            {"name": "P", "value": "/app/key", "type": "PARAMETER_STORE"},
            {"name": "S", "value": "db:password", "type": "SECRETS_MANAGER"},
            {"name": "V", "value": "plain $HOME"},
        ],
    }
    text = spec('echo "$P $S $V"; echo $S | base64; [ "$P" = parameter-value-1 ] && [ "$S" = pass-word-2 ]')
    world.project("secret", text, environment=environment, serviceRole=role)
    build = world.run("secret")
    log = world.log(build["id"])
    assert build["buildStatus"] == "SUCCEEDED", log
    assert "*** *** plain $HOME" in log
    assert "pass-word" not in log
    assert "parameter-value" not in log

    world.project("unread", text, environment=environment)
    build = world.run("unread")
    context = next(p for p in build["phases"] if p["phaseType"] == "DOWNLOAD_SOURCE")["contexts"][0]
    assert context["statusCode"] == "Decrypted Variables Error"
    assert "ssm:GetParameters" in context["message"]


def test_variables_are_exported_but_no_secrets(world: Builds) -> None:
    text = {
        "version": "0.2",
        "env": {"exported-variables": ["A", "NONE", "AWS_REGION"]},
        "phases": {"build": {"commands": ["export A='1 2'"]}},
    }
    world.project("export", json.dumps(text) + "\n")
    build = world.run("export")
    assert build["exportedEnvironmentVariables"] == [{"name": "A", "value": "1 2"}, {"name": "NONE", "value": ""}]


CALLER = """
import json, os, urllib.request
request = urllib.request.Request(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
request.add_header("Authorization", os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
keys = json.load(urllib.request.urlopen(request))
print(sorted(keys))
try: urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/files/source.zip"); print("anonymous passed")
except urllib.error.HTTPError as e: print("anonymous", e.code)
signed = "Credential=AKIAOTHEROTHEROTHER1/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
other = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"] + "/")
other.add_header("Authorization", "AWS4-HMAC-SHA256 " + signed)
try: urllib.request.urlopen(other); print("other passed")
except urllib.error.HTTPError as e: print("other", e.code)
"""


def test_the_relay_hands_out_the_sessions_keys_and_admits_nobody_else(world: Builds) -> None:
    world.put("relay.zip", {"buildspec.yml": spec("/usr/bin/python3 call.py"), "call.py": CALLER})
    world.project("relay", "", source={"type": "S3", "location": "files/relay.zip"})
    build = world.run("relay")
    log = world.log(build["id"])
    assert "['AccessKeyId', 'Expiration', 'SecretAccessKey', 'Token']" in log
    assert "anonymous 403" in log
    assert "other 403" in log


def test_a_stopped_build_leaves_no_process(world: Builds) -> None:
    mark = f"77{os.getpid()}"
    world.project("long", spec(f"echo started; sleep {mark} & setsid sleep {mark}; sleep {mark}"))
    build = world.begin("long")
    wait_until(lambda: "\nstarted" in world.log(build) and _alive(mark))
    stopped = world.client.stop_build(id=build)["build"]
    assert (stopped["buildStatus"], stopped["currentPhase"]) == ("STOPPED", "COMPLETED")
    wait_until(lambda: not _alive(mark))
    assert world.phases(world.get(build))["BUILD"] == "STOPPED"


def test_a_killed_runner_kills_no_build_and_the_next_one_knows_it(world: Builds) -> None:
    world.project(
        "outlive", spec("echo started; while [ ! -e /tmp/go ]; do sleep 0.1; i=$((i+1)); [ $i -lt 20 ] || break; done")
    )
    build = world.begin("outlive")
    wait_until(lambda: "\nstarted" in world.log(build))
    world.kill()
    world.start()
    assert world.end(build)["buildStatus"] == "SUCCEEDED"
    assert world.log(build).count("\nstarted") == 1
    second = world.begin("outlive")
    wait_until(lambda: "\nstarted" in world.log(second))
    world.client.stop_build(id=second)


def _alive(mark: str) -> bool:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and f"sleep\0{mark}" in (folder / "cmdline").read_text():
                return True
        except OSError:
            continue
    return False

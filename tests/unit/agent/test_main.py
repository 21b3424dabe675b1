"""The agent as a whole, against a real CodeDeploy: files, hooks, failures, restarts."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeyard.agent.config import ConfigError
from codeyard.agent.journal import Entry, Journal
from codeyard.agent.main import run
from codeyard.services.codedeploy.model import EVENTS
from tests.unit.agent.bridge import Bridge

APPSPEC = """version: 0.0
os: linux
files:
  - source: site
    destination: /srv/site
permissions:
  - object: /srv/site
    pattern: "*.txt"
    mode: 640
    type: [file]
hooks:
  ApplicationStop:
    - location: hooks/stop.sh
  AfterInstall:
    - location: hooks/after.sh
      timeout: 20
  ValidateService:
    - location: hooks/check.sh
"""
AFTER = """#!/bin/sh
echo "said on $LIFECYCLE_EVENT"; echo "warned" >&2
env | sort > "$CODEYARD_HOST_ROOT/environment"
"""


def bundle(bridge: Bridge, key: str, **files: str) -> None:
    given = {
        "appspec.yml": APPSPEC,
        "site/index.txt": "one",
        "site/deep/page.txt": "deep",
        "hooks/stop.sh": '#!/bin/sh\necho stopped >> "$CODEYARD_HOST_ROOT/stops"\n',
        "hooks/after.sh": AFTER,
        "hooks/check.sh": "#!/bin/sh\nexit 0\n",
    }
    bridge.bundle(key, given | {name.replace("__", "/"): text for name, text in files.items()})


def test_a_bundle_is_installed_and_its_hooks_run(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip")
    made = bridge.world.create("one.zip")
    run(config, once=True)
    root = tmp_path / "a" / "root"
    assert bridge.world.deployment(made)["status"] == "Succeeded"
    assert (root / "srv/site/index.txt").read_text() == "one"
    assert (root / "srv/site/deep/page.txt").read_text() == "deep"
    assert (root / "srv/site/index.txt").stat().st_mode & 0o777 == 0o640
    assert (root / "srv/site/deep/page.txt").stat().st_mode & 0o777 == 0o644
    environment = dict(line.split("=", 1) for line in (root / "environment").read_text().splitlines())
    group = bridge.world.call("GetDeploymentGroup", applicationName="app", deploymentGroupName="fleet")
    expected = {
        "LIFECYCLE_EVENT": "AfterInstall",
        "DEPLOYMENT_ID": made,
        "APPLICATION_NAME": "app",
        "DEPLOYMENT_GROUP_NAME": "fleet",
        "DEPLOYMENT_GROUP_ID": group["deploymentGroupInfo"]["deploymentGroupId"],
        "BUNDLE_BUCKET": "bundles",
        "BUNDLE_KEY": "one.zip",
        "CODEYARD_HOST_ROOT": str(root),
    }
    assert expected.items() <= environment.items()
    assert not any(name.startswith(("AWS_", "BUNDLE_VERSION")) or "secret" in name.lower() for name in environment)


def test_events_without_scripts_are_skipped_by_their_acknowledgement(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip")
    bridge.world.create("one.zip")
    run(config, once=True)
    completed = [params for _, operation, params in bridge.heard if operation == "PutHostCommandComplete"]
    assert len(completed) == 4  # DownloadBundle, Install, AfterInstall, ValidateService
    log = json.loads(completed[2]["Diagnostics"]["Payload"])
    assert log["log"].splitlines() == [
        "LifecycleEvent - AfterInstall",
        "Script - hooks/after.sh",
        "[stdout]said on AfterInstall",
        "[stderr]warned",
    ]


def test_the_next_deployment_stops_the_last_revision_and_removes_its_files(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip")
    bridge.world.create("one.zip")
    run(config, once=True)
    root = tmp_path / "a" / "root"
    (root / "srv/site/kept.txt").write_text("not ours")
    bundle(bridge, "two.zip", **{"site__index.txt": "two", "site__deep__page.txt": "again"})
    bridge.bundle("two.zip", {"appspec.yml": APPSPEC.replace("AfterInstall", "Nothing"), "site/index.txt": "two"})
    made = bridge.world.create("two.zip")
    run(config, once=True)
    # its ValidateService script is missing from the second bundle
    events = bridge.world.target(made, "a")["lifecycleEvents"]
    assert events[-1]["diagnostics"]["errorCode"] == "ScriptMissing"
    assert (root / "stops").read_text() == "stopped\n"
    assert (root / "srv/site/index.txt").read_text() == "two"
    assert not (root / "srv/site/deep").exists()
    assert (root / "srv/site/kept.txt").read_text() == "not ours"


@pytest.mark.parametrize(
    ("behavior", "status", "text"),
    [("DISALLOW", "Failed", "theirs"), ("OVERWRITE", "Succeeded", "one"), ("RETAIN", "Succeeded", "theirs")],
)
def test_a_file_that_is_there_already(bridge: Bridge, tmp_path: Path, behavior: str, status: str, text: str) -> None:
    config = bridge.host("a", tmp_path / "a")
    file = tmp_path / "a" / "root" / "srv/site/index.txt"
    file.parent.mkdir(parents=True)
    file.write_text("theirs")
    bundle(bridge, "one.zip")
    made = bridge.world.create("one.zip", fileExistsBehavior=behavior)
    run(config, once=True)
    assert bridge.world.deployment(made)["status"] == status
    assert file.read_text() == text
    if status == "Failed":
        diagnosis = bridge.world.target(made, "a")["lifecycleEvents"][3]["diagnostics"]
        assert "a specified file already exists at this location" in diagnosis["message"]


@pytest.mark.parametrize(
    ("script", "code", "says"),
    [
        ("#!/bin/sh\necho before the end\nexit 3\n", "ScriptFailed", "failed with exit code 3"),
        ("#!/bin/sh\nsleep 60\n", "ScriptTimedOut", "failed to complete in 1 seconds"),
    ],
)
def test_a_hook_that_fails_says_how(bridge: Bridge, tmp_path: Path, script: str, code: str, says: str) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip", **{"appspec.yml": APPSPEC.replace("20", "1"), "hooks__after.sh": script})
    made = bridge.world.create("one.zip")
    run(config, once=True)
    diagnosis = bridge.world.target(made, "a")["lifecycleEvents"][4]["diagnostics"]
    assert (diagnosis["errorCode"], diagnosis["scriptName"]) == (code, "hooks/after.sh")
    assert says in diagnosis["message"]
    assert bridge.world.deployment(made)["status"] == "Failed"


@pytest.mark.parametrize(
    ("files", "event", "says"),
    [
        ({"appspec.yml": "version: 1.0\nos: linux\n"}, 1, "invalid version value"),
        ({"other.yml": ""}, 1, "did not find an AppSpec file"),
    ],
)
def test_a_bundle_that_cannot_be_used_fails_its_download(
    bridge: Bridge, tmp_path: Path, files: dict[str, str], event: int, says: str
) -> None:
    config = bridge.host("a", tmp_path / "a")
    bridge.bundle("one.zip", files)
    made = bridge.world.create("one.zip")
    run(config, once=True)
    assert says in bridge.world.target(made, "a")["lifecycleEvents"][event]["diagnostics"]["message"]


def test_a_bundle_that_is_not_there_or_is_another_fails_its_download(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    made = bridge.world.create("none.zip")
    run(config, once=True)
    assert "NoSuchKey" in bridge.world.target(made, "a")["lifecycleEvents"][1]["diagnostics"]["message"]
    bundle(bridge, "one.zip")
    place = {"bucket": "bundles", "key": "one.zip", "bundleType": "zip", "eTag": "e2"}
    made = bridge.world.create(revision={"revisionType": "S3", "s3Location": place})
    run(config, once=True)
    assert "eTag e1, not e2" in bridge.world.target(made, "a")["lifecycleEvents"][1]["diagnostics"]["message"]


def test_a_specification_of_another_signer_is_refused(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip")
    pem = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=other"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (tmp_path / "a" / "signer.pem").write_text(pem)
    made = bridge.world.create("one.zip")
    run(config, once=True)
    first = bridge.world.target(made, "a")["lifecycleEvents"][0]
    assert first["status"] == "Failed"
    assert "signed by another than the pinned signer" in first["diagnostics"]["message"]


def test_a_server_that_fails_for_a_while_is_asked_again(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip")
    made = bridge.world.create("one.zip")
    bridge.refuse = {"PollHostCommand": 2, "PutHostCommandComplete": 2, "PutHostCommandAcknowledgement": 1}
    run(config, once=True)
    assert bridge.world.deployment(made)["status"] == "Succeeded"


def test_an_event_that_ran_before_is_told_again_and_not_run(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    count = '#!/bin/sh\necho ran >> "$CODEYARD_HOST_ROOT/count"\n'
    bundle(bridge, "one.zip", **{"hooks__after.sh": count})
    made = bridge.world.create("one.zip")
    run(config, once=True)
    journal = Journal(tmp_path / "a" / "agent" / "deployment-root" / "ongoing-deployment")
    entry = journal.find(made, "AfterInstall")
    assert entry is not None
    assert entry.state == "told"
    journal.put(entry, state="done")
    run(config, once=True)
    assert (tmp_path / "a" / "root" / "count").read_text() == "ran\n"
    assert bridge.heard[-2][1] == "PutHostCommandComplete"


def test_a_command_that_was_offered_again_meanwhile_runs_once_under_its_new_name(
    bridge: Bridge, tmp_path: Path
) -> None:
    config = bridge.host("a", tmp_path / "a")
    count = '#!/bin/sh\necho ran >> "$CODEYARD_HOST_ROOT/count"\n'
    bundle(bridge, "one.zip", **{"hooks__after.sh": count})
    made = bridge.world.create("one.zip")

    def superseded() -> None:
        bridge.world.clock.advance(31)
        bridge.world.settle()

    bridge.before["PutHostCommandAcknowledgement"] = superseded
    run(config, once=True)
    assert bridge.world.deployment(made)["status"] == "Succeeded"
    assert (tmp_path / "a" / "root" / "count").read_text() == "ran\n"


def test_what_was_begun_by_an_earlier_process_and_left_no_script_fails_as_restarted(
    bridge: Bridge, tmp_path: Path
) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip")
    made = bridge.world.create("one.zip")
    command = bridge.world.poll("a")
    assert command is not None
    bridge.world.ack("a", command, noop=True)
    command = bridge.world.poll("a")
    assert command is not None
    bridge.world.ack("a", command)
    journal = Journal(tmp_path / "a" / "agent" / "deployment-root" / "ongoing-deployment")
    entry = Entry(made, "DownloadBundle", command["HostCommandIdentifier"], "begun", _specification(bridge, command))
    journal.put(entry)
    run(config, once=True)
    event = bridge.world.target(made, "a")["lifecycleEvents"][1]
    assert event["diagnostics"]["errorCode"] == "UnknownError"
    assert "restarted while it ran DownloadBundle" in event["diagnostics"]["message"]
    told = [params for _, operation, params in bridge.heard if operation == "PutHostCommandComplete"]
    assert json.loads(told[0]["Diagnostics"]["Payload"])["error_code"] == 7


def _specification(bridge: Bridge, command: dict[str, Any]) -> dict[str, Any]:
    from codeyard.agent.envelope import open_envelope

    answer = bridge.world.host(
        "GetDeploymentSpecification",
        "a",
        DeploymentExecutionId=command["DeploymentExecutionId"],
        HostIdentifier=command["HostIdentifier"],
    )
    payload = answer["DeploymentSpecification"]["GenericEnvelope"]["Payload"]
    pem = bridge.world.host("GetSigningCertificate", "a", HostIdentifier=command["HostIdentifier"])["Certificate"]
    found: dict[str, Any] = json.loads(open_envelope(payload, pem))
    return found


def start(config: Path, *options: str) -> subprocess.Popen[bytes]:
    code = "import sys; from codeyard.agent.main import run; run(sys.argv[1], len(sys.argv) > 2)"
    return subprocess.Popen([sys.executable, "-c", code, str(config), *options], stderr=subprocess.DEVNULL)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what another process does."""
    deadline, woken = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        woken.wait(0.02)


SLOW = """#!/bin/sh
echo ran >> "$CODEYARD_HOST_ROOT/count"
while [ ! -e "$CODEYARD_HOST_ROOT/go" ]; do sleep 0.05; done
echo finished
exit ${CODE:-0}
"""


def test_a_killed_agent_leaves_its_hook_running_and_the_next_one_reports_it(bridge: Bridge, tmp_path: Path) -> None:
    config, root = bridge.host("a", tmp_path / "a"), tmp_path / "a" / "root"
    bundle(bridge, "one.zip", **{"hooks__after.sh": SLOW})
    made = bridge.world.create("one.zip")
    agent = start(config)
    until(lambda: (root / "count").exists())
    agent.send_signal(signal.SIGKILL)
    agent.wait()
    (root / "go").touch()
    run(config, once=True)
    assert bridge.world.deployment(made)["status"] == "Succeeded"
    assert (root / "count").read_text() == "ran\n"
    log = bridge.world.target(made, "a")["lifecycleEvents"][4]["diagnostics"]["logTail"]
    assert "[stdout]finished" in log


def test_a_terminated_agent_ends_at_once_and_its_hook_goes_on(bridge: Bridge, tmp_path: Path) -> None:
    config, root = bridge.host("a", tmp_path / "a"), tmp_path / "a" / "root"
    bundle(bridge, "one.zip", **{"hooks__after.sh": SLOW})
    made = bridge.world.create("one.zip")
    agent = start(config)
    until(lambda: (root / "count").exists())
    agent.terminate()
    assert agent.wait(60) == 0
    assert bridge.world.deployment(made)["status"] == "InProgress"
    (root / "go").touch()
    run(config, once=True)
    assert bridge.world.deployment(made)["status"] == "Succeeded"
    assert (root / "count").read_text() == "ran\n"


def test_a_server_that_is_away_while_a_hook_runs_is_told_when_it_is_back(bridge: Bridge, tmp_path: Path) -> None:
    config, root = bridge.host("a", tmp_path / "a"), tmp_path / "a" / "root"
    bundle(bridge, "one.zip", **{"hooks__after.sh": SLOW})
    made = bridge.world.create("one.zip")
    agent = start(config, "once")
    until(lambda: (root / "count").exists())
    bridge.down = True
    (root / "go").touch()
    status = tmp_path / "a" / "agent" / "deployment-root" / "ongoing-deployment" / f"{made}.AfterInstall.json"
    until(lambda: json.loads(status.read_text())["state"] == "done")
    bridge.world.restart()
    bridge.down = False
    assert agent.wait(60) == 0
    assert bridge.world.deployment(made)["status"] == "Succeeded"
    assert (root / "count").read_text() == "ran\n"


def test_a_second_agent_of_one_host_is_refused(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    agent = start(config)
    until(lambda: any(operation == "PollHostCommand" for _, operation, _ in bridge.heard))
    with pytest.raises(ConfigError, match="an agent runs already"):
        run(config)
    agent.terminate()
    assert agent.wait(60) == 0


def test_two_hosts_live_on_one_machine(bridge: Bridge, tmp_path: Path) -> None:
    bridge.world.register("b")
    configs = [bridge.host(name, tmp_path / name) for name in "ab"]
    bundle(bridge, "one.zip")
    made = bridge.world.create("one.zip")
    for config in configs:
        run(config, once=True)
    assert bridge.world.deployment(made)["deploymentOverview"]["Succeeded"] == 2
    assert all((tmp_path / name / "root/srv/site/index.txt").exists() for name in "ab")


def test_the_seven_events_are_polled_in_order(bridge: Bridge, tmp_path: Path) -> None:
    config = bridge.host("a", tmp_path / "a")
    bundle(bridge, "one.zip")
    made = bridge.world.create("one.zip")
    run(config, once=True)
    names = [event["lifecycleEventName"] for event in bridge.world.target(made, "a")["lifecycleEvents"]]
    assert names == list(EVENTS)


def test_keys_stand_in_no_log_and_no_argument(bridge: Bridge, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    config = bridge.host("a", tmp_path / "a")
    keys = tmp_path / "a" / "keys.yml"
    keys.write_text("access_key_id: AKa\nsecret_access_key: VERYSECRET\n")
    bridge.refuse = {"PollHostCommand": 1}
    run(config, once=True)
    assert caplog.records
    assert "VERYSECRET" not in caplog.text
    assert os.stat(config).st_size

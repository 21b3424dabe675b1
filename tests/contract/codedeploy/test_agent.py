"""Our agent, enrolled as `codeyard host add` enrols it, against a whole server."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from codeyard.agent.enrol import enrol, withdraw
from codeyard.agent.main import run
from codeyard.contract import AwsError
from tests.contract.codedeploy.conftest import Fleet

APPSPEC = """version: 0.0
os: linux
files:
  - source: /index.html
    destination: /srv/www
hooks:
  ApplicationStart:
    - location: start.sh
      timeout: 30
"""


def upload(fleet: Fleet, key: str, files: Mapping[str, str]) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    s3 = fleet.yard.client("s3")
    if "bundles" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="bundles")
    s3.put_object(Bucket="bundles", Key=key, Body=data.getvalue())


def start(config: Path) -> subprocess.Popen[bytes]:
    code = "import sys; from codeyard.agent.main import run; run(sys.argv[1])"
    return subprocess.Popen([sys.executable, "-c", code, str(config)])


def test_enrolled_hosts_deploy_a_bundle_one_after_another(fleet: Fleet, tmp_path: Path) -> None:
    fleet.deploy.update_deployment_group(
        applicationName="app",
        currentDeploymentGroupName="fleet",
        deploymentConfigName="CodeDeployDefault.OneAtATime",
    )
    hosts = [
        enrol(
            fleet.yard.call,
            name,
            {"env": "staging"},
            endpoint=fleet.yard.endpoint,
            region="us-east-1",
            folder=tmp_path / name,
            buckets=["bundles"],
        )
        for name in ("one", "two")
    ]
    start_script = '#!/bin/sh\necho "$DEPLOYMENT_ID" > "$CODEYARD_HOST_ROOT/started"\n'
    upload(fleet, "app.zip", {"appspec.yml": APPSPEC, "index.html": "version one", "start.sh": start_script})
    agents = [start(host.config) for host in hosts]
    try:
        made = fleet.create("app.zip")
        assert fleet.wait(made) == "Succeeded"
    finally:
        for agent in agents:
            agent.terminate()
        ended = [agent.wait(60) for agent in agents]
    assert ended == [0, 0]
    for host in hosts:
        assert host.root_directory is not None
        assert (host.root_directory / "srv/www/index.html").read_text() == "version one"
        assert (host.root_directory / "started").read_text() == f"{made}\n"


def test_the_keys_of_a_host_are_its_own_and_readable_by_nobody_else(fleet: Fleet, tmp_path: Path) -> None:
    host = enrol(
        fleet.yard.call,
        "one",
        {},
        endpoint=fleet.yard.tls_endpoint,
        region="us-east-1",
        folder=tmp_path / "one",
        ca=fleet.yard.data / "ca.pem",
    )
    keys = tmp_path / "one" / "keys.yml"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert "BEGIN CERTIFICATE" in (tmp_path / "one" / "signer.pem").read_text()
    assert "secret" not in host.config.read_text()
    run(host.config, once=True)  # over TLS, trusting the server's own CA


def test_a_host_without_permission_to_the_bundle_fails_its_download(fleet: Fleet, tmp_path: Path) -> None:
    host = enrol(
        fleet.yard.call,
        "one",
        {"env": "staging"},
        endpoint=fleet.yard.endpoint,
        region="us-east-1",
        folder=tmp_path / "one",
        buckets=["others"],
    )
    upload(fleet, "app.zip", {"appspec.yml": APPSPEC})
    made = fleet.create("app.zip")
    while not fleet.over(made):
        run(host.config, once=True)
    target = fleet.deploy.get_deployment_target(deploymentId=made, targetId="one")["deploymentTarget"]
    event = target["instanceTarget"]["lifecycleEvents"][1]
    assert event["status"] == "Failed"
    assert "AccessDenied" in event["diagnostics"]["message"]


def test_a_refused_enrolment_leaves_nothing_behind(fleet: Fleet, tmp_path: Path) -> None:
    options = {"endpoint": fleet.yard.endpoint, "region": "us-east-1"}
    enrol(fleet.yard.call, "one", {}, folder=tmp_path / "one", **options)  # type: ignore[arg-type]
    withdraw(fleet.yard.call, "one")
    arn = f"arn:aws:iam::{fleet.yard.account}:user/other"
    fleet.deploy.register_on_premises_instance(instanceName="two", iamUserArn=arn)
    with pytest.raises(AwsError, match=r"^InstanceNameAlreadyRegisteredException"):
        enrol(fleet.yard.call, "two", {}, folder=tmp_path / "two", **options)  # type: ignore[arg-type]
    users = [user["UserName"] for user in fleet.yard.call("iam", "ListUsers")["Users"]]
    assert not [name for name in users if name.startswith("host-")]

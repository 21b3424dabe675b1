"""A run of all that makes secrets, logged at the level of debugging; then whatever is kept or shown to others."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
import yaml
from botocore.exceptions import ClientError

from tests.scenarios.test_builds_without_a_sandbox import Site
from tests.security import test_at_rest as rest
from tests.security.raw import forms
from tests.security.test_documents_under_attack import letting_events_in
from tests.support.yard import wait_until

EVENTS = "/aws/events/everything"
DEBUG = "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.debug('all is told')\n"
# The build's own processes are given this, and their host may look at them.
ITS_OWN = {"build secret"}


@dataclass
class Watch:
    """Looks again and again at the arguments and the environment of the processes that a command started."""

    root: int
    seen: dict[str, set[bytes]] = field(default_factory=lambda: {"cmdline": set(), "environ": set()})
    over: threading.Event = field(default_factory=threading.Event)
    looks: int = 0

    def run(self) -> None:
        """Until it is over."""
        while not self.over.wait(0.005):
            self.look()

    def look(self) -> None:
        """Look once at what runs below this process, and at nothing else of the machine's."""
        for process in _below(self.root):
            for kind, found in self.seen.items():
                with contextlib.suppress(OSError):  # it has ended
                    found.add(Path(f"/proc/{process}/{kind}").read_bytes())
        self.looks += 1


def _below(process: int) -> Iterator[int]:
    """The processes that a process started, and those that these did."""
    try:
        threads = list(Path(f"/proc/{process}/task").iterdir())
        found = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return  # it has ended
    for child in found:
        yield child
        yield from _below(child)


@dataclass
class Told:
    """What the run left to read, by its place."""

    run: rest.Run
    watch: Watch
    errors: list[str]

    def texts(self) -> dict[str, bytes]:
        """All of it."""
        site, data = self.run.site, self.run.site.data
        logs = {str(path.relative_to(data.parent)): path.read_bytes() for path in data.parent.rglob("*.log")}
        found = {"errors": "\n".join(self.errors).encode(), **logs}
        found["events"] = "\n".join(_events(site)).encode()
        found["trail"] = "\n".join(_trail(site)).encode()
        found["arguments"] = b"\n".join(self.watch.seen["cmdline"])
        found["environment"] = b"\n".join(self.watch.seen["environ"])
        return found


def _events(site: Site) -> list[str]:
    pages = site.client("logs").get_paginator("filter_log_events").paginate(logGroupName=EVENTS)
    return [event["message"] for page in pages for event in page["events"]]


def _trail(site: Site) -> list[str]:
    pages = site.client("cloudtrail").get_paginator("lookup_events").paginate()
    return [event["CloudTrailEvent"] for page in pages for event in page["Events"]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The run, its server still up."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "path").mkdir()
    (folder / "path" / "sitecustomize.py").write_text(DEBUG)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(folder / "path"))
        site = Site(folder / "data", "--unsafe-local-builds", "--allow-private-outbound")
        watch = Watch(os.getpid())
        watching = threading.Thread(target=watch.run, daemon=True)
        watching.start()
        try:
            run, errors = rest.Run(site), []
            rest.Endpoint.told.clear()
            _hear(site)
            for step in (rest.keys, rest.values, rest.identities, rest.messages, rest.builds, console, links, approval):
                step(run)
            host(run, folder)
            errors += refusals(run)
            _everybodys(run)
            wait_until(lambda: "CodePipeline" in "".join(_events(site)))
            watch.over.set()
            watching.join()
            yield Told(run, watch, errors)
        finally:
            watch.over.set()
            site.close()


def _hear(site: Site) -> None:
    """A rule that hears every event, and a group that keeps them."""
    account = site.client("sts").get_caller_identity()["Account"]
    logs, events = site.client("logs"), site.client("events")
    logs.create_log_group(logGroupName=EVENTS)
    logs.put_resource_policy(policyName="events", policyDocument=letting_events_in("*"))
    events.put_rule(Name="everything", EventPattern=json.dumps({"account": [account]}))
    arn = f"arn:aws:logs:{site.facts['region']}:{account}:log-group:{EVENTS}"
    events.put_targets(Rule="everything", Targets=[{"Id": "1", "Arn": arn}])


def _everybodys(run: rest.Run) -> None:
    """What the server and its runner are known by."""
    run.secrets["administrator's key"] = run.site.facts["secret_access_key"].encode()
    found = json.loads((run.site.data / "runner" / "local.json").read_text())
    kept = [value for name, value in found.items() if "secret" in name.lower() or "token" in name.lower()]
    assert kept, sorted(found)
    run.secrets["runner's key"] = kept[0].encode()


def console(run: rest.Run) -> None:
    """A one-time link, used; and a password, right and wrong."""
    root, data = run.site.facts["console"].rstrip("/"), str(run.site.data)
    command = [sys.executable, "-m", "codeyard.cli", "console", "--data", data]
    link = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    token = parse_qs(urlsplit(link).query)["token"][0]
    run.secrets["link"] = token.encode()
    _open(link)
    run.secrets["link's session"] = _post(f"{root}/signin/once", {"token": token})
    account = run.site.client("sts").get_caller_identity()["Account"]
    password = run.secrets["password"].decode() + "A!a1"
    given = {"account": account, "user": "ann"}
    run.secrets["password's session"] = _post(f"{root}/signin", {**given, "password": password})
    assert run.secrets["link's session"]
    assert run.secrets["password's session"]
    assert _post(f"{root}/signin", {**given, "password": run.secret("wrong password")}) == b""


def _asked(url: str, body: bytes | None = None, **headers: str) -> urllib.request.Request:
    """A request to a name of the server's, whatever this machine takes the name for."""
    place = urlsplit(url)
    here = place._replace(netloc=f"127.0.0.1:{place.port}").geturl()
    return urllib.request.Request(here, body, {"Host": place.netloc, **headers})


def _open(url: str) -> Any:
    with urllib.request.urlopen(_asked(url)) as answer:
        return answer.read()


class _Here(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **more: Any) -> None:
        return None


def _post(url: str, fields: dict[str, str]) -> bytes:
    """Send a form as a page of ours does; the value of the cookie that comes back."""
    place = urlsplit(url)
    headers = {"Origin": f"{place.scheme}://{place.netloc}", "Sec-Fetch-Site": "same-origin"}
    request = _asked(url, urlencode(fields).encode(), **headers)
    try:
        answer: Any = urllib.request.build_opener(_Here).open(request)
    except urllib.error.HTTPError as told:
        answer = told
    with answer:
        jar = SimpleCookie(answer.headers.get("set-cookie", ""))
    return next((one.value.encode() for one in jar.values()), b"")


def links(run: rest.Run) -> None:
    """A presigned link, used and misused."""
    s3 = run.site.client("s3")
    s3.put_object(Bucket="files", Key="linked", Body=b"x")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "files", "Key": "linked"})
    run.secrets["link's signature"] = parse_qs(urlsplit(link).query)["Signature"][0].encode()
    assert _open(link) == b"x"
    with pytest.raises(urllib.error.HTTPError):
        _open(link.replace("linked", "missing"))
    assumed = run.site.client("sts").get_federation_token(Name="guest")["Credentials"]
    run.secrets["guest's secret"] = assumed["SecretAccessKey"].encode()
    run.secrets["guest's token"] = assumed["SessionToken"][:60].encode()


def approval(run: rest.Run) -> None:
    """A pipeline that waits for somebody's word."""
    site = run.site
    trust = {"Effect": "Allow", "Principal": {"Service": "codepipeline.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam, document = site.client("iam"), json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="pipe", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="pipe", PolicyName="p", PolicyDocument=json.dumps(allowed))
    site.client("s3").put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    site.client("s3").put_object(Bucket="files", Key="drop.zip", Body=b"PK\5\6" + b"\0" * 18)
    where = {"S3Bucket": "files", "S3ObjectKey": "drop.zip"}
    stages = [
        ("Source", {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}, where),
        ("Approve", {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}, {}),
    ]
    made = [
        {
            "name": name,
            "actions": [
                {"name": name, "actionTypeId": kind, "configuration": with_, **(_OUT if name == "Source" else {})}
            ],
        }
        for name, kind, with_ in stages
    ]
    pipelines = site.client("codepipeline")
    store = {"type": "S3", "location": "files"}
    pipelines.create_pipeline(pipeline={"name": "wait", "roleArn": role, "artifactStore": store, "stages": made})

    def token() -> str:
        state = pipelines.get_pipeline_state(name="wait")["stageStates"][1]["actionStates"][0]
        return str(state.get("latestExecution", {}).get("token", ""))

    found = str(wait_until(token, 30))
    run.secrets["approval token"] = found.encode()
    answer = {"pipelineName": "wait", "stageName": "Approve", "actionName": "Approve"}
    pipelines.put_approval_result(**answer, token=found, result={"summary": "", "status": "Approved"})


_OUT = {"outputArtifacts": [{"name": "App"}]}


def host(run: rest.Run, folder: Path) -> None:
    """A host with the agent on it, which asks once for what is to do."""
    data = str(run.site.data)
    made = subprocess.run(
        [sys.executable, "-m", "codeyard.cli", "host", "add", "web", "--data", data],
        capture_output=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": ""},  # boto3 itself tells of what it is answered when it is asked to debug
    )
    assert made.returncode == 0, made.stderr
    config = next(run.site.data.rglob("hosts/web/agent.yml"))
    keys = yaml.safe_load((config.parent / "keys.yml").read_text())
    secret = next(value for name, value in keys.items() if "secret" in str(name).lower())
    run.secrets["host's key"] = str(secret).encode()
    assert run.secrets["host's key"] not in made.stdout + made.stderr
    with (folder / "agent.log").open("wb") as log:
        command = [sys.executable, "-m", "codeyard.cli", "agent", "--config", str(config), "--once"]
        subprocess.run(command, stdout=log, stderr=log, timeout=60, check=True)


def refusals(run: rest.Run) -> list[str]:
    """What callers are told whose secrets are refused."""
    site, said = run.site, []
    key = run.secret("refused value")
    ssm, kept, iam, kms = (site.client(name) for name in ("ssm", "secretsmanager", "iam", "kms"))
    other = {"Name": "/default", "Type": "SecureString", "Value": key}
    calls = [
        (ssm.put_parameter, other),
        (ssm.put_parameter, {**other, "Name": "/new", "AllowedPattern": "[0-9]+"}),
        (ssm.put_parameter, {**other, "Name": "/new", "Tier": "Standard", "Value": key + "x" * 5000}),
        (kept.create_secret, {"Name": "text", "SecretString": key}),
        (kept.put_secret_value, {"SecretId": "none", "SecretString": key}),
        (kept.put_secret_value, {"SecretId": "text", "SecretString": key, "SecretBinary": b"x"}),
        (iam.create_login_profile, {"UserName": "ann", "Password": key + "A!a1"}),
        (iam.update_login_profile, {"UserName": "none", "Password": key + "A!a1"}),
        (iam.change_password, {"OldPassword": key + "A!a1", "NewPassword": key + "B!b2"}),
        (kms.encrypt, {"KeyId": "alias/none", "Plaintext": key.encode()}),
        (kms.decrypt, {"CiphertextBlob": b"no ciphertext"}),
        (site.client("codepipeline").put_approval_result, {
            "pipelineName": "wait", "stageName": "Approve", "actionName": "Approve",
            "token": "00000000-0000-4000-8000-000000000000", "result": {"summary": "", "status": "Approved"}}),
    ]  # fmt: skip
    for call, params in calls:
        with pytest.raises(ClientError) as refused:
            call(**params)
        said.append(str(refused.value) + json.dumps(refused.value.response, default=str))
    return said


def shapes(plain: bytes) -> dict[str, bytes]:
    """A secret's forms in what people read: as it is, in base64 and hex, as a part of a URL, within JSON."""
    text = plain.decode("latin-1")
    more = {
        "url": quote(text, safe="").encode(),
        "json": json.dumps(text)[1:-1].encode(),
        "repr": repr(text)[1:-1].encode(),
    }
    return {**forms(plain), **more}


def test_no_secret_is_in_a_log_an_event_a_record_an_error_or_a_process(told: Told) -> None:
    texts = told.texts()
    found = [
        (name, form, place)
        for name, plain in told.run.secrets.items()
        for form, shape in shapes(plain).items()
        for place, text in texts.items()
        if shape in text and not (place == "environment" and name in ITS_OWN) and name not in OPEN
    ]
    assert found == []
    assert all(len(plain) > 10 for plain in told.run.secrets.values())


# What is no secret, and shows that the search finds: parameters of type String.
OPEN = {"open parameter"}


def test_the_search_was_of_much_and_finds_what_is_there(told: Told) -> None:
    texts = told.texts()
    assert len(told.run.secrets) >= 28
    assert any(b"all is told" in text for place, text in texts.items() if place.endswith("data.log"))
    assert any(b"all is told" in text for place, text in texts.items() if place.endswith("runner.log"))
    assert "agent.log" in texts
    assert texts["trail"].count(b"eventName") > 50
    assert b"CodePipeline" in texts["events"]
    assert b"CodeBuild" in texts["events"]
    assert told.watch.looks > 50
    # Not compared in the assertion itself: a failure would print what is searched, which is for nobody to read.
    seen = {kind: any(b"/path" in one or b"runner" in one for one in told.watch.seen[kind]) for kind in told.watch.seen}
    assert seen == {"cmdline": True, "environ": True}

"""A host's side of the command protocol, written from the protocol's description alone: shares nothing with our agent.

It behaves as AWS's agent does: the same headers, a failing command completed twice, up to sixteen commands at once,
the host identifier checked as a substring, and whatever the acknowledgement says obeyed.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Refused(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.code = status, str(body.get("__type", "")).rpartition("#")[2]


class Host:
    """One host, known by an identifier, calling with its own keys."""

    def __init__(
        self,
        endpoint: str,
        keys: Mapping[str, str],
        identifier: str,
        *,
        target: str = "CodeDeployCommandService_v20141006",
        service: str = "codedeploy-commands",
    ) -> None:
        self.endpoint, self.identifier = endpoint, identifier
        self._credentials = Credentials(keys["access_key_id"], keys["secret_access_key"], keys.get("session_token"))
        self._target, self._service = target, service
        self.commands: list[str] = []
        self._lock = threading.Lock()

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """One call on a connection of its own."""
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{self._target}.{operation}",
            "x-amz-codedeploy-agent-version": "OFFICIAL_1.8.1-16",
            "User-Agent": "aws-sdk-ruby3/3.225.0 ua/2.1 api/codedeploycommand#1.0.0",
        }
        request = AWSRequest("POST", self.endpoint + "/", headers=headers, data=json.dumps(params))
        SigV4Auth(self._credentials, self._service, "us-east-1").add_auth(request)
        url = urllib.parse.urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=80)
        try:
            connection.request("POST", "/", request.prepare().body, dict(request.prepare().headers))
            answer = connection.getresponse()
            body = json.loads(answer.read() or b"{}")
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(answer.status, body)
        return dict(body)

    def poll(self) -> dict[str, Any] | None:
        """The next command, checked to be this host's."""
        command = self.call("PollHostCommand", HostIdentifier=self.identifier).get("HostCommand")
        if command is not None:
            assert command["HostIdentifier"] in self.identifier
            assert isinstance(command["Nonce"], int)
            with self._lock:
                self.commands.append(command["HostCommandIdentifier"])
        return dict(command) if command is not None else None

    def specification(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """The deployment's specification, its envelope opened by openssl."""
        execution = command["DeploymentExecutionId"]
        answer = self.call(
            "GetDeploymentSpecification", DeploymentExecutionId=execution, HostIdentifier=self.identifier
        )
        assert answer["DeploymentSystem"] == "CodeDeploy"
        envelope = answer["DeploymentSpecification"]["GenericEnvelope"]
        assert envelope["Format"] == "PKCS7/JSON"
        opened = subprocess.run(
            ["openssl", "smime", "-verify", "-noverify", "-inform", "PEM"],
            input=envelope["Payload"].encode(),
            capture_output=True,
            check=True,
        )
        return dict(json.loads(opened.stdout))

    def acknowledge(self, command: Mapping[str, Any], noop: bool = False) -> str | None:
        """Say that the command arrived; the status that decides whether to run it."""
        answer = self.call(
            "PutHostCommandAcknowledgement",
            HostCommandIdentifier=command["HostCommandIdentifier"],
            Diagnostics={"Format": "JSON", "Payload": json.dumps({"IsCommandNoop": noop})},
        )
        return answer.get("CommandStatus")

    def complete(self, command: Mapping[str, Any], code: int = 0, log: str = "") -> None:
        """Say how the command ended."""
        words = {"error_code": code, "script_name": "" if code == 0 else "run.sh", "message": "m", "log": log}
        answer = self.call(
            "PutHostCommandComplete",
            HostCommandIdentifier=command["HostCommandIdentifier"],
            CommandStatus="Failed" if code else "Succeeded",
            Diagnostics={"Format": "JSON", "Payload": json.dumps(words)},
        )
        assert answer == {}

    def carry_out(self, command: Mapping[str, Any], fail: str = "", noop: tuple[str, ...] = ()) -> None:
        """Specification, acknowledgement, work, completion; a failure is completed twice."""
        assert self.specification(command)["DeploymentId"].startswith("d-")
        idle = command["CommandName"] in noop
        if self.acknowledge(command, idle) in ("Succeeded", "Failed"):
            return
        if command["CommandName"] == fail:
            self.complete(command, 4, "it broke")
            self.complete(command, 4, "it broke")
        else:
            self.complete(command)

    def run(self, over: Callable[[], bool], **how: Any) -> None:
        """Poll and obey until it is over."""
        while not over():
            command = self.poll()
            if command is not None:
                self.carry_out(command, **how)

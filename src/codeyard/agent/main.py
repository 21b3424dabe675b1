"""`codeyard agent`: polls for this host's commands and carries them out, one after another, for as long as it runs."""

from __future__ import annotations

import fcntl
import http.client
import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from codeyard.agent import config as configuration
from codeyard.agent import specification
from codeyard.agent.client import CallError, CommandClient
from codeyard.agent.config import Config
from codeyard.agent.envelope import EnvelopeError, open_envelope
from codeyard.agent.executor import Executor
from codeyard.agent.journal import Entry, Journal, Result
from codeyard.agent.specification import Specification, SpecificationError

T = TypeVar("T")
log = logging.getLogger(__name__)
_ABSENT = (OSError, http.client.HTTPException, ValueError)
_PAYLOAD = 8192
_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0)
_HELD = 0.5
_UNKNOWN = 5
_COMMAND = ("HostCommandIdentifier", "CommandName", "DeploymentExecutionId", "HostIdentifier")


class Agent:
    """One host's agent. `stop` ends it after the call that is under way; a running script goes on without it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client = CommandClient(config)
        self._journal = Journal(config.deployment_root / "ongoing-deployment")
        self._stop = threading.Event()
        self._idle = False
        self._executor = Executor(config, self._client, self._journal, self._stop.is_set)

    def stop(self) -> None:
        """Ask it to end; a poll that is held is broken off."""
        self._stop.set()
        if self._idle:
            self._client.interrupt()

    def run(self, *, once: bool = False) -> None:
        """First what an earlier process left open, then poll: for ever, or (`once`) until nothing waits."""
        for entry in self._journal.open_entries():
            self._resume(entry)
        while not self._stop.is_set():
            asked = time.monotonic()
            self._idle = True
            command = self._insist(lambda: self._client.call("PollHostCommand", HostIdentifier=self._me))
            self._idle = False
            if command is not None and command.get("HostCommand"):
                self._handle(command["HostCommand"])
            elif once:
                break
            elif time.monotonic() - asked < _HELD:
                self._stop.wait(self._config.poll_seconds)
        self._client.close()

    @property
    def _me(self) -> str:
        return self._config.host_identifier

    def _handle(self, command: dict[str, Any]) -> None:
        command_id, event, execution, host = (str(command.get(name, "")) for name in _COMMAND)
        if not event.isalnum() or not host or host not in self._me:
            log.error("a command that is not for this host was refused")
            return
        try:
            spec = self._specification(execution)
        except (EnvelopeError, SpecificationError) as error:
            self._tell(command_id, Result(_UNKNOWN, "", str(error)))
            return
        if spec is None:
            return
        known = self._journal.find(spec.deployment, event)
        if known is not None and known.state != "taken":
            result = known.result or Result(_UNKNOWN, "", "The event was begun before and its end is not known")
            self._tell(command_id, result)
            return
        self._take(self._journal.put(Entry(spec.deployment, event, command_id, "taken", _kept(spec))), spec)

    def _take(self, entry: Entry, spec: Specification) -> None:
        """Acknowledge, and do it if the server says so."""
        noop = self._executor.is_noop(entry.event, spec)
        payload = {"Format": "JSON", "Payload": json.dumps({"IsCommandNoop": noop})}
        answer = self._insist(
            lambda: self._client.call(
                "PutHostCommandAcknowledgement", HostCommandIdentifier=entry.command, Diagnostics=payload
            )
        )
        if answer is None or answer.get("CommandStatus") in ("Succeeded", "Failed"):
            if not self._stop.is_set():
                self._journal.drop(entry)  # nothing ran: the event may come again under another command
            return
        entry = self._journal.put(entry, state="begun")
        self._finish(entry, lambda: self._executor.perform(entry, spec))

    def _finish(self, entry: Entry, work: Callable[[], Result]) -> None:
        try:
            result = work()
        except InterruptedError:
            log.info("%s goes on without the agent", entry.event)
            return
        current = self._journal.find(entry.deployment, entry.event) or entry
        entry = self._journal.put(current, state="done", result=result)
        self._report(entry)

    def _report(self, entry: Entry) -> None:
        assert entry.result is not None
        self._tell(entry.command, entry.result)
        if not self._stop.is_set():
            self._journal.put(entry, state="told")

    def _resume(self, entry: Entry) -> None:
        try:
            spec = specification.of(entry.spec)
        except SpecificationError as error:
            self._tell(entry.command, Result(_UNKNOWN, "", str(error)))
            self._journal.put(entry, state="told")
            return
        if entry.state == "taken":
            self._take(entry, spec)
        elif entry.state == "begun":
            self._finish(entry, lambda: self._executor.after_restart(entry, spec))
        else:
            self._report(entry)

    def _specification(self, execution: str) -> Specification | None:
        answer = self._insist(
            lambda: self._client.call(
                "GetDeploymentSpecification", DeploymentExecutionId=execution, HostIdentifier=self._me
            )
        )
        if answer is None:
            return None
        envelope = (answer.get("DeploymentSpecification") or {}).get("GenericEnvelope") or {}
        if envelope.get("Format") != "PKCS7/JSON":
            raise EnvelopeError(f"Specifications of format {envelope.get('Format')} are refused")
        return specification.read(open_envelope(str(envelope.get("Payload")), self._config.signer_certificate))

    def _tell(self, command: str, result: Result) -> None:
        status = "Succeeded" if result.ok else "Failed"
        diagnostics = {"Format": "JSON", "Payload": _payload(result)}
        self._insist(
            lambda: self._client.call(
                "PutHostCommandComplete",
                HostCommandIdentifier=command,
                CommandStatus=status,
                Diagnostics=diagnostics,
            )
        )

    def _insist(self, call: Callable[[], T]) -> T | None:
        """Call until the server answers; None when it refuses, or the agent is to end."""
        tries = 0
        while True:
            try:
                return call()
            except CallError as error:
                if error.status < 500 and error.code not in ("ThrottlingException", "RequestTimeTooSkewed"):
                    log.error("the server refused: %s", error)
                    self._stop.wait(self._config.poll_seconds)
                    return None
                log.warning("the server failed: %s", error)
            except _ABSENT as error:
                self._client.close()
                log.warning("the server does not answer: %s", error)
            if self._stop.wait(_WAITS[min(tries, len(_WAITS) - 1)]):
                return None
            tries += 1


def run(config_path: str | Path, once: bool = False) -> None:
    """Run the agent of the host that the configuration names, until SIGTERM or SIGINT; a second one is refused."""
    config = configuration.load(Path(config_path))
    with _alone(config.home):
        agent = Agent(config)
        if threading.current_thread() is threading.main_thread():
            for which in (signal.SIGTERM, signal.SIGINT):
                signal.signal(which, lambda *_: agent.stop())
        agent.run(once=once)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "agent.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise configuration.ConfigError(f"an agent runs already in {home}") from error
        yield


def _kept(spec: Specification) -> dict[str, Any]:
    return {name: value for name, value in spec.tree.items() if name != "GitHubAccessToken"}


def _payload(result: Result) -> str:
    """The diagnostics, made to fit the protocol's limit by shortening the log from its beginning."""
    text = result.log[-2048:]
    while True:
        found = json.dumps(
            {
                "error_code": result.code,
                "script_name": result.script[:500],
                "message": result.message[:1000],
                "log": text,
            },
            ensure_ascii=False,
        )
        if len(found) <= _PAYLOAD or not text:
            return found
        text = text[len(text) // 2 + 1 :]

"""One build from claim to completion, in a process of its own that outlives runner and server."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from codeyard.formats.buildspec import BuildSpec, BuildSpecError, OnFailure, Phase, parse
from codeyard.runner import phases, variables
from codeyard.runner.artifacts import Collector, NoArtifacts
from codeyard.runner.client import AWAY, Configuration, Keys, Refused, Server
from codeyard.runner.log import BuildLog
from codeyard.runner.reporter import Reporter
from codeyard.runner.rooms import Flags, Rooms, Workspace
from codeyard.runner.sandbox.enter import SandboxError
from codeyard.runner.shell import expanded, exports, question
from codeyard.runner.sources import SourceFailed, Sources, drop_archives
from codeyard.runner.uploads import Uploader
from codeyard.runner.variables import Unresolved

_COPY = 256 * 1024
CLIENT, YAML, COMMAND = "CLIENT_ERROR", "YAML_FILE_ERROR", "COMMAND_EXECUTION_ERROR"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
DEAD = "Build container found dead before completing the build."


class Failed(Exception):
    """A phase failed: status code and message of its context."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Ended(Exception):
    """The build ends here: TIMED_OUT, or an empty text where it is not ours any more."""


class Build:
    """Runs one claimed build. Made while the process has no other thread."""

    def __init__(self, config: Path, job: dict[str, Any], folder: Path, flags: Flags) -> None:
        self._job, self._folder, self._flags = job, folder, flags
        self._deadline = time.monotonic() + job["timeoutSeconds"]
        self._rooms = Rooms(job, folder, flags)
        self._wake, self._ring = os.pipe()
        self._gone = False
        settings = Configuration.read(config)
        self._server = Server(settings.place, Keys.of(job["credentials"]))
        self._cache = settings.work / "sources"
        self._reporter = Reporter(config, job, self._lost)
        self.log = BuildLog(folder / "log", self._reporter.grown)
        keys = self._server.keys
        self.log.hide((keys.access_key, keys.secret, keys.token))
        self._workspace: Workspace | None = None
        self._spec = BuildSpec("0.2")
        self._made: list[dict[str, str]] = []
        self._exported: list[dict[str, str]] = []
        self._failed = False

    def run(self) -> None:
        """Build, whatever happens; the server learns how it ended."""
        self.log.line("Running on CodeBuild On-demand")
        self.log.line("Waiting for agent ping")
        self._reporter.renewed = self._renewed
        self._reporter.start(self.log)
        status, code, message = "FAULT", "", ""
        try:
            status = self._phases()
        except Ended as ended:
            status, code, message = str(ended), "BUILD_TIMED_OUT", "Build has timed out. "
        except Exception as fault:  # whatever it is: the build must not hang, and its log says what happened
            code, message = "INTERNAL_SERVICE_ERROR", f"{type(fault).__name__}: {fault}"
            self.log.line(f"The runner failed: {message}")
        finally:
            self._end(status, code, message)

    def _phases(self) -> str:
        done: list[bool] = []
        phase = "DOWNLOAD_SOURCE"
        while phase:
            good = self._phase(phase)
            done.append(good)
            phase = phases.following(phase, good, self._rule(phase))
        return phases.outcome(done)

    def _phase(self, phase: str) -> bool:
        """Do one phase; whether it succeeded. Its end is in the log and in the record."""
        if phase == "FINALIZING":
            self._reporter.phase(phase)
            return True
        self._begin(phase)
        said = ""
        try:
            if phase == "DOWNLOAD_SOURCE":
                said = self._download()
            elif phase == "UPLOAD_ARTIFACTS":
                self._upload()
            else:
                self._commands(phase)
        except Failed as failure:
            self.log.line(f"Phase complete: {phase} State: FAILED")
            self.log.line(f"Phase context status code: {failure.code} Message: {failure.message}")
            self._reporter.phase(phase, "FAILED", failure.code, failure.message)
            return False
        self.log.line(f"Phase complete: {phase} State: SUCCEEDED")
        self.log.line("Phase context status code:  Message: ")
        self._reporter.phase(phase, "SUCCEEDED", "", said)
        return True

    def _begin(self, phase: str) -> None:
        if phase == "DOWNLOAD_SOURCE":
            self.log.line("Waiting for DOWNLOAD_SOURCE")
        number = self._reporter.phase(phase)
        if phase == "INSTALL" and not self._reporter.wait(number):
            raise Ended("")  # no command runs before the server knows that one may have run
        self._check()

    def _rule(self, phase: str) -> OnFailure:
        found = self._spec.phases.get(phases.COMMANDS.get(phase, ""))
        return found.on_failure if found is not None else OnFailure()

    def _download(self) -> str:
        """Fetch, read the buildspec, resolve variables, make the sandbox; what the sandbox is made of."""
        document, rooms = self._job["document"], self._rooms
        try:
            sources = Sources(self._cache, self._server)
            rooms.fetch(sources)
            self.log.line("Phase is DOWNLOAD_SOURCE")
            self.log.line(f"CODEBUILD_SRC_DIR={rooms.source_dir}")
            if rooms.resolved:
                self._reporter.resolved(rooms.resolved)
            text, where = rooms.buildspec(sources)
            self.log.line(f"YAML location is {where}")
            self._spec = parse(text)
            self.log.line("Processing environment variables")
            project = document["environment"].get("environmentVariables") or []
            values, hidden = variables.resolve(self._server, project, self._spec)
            self.log.hide(hidden)
            self._workspace = rooms.open(self._spec.shell or "sh", self._user(), self._server)
        except SourceFailed as failure:
            raise Failed(CLIENT, str(failure)) from None
        except BuildSpecError as failure:
            raise Failed(YAML, str(failure)) from None
        except Unresolved as failure:
            raise Failed(failure.code, f"Message: {failure.message}") from None
        except SandboxError as failure:
            raise Failed("BUILD_CONTAINER_UNABLE_TO_START", str(failure)) from None
        workspace = self._workspace
        self.log.hide(workspace.relay.secrets)
        own = variables.own(self._job, rooms.source_dir, rooms.resolved, rooms.secondary)
        everything = {**values, **own, **rooms.tooling(), **workspace.environment}
        folder = shlex.quote(rooms.source_dir)
        self._run(f"{exports(everything)}\nmkdir -p {folder} && cd {folder}")
        self._say_found()
        return f"Sandbox: {workspace.words}"

    def _user(self) -> str:
        """Whom the commands run as: one user for the whole build, since the sandbox has one."""
        used = [one for one in self._spec.phases.values() if one.commands or one.finally_]
        named = sorted({one.run_as or self._spec.run_as or "root" for one in used}) or ["root"]
        if len(named) > 1:
            raise Failed(CLIENT, f"run-as: {', '.join(named)}: all phases of a build have the same user in Codeyard")
        if _USER.fullmatch(named[0]) is None:
            raise Failed(CLIENT, f"run-as: {named[0][:64]} is not the name of a user")
        if self._flags.unsafe_local_builds and named[0] != "root":
            raise Failed(CLIENT, f"run-as: {named[0]}: without a sandbox (--unsafe-local-builds) a build is the runner")
        return named[0]

    def _say_found(self) -> None:
        self.log.line(f"Moving to directory {self._rooms.source_dir}")
        self.log.line(f"Phases found in YAML: {len(self._spec.phases)}")
        for name, phase in self._spec.phases.items():
            self.log.line(f" {name.upper()}: {len(phase.commands)} commands")

    def _commands(self, phase: str) -> None:
        found = self._spec.phases.get(phases.COMMANDS[phase], Phase())
        self.log.line(f"Entering phase {phase}")
        attempt, failure = 1, self._attempt(found)
        while failure and phases.tried_again(found.on_failure, attempt, self.log.tail.decode("utf-8", "replace")):
            self.log.line(f"Retrying phase {phase}, retry {attempt} of {found.on_failure.tries}")
            attempt, failure = attempt + 1, self._attempt(found)
        if phase == "POST_BUILD":
            self._read_exported()
        if failure:
            raise Failed(COMMAND, failure)

    def _attempt(self, phase: Phase) -> str:
        """Run commands, then finally; the context of what failed first, or nothing."""
        failure = self._all(phase.commands)
        if failure and not self._failed:
            self._failed = True
            self._run("export CODEBUILD_BUILD_SUCCEEDING=0")
        last = self._all(phase.finally_)
        if last and not self._failed:
            self._failed = True
            self._run("export CODEBUILD_BUILD_SUCCEEDING=0")
        return failure or last

    def _all(self, commands: tuple[str, ...]) -> str:
        for command in commands:
            self.log.line(f"Running command {command}")
            shown = command if self._spec.one_shell else f"(\n{command}\n)"
            status = self._run(shown)[0]
            if status:
                self.log.line(f"Command did not exit successfully {command} exit status {status}")
                return f"Error while executing command: {command}. Reason: exit status {status}"
        return ""

    def _run(self, text: str, *, ask: bool = False) -> tuple[int, bytes]:
        """Run a command in the build's shell to its end. Output goes to the log as it comes."""
        workspace = self._workspace
        assert workspace is not None
        shell = workspace.shell
        shell.forget()
        shell.send(text, ask=ask)
        watched = [workspace.output, shell.statuses, self._wake]
        while True:
            left = max(0.0, self._deadline - time.monotonic())
            ready, _, _ = select.select(watched, [], [], min(left, 60))
            self._check()
            if workspace.output in ready and not self._copy():
                watched.remove(workspace.output)
            if shell.statuses in ready or workspace.output not in watched:
                try:
                    answer = shell.status(ask=ask)
                except EOFError:
                    raise Failed(CLIENT, DEAD) from None
                if answer is not None:
                    self._drain()
                    return answer

    def _copy(self) -> bool:
        assert self._workspace is not None
        data = os.read(self._workspace.output, _COPY)
        self.log.output(data)
        return bool(data)

    def _drain(self) -> None:
        """Take what the command had in the pipe when it ended; what a background process goes on to say comes later."""
        assert self._workspace is not None
        for _ in range(64):
            if not select.select([self._workspace.output], [], [], 0)[0] or not self._copy():
                return

    def _check(self) -> None:
        if self._gone:
            raise Ended("")
        if time.monotonic() >= self._deadline:
            raise Ended("TIMED_OUT")

    def _read_exported(self) -> None:
        project = self._job["document"]["environment"].get("environmentVariables") or []
        names = variables.exportable(self._spec, project)
        if names:
            _, answer = self._run(question(names), ask=True)
            values = [value.decode("utf-8", "replace") for value in answer.split(b"\0")]
            pairs = zip(names, values, strict=False)
            self._exported = [{"name": name, "value": value} for name, value in pairs]

    def _upload(self) -> None:
        workspace = self._workspace
        assert workspace is not None
        collector = Collector(workspace.scratch, workspace.rooms)
        uploader = Uploader(self._server, self._job, collector, self.log, self._expand)
        try:
            self._made = uploader.upload(self._spec, self._rooms.source_dir, self._folder)
        except NoArtifacts as failure:
            raise Failed(CLIENT, str(failure)) from None
        except Refused as refused:
            raise Failed(CLIENT, f"{refused.code}: {refused.message}") from None
        except AWAY as problem:
            raise Failed(CLIENT, f"the server cannot be reached: {problem}") from None

    def _expand(self, text: str) -> str:
        return self._run(expanded(text), ask=True)[1].decode("utf-8", "replace").strip()[:1000]

    def _renewed(self, keys: Keys) -> None:
        self._server.keys = keys
        self.log.hide((keys.access_key, keys.secret, keys.token))
        if self._workspace is not None:
            self._workspace.relay.renew(keys)

    def _lost(self) -> None:
        """Told by the reporter's thread: the build was stopped or belongs to another."""
        self._gone = True
        with contextlib.suppress(OSError):
            os.write(self._ring, b"x")

    def stop(self, *_: Any) -> None:
        """Told by a signal: end as a build that is lost does."""
        self._lost()

    def _end(self, status: str, code: str, message: str) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._workspace is not None:
            self._workspace.close()
        else:
            self._rooms.drop()
        if status:
            self.log.flush()
            results = {"exportedVariables": self._exported, "artifacts": self._made}
            self._reporter.finish(status, code if status != "FAILED" else "", message, **results)
        self.log.close()
        self._rooms.release()
        drop_archives(self._cache)
        shutil.rmtree(self._folder, ignore_errors=True)

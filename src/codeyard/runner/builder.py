"""One build from claim to completion, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from codeyard.formats.buildspec import Artifacts, BuildSpec, BuildSpecError, Phase, parse
from codeyard.runner import phases
from codeyard.runner.artifacts import NoArtifacts, each, pack
from codeyard.runner.client import Keys, Refused, Server
from codeyard.runner.log import BuildLog
from codeyard.runner.phases import COMMANDS, Outcome
from codeyard.runner.relay import Relay
from codeyard.runner.report import Report
from codeyard.runner.sandbox import SOURCE, NoSandbox, Plan, Sandbox
from codeyard.runner.shell import Shell, assignment
from codeyard.runner.sources import SourceFailed, Sources

_TOOLING = ("/etc/pip.conf", "/etc/npmrc")


class Stopped(Exception):
    """The build was stopped, timed out, or is not ours any more; the text is its status."""


class PhaseFailed(Exception):
    """A phase could not be done; the text is its context."""


class Build:
    """Runs one claimed build."""

    def __init__(self, work: dict[str, Any], fence: int, server: Server, folder: Path, flags: dict[str, Any]) -> None:
        self.work, self._flags = work, flags
        self._report = Report(server, work["id"], fence)
        keys = work["credentials"]
        self._own = Server(
            server.endpoint, Keys(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]), work["region"]
        )
        self._top = Path(tempfile.mkdtemp(prefix="build-", dir=folder / "builds"))
        self._sources = Sources(folder / "sources", self._own)
        self.log = BuildLog(self._top / "log", self._report.logs)
        self.log.hide([keys["SecretAccessKey"], keys["SessionToken"], *work["secrets"]])
        self._deadline = time.monotonic() + work["timeoutSeconds"]
        self._sandbox: Sandbox | None = None
        self._relay: Relay | None = None
        self._exported: list[dict[str, str]] = []
        self._made: list[dict[str, Any]] = []
        self._variables: dict[str, str] = {}
        self._started = False
        self._resolved = ""

    def run(self) -> None:
        """Build, whatever happens; the server learns how it ended."""
        outcomes: dict[str, Outcome] = {}
        self.log.line("Running on Codeyard")
        self.log.line("Waiting for agent ping")
        status, phase = "", "DOWNLOAD_SOURCE"
        try:
            while phase != "COMPLETED":
                outcomes[phase] = self._phase(phase)
                phase = self._after(phase, outcomes[phase])
            status = phases.final_status(outcomes)
        except Stopped as stopped:
            status = str(stopped)
        except Refused as refused:
            status = "FAULT"
            self.log.line(f"The server refused a report: {refused}")
        finally:
            self._end(status or "FAULT")

    def _after(self, phase: str, outcome: Outcome) -> str:
        rule = self._rule(phase)
        if not outcome.succeeded and phases.aborts(rule, phase):
            return "FINALIZING"
        return phases.next_phase(phase, outcome)

    def _phase(self, phase: str) -> Outcome:
        started = time.time()
        if phase == "FINALIZING":
            self._report.phase(phase, started, "SUCCEEDED")
            return Outcome(True)
        self._report.phase(phase, started)
        try:
            if phase == "DOWNLOAD_SOURCE":
                self._download(started)
            elif phase == "UPLOAD_ARTIFACTS":
                self._upload()
            else:
                self._commands(phase)
        except (PhaseFailed, SourceFailed, NoSandbox, NoArtifacts) as failure:
            self.log.line(f"Phase complete: {phase} State: FAILED")
            self.log.line(f"Phase context status code: {str(failure).partition(': ')[0]} Message: {failure}")
            self._report.phase(phase, started, "FAILED", str(failure))
            return Outcome(False, phases.after_failure(self._rule(phase), phase))
        except Stopped as stopped:
            self._report_stop(phase, started, str(stopped))
            raise
        self.log.line(f"Phase complete: {phase} State: SUCCEEDED")
        self.log.line("Phase context status code:  Message: ")
        if phase != "DOWNLOAD_SOURCE":
            self._report.phase(phase, started, "SUCCEEDED")
        return Outcome(True)

    def _report_stop(self, phase: str, started: float, status: str) -> None:
        if not self._report.lost.is_set():
            context = "BUILD_TIMED_OUT: Build has timed out. " if status == "TIMED_OUT" else ""
            self._report.phase(phase, started, status, context)

    def _rule(self, phase: str) -> Any:
        spec: BuildSpec | None = getattr(self, "_spec", None)
        found = spec.phases.get(COMMANDS.get(phase, "")) if spec is not None else None
        return (found or Phase()).on_failure

    def _download(self, started: float) -> None:
        self.log.line("Waiting for DOWNLOAD_SOURCE")
        source = self.work["source"]
        try:
            checkout = self._sources.get(source, _version(self.work))
        except Refused as refused:
            raise SourceFailed(f"CLIENT_ERROR: {refused.code}: {refused.message}") from None
        self._resolved = checkout.version
        self._spec = self._read_spec(checkout.folder)
        facts = {"resolvedSourceVersion": self._resolved} if self._resolved else {}
        spec_text = self._text if self._spec.parameter_store or self._spec.secrets_manager else ""
        try:
            found = self._report.phase(
                "DOWNLOAD_SOURCE", started, "SUCCEEDED", **facts, **({"buildspec": spec_text} if spec_text else {})
            )
        except Refused as refused:
            raise PhaseFailed(f"CLIENT_ERROR: {refused.code}: {refused.message}") from None
        self.log.hide(found.get("secrets", []))
        self._prepare(checkout.folder, found.get("variables", {}))
        self.log.line("Phase is DOWNLOAD_SOURCE")
        self.log.line(f"CODEBUILD_SRC_DIR={SOURCE}")
        self.log.line(
            "YAML location is /codebuild/readonly/buildspec.yml"
            if self._inline
            else f"YAML location is {SOURCE}/{self._where}"
        )

    def _read_spec(self, folder: Path | None) -> BuildSpec:
        given = self.work["source"].get("buildspec", "") or "buildspec.yml"
        self._inline = "\n" in given or given.lstrip().startswith(("version", "{"))
        self._where = "" if self._inline else given
        self._text = given if self._inline else _read_inside(folder, given)
        try:
            return parse(self._text)
        except BuildSpecError as problem:
            raise PhaseFailed(f"YAML_FILE_ERROR: {problem}") from None

    def _prepare(self, lower: Path | None, secret: dict[str, str]) -> None:
        control = self._top / "control"
        control.mkdir()
        self._shell = Shell(control, self._spec.shell or "sh")
        binds = [(path, path) for path in _TOOLING if self._flags.get("pass_host_tooling") and Path(path).exists()]
        plan = Plan(
            self._top,
            lower,
            control,
            network=self.work["network"],
            compute_type=self.work["environment"].get("computeType", ""),
            binds=binds,
            environment={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
        )
        self._sandbox = Sandbox(plan, self._shell.command)
        self._sandbox.start()
        self._relay = Relay(self._sandbox.listener(), self._own.endpoint, self.work["credentials"], uuid.uuid4().hex)
        self._variables = self._environment(secret)
        self._send(_exports(self._variables))
        self._sandbox.go()

    def _environment(self, secret: dict[str, str]) -> dict[str, str]:
        """Every variable of the build: buildspec, then project, then what CodeBuild itself sets."""
        work, relay = self.work, self._relay
        assert relay is not None
        own = {
            "AWS_REGION": work["region"],
            "AWS_DEFAULT_REGION": work["region"],
            "HOME": "/root",
            "CODEBUILD_BUILD_ARN": work["arn"],
            "CODEBUILD_BUILD_ID": work["id"],
            "CODEBUILD_BUILD_IMAGE": work["environment"]["image"],
            "CODEBUILD_BUILD_NUMBER": str(work["number"]),
            "CODEBUILD_BUILD_SUCCEEDING": "1",
            "CODEBUILD_INITIATOR": work["initiator"],
            "CODEBUILD_KMS_KEY_ID": work["encryptionKey"],
            "CODEBUILD_LOG_PATH": work["id"].rpartition(":")[2],
            "CODEBUILD_SOURCE_REPO_URL": work["source"].get("location", ""),
            "CODEBUILD_SOURCE_VERSION": work["sourceVersion"],
            "CODEBUILD_SRC_DIR": SOURCE,
            "CODEBUILD_START_TIME": str(work["created"] // 1000),
            "CI": "true",
            **relay.environment,
        }
        if self._resolved:
            own["CODEBUILD_RESOLVED_SOURCE_VERSION"] = self._resolved
        if self._flags.get("pass_host_tooling"):
            own |= {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "NPM_CONFIG_", "npm_config_"))}
        return {**self._spec.variables, **secret, **work["variables"], **own}

    def _commands(self, phase: str) -> None:
        found = self._spec.phases.get(COMMANDS[phase], Phase())
        self.log.line(f"Entering phase {phase}")
        attempt = 0
        while True:
            failure = self._try_commands(found)
            if failure is None or not phases.retries(
                found.on_failure, attempt, self.log.tail.decode("utf-8", "replace")
            ):
                break
            attempt += 1
            self.log.line(f"Retrying phase {phase}, attempt {attempt} of {found.on_failure.tries}")
        if phase == "POST_BUILD":
            self._read_exported()
        if failure is not None:
            self._send("export CODEBUILD_BUILD_SUCCEEDING=0")
            raise PhaseFailed(failure)

    def _try_commands(self, phase: Phase) -> str | None:
        """Run commands, then finally; what failed first, as the phase's context, or None."""
        failure = self._run_all(phase.commands)
        if failure is not None:
            self._send("export CODEBUILD_BUILD_SUCCEEDING=0")
        return failure or self._run_all(phase.finally_)

    def _run_all(self, commands: tuple[str, ...]) -> str | None:
        for command in commands:
            self.log.line(f"Running command {command}")
            if not self._started:
                self._report.phase_started()
                self._started = True
            status = self._send(command)
            if status != 0:
                self.log.line(f"Command did not exit successfully {command} exit status {status}")
                return (
                    f"COMMAND_EXECUTION_ERROR: Error while executing command: {command}. Reason: exit status {status}"
                )
        return None

    def _send(self, text: str) -> int:
        """Run a command in the build's shell to its end; its status. Output goes to the log as it comes."""
        number = self._shell.send(text)
        assert self._sandbox is not None
        if self._sandbox.process.poll() is not None:
            raise PhaseFailed("CLIENT_ERROR: Build container found dead before completing the build.")
        return self._await(number) if self._running() else 0

    def _running(self) -> bool:
        """Before `go`, commands only queue up in the control pipe."""
        first, self._went = not getattr(self, "_went", False), True
        return not first

    def _await(self, number: int) -> int:
        assert self._sandbox is not None
        pending = b""
        while True:
            self._check_time()
            ready, _, _ = select.select([self._sandbox.output, self._shell.statuses], [], [], 0.2)
            if self._sandbox.output in ready and not self._copy_output():
                raise PhaseFailed("CLIENT_ERROR: Build container found dead before completing the build.")
            if self._shell.statuses in ready:
                pending += os.read(self._shell.statuses, 4096)
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    done, _, status = line.partition(b" ")
                    if int(done) == number:
                        self._drain()
                        return int(status)

    def _copy_output(self) -> bool:
        assert self._sandbox is not None
        data = os.read(self._sandbox.output, 256 * 1024)
        self.log.output(data)
        return bool(data)

    def _drain(self) -> None:
        """Take what the command still had in the pipe when it ended."""
        assert self._sandbox is not None
        while select.select([self._sandbox.output], [], [], 0)[0] and self._copy_output():
            pass

    def _check_time(self) -> None:
        if self._report.stop.is_set():
            raise Stopped("STOPPED")
        if time.monotonic() > self._deadline:
            raise Stopped("TIMED_OUT")

    def _read_exported(self) -> None:
        names = [n for n in self._spec.exported if not n.startswith("AWS_")]
        if not names:
            return
        lines = [f'printf "%s\\0%s\\0" {n} "${{{n}-}}"' for n in names if n.isidentifier()]
        self._send("{ " + "; ".join(lines) + "; } >/codebuild/control/exported")
        parts = _small(self._top / "control" / "exported").split(b"\0")
        pairs = zip(parts[::2], parts[1::2], strict=False)
        self._exported = [{"name": k.decode(), "value": v.decode("utf-8", "replace")} for k, v in pairs]

    def _upload(self) -> None:
        spec = self._spec.artifacts or Artifacts()
        wanted = [(self.work["artifacts"], spec)]
        for declared in self.work["secondaryArtifacts"]:
            wanted.append(
                (declared, self._spec.secondary_artifacts.get(declared.get("artifactIdentifier", ""), Artifacts()))
            )
        for declared, chosen in wanted:
            if declared["type"] == "NO_ARTIFACTS":
                continue
            identifier = declared.get("artifactIdentifier", "")
            if not chosen.files and identifier in self._spec.secondary_artifacts:
                chosen = self._spec.secondary_artifacts[identifier]
            try:
                self._made.append(self._upload_one(declared, chosen))
            except Refused as refused:
                raise PhaseFailed(f"CLIENT_ERROR: {refused.code}: {refused.message}") from None

    def _upload_one(self, declared: dict[str, Any], artifact: Artifacts) -> dict[str, Any]:
        assert self._sandbox is not None
        bucket, root = declared["location"], self._sandbox.path("src")
        self.log.line("Expanding base directory path: " + (artifact.base_directory or "."))
        key = self._key(declared, artifact)
        if declared["type"] == "S3" and declared.get("packaging", "NONE") == "NONE":
            for name, file, size in each(root, artifact):
                self._own.upload(
                    bucket, f"{key}/{name}", file, size, {"x-amz-meta-codebuild-buildarn": self.work["arn"]}
                )
            made: dict[str, Any] = {"location": f"arn:aws:s3:::{bucket}/{key}"}
        else:
            packed = pack(root, artifact, self._top / f"artifact-{len(self._made)}.zip")
            with packed.path.open("rb") as file:
                self._own.upload(
                    bucket,
                    key,
                    file,
                    packed.size,
                    {"x-amz-meta-codebuild-buildarn": self.work["arn"], "content-type": "application/zip"},
                )
            made = {"location": f"arn:aws:s3:::{bucket}/{key}", "md5sum": packed.md5, "sha256sum": packed.sha256}
        if declared.get("artifactIdentifier"):
            made["artifactIdentifier"] = declared["artifactIdentifier"]
        return made

    def _key(self, declared: dict[str, Any], artifact: Artifacts) -> str:
        """Where the artifact goes in its bucket."""
        if declared["type"] == "CODEPIPELINE":
            return str(declared["name"])
        name = declared.get("name") or self.work["project"]
        if declared.get("overrideArtifactName") and artifact.name:
            self._send(f'printf %s "{artifact.name}" >/codebuild/control/name')
            name = _small(self._top / "control" / "name").decode("utf-8", "replace") or name
        if declared.get("packaging") == "ZIP" and not name.endswith(".zip"):
            name += ".zip"
        build = self.work["id"].rpartition(":")[2] if declared.get("namespaceType") == "BUILD_ID" else ""
        return "/".join(
            p.strip("/") for p in (declared.get("path", ""), artifact.s3_prefix, build, name) if p.strip("/")
        )

    def _end(self, status: str) -> None:
        if self._relay is not None:
            self._relay.close()
        if self._sandbox is not None:
            self._sandbox.kill()
        if not self._report.lost.is_set():
            self.log.close()
            with contextlib.suppress(Refused, OSError):  # else the lease lapses, and the server's rule for that decides
                self._report.complete(status, self._exported, self._made)
        self._report.close()
        shutil.rmtree(self._top, ignore_errors=True)


def _version(work: dict[str, Any]) -> str:
    version: str = work["sourceVersion"]
    return "" if version.startswith("arn:") else version


def _exports(variables: dict[str, str]) -> str:
    lines = [assignment(name, value) for name, value in variables.items() if name.isidentifier()]
    return "\n".join([*lines, f"cd {SOURCE}"])


def _read_inside(folder: Path | None, name: str) -> str:
    if folder is None:
        raise PhaseFailed("YAML_FILE_ERROR: YAML file does not exist")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise PhaseFailed("YAML_FILE_ERROR: YAML file does not exist")
    return path.read_text("utf-8", "replace")


def _small(path: Path) -> bytes:
    """A small file that the build wrote: never a link, never a pipe, never more than 64 KiB."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)

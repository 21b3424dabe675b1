"""CodeBuild's buildspec: YAML in, frozen facts out. Every scalar is text, as written: `python: 3.10` stays 3.10.

Whether a build may go on is said by YAML_FILE_ERROR's message, in the words that CodeBuild uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from codeyard.formats.yamls import LARGEST, BoundedLoader

PHASES = ("install", "pre_build", "build", "post_build")
_TRUE = frozenset(("y", "yes", "true", "on"))
_FALSE = frozenset(("n", "no", "false", "off"))
_ON_FAILURE = re.compile(r"(ABORT|CONTINUE|RETRY)(?:-(\d{1,3}))?(?:-(.+))?", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class BuildSpecError(ValueError):
    """The file cannot be used; the message goes with the status code YAML_FILE_ERROR."""


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What happens when a phase fails: ABORT, CONTINUE, or RETRY `tries` times where the output matches `pattern`."""

    action: str = ""
    tries: int = 0
    pattern: str = ".*"


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase's commands."""

    commands: tuple[str, ...] = ()
    finally_: tuple[str, ...] = ()
    on_failure: OnFailure = OnFailure()
    run_as: str = ""
    runtime_versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What is kept of the build."""

    files: tuple[str, ...] = ()
    name: str = ""
    base_directory: str = ""
    discard_paths: bool = False
    exclude_paths: tuple[str, ...] = ()
    enable_symlinks: bool = False
    s3_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Secret:
    """`secret-id[:json-key[:version-stage[:version-id]]]`; the id may be an ARN."""

    secret_id: str
    json_key: str = ""
    stage: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class BuildSpec:
    """A whole file."""

    version: str
    run_as: str = ""
    shell: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    parameter_store: Mapping[str, str] = field(default_factory=dict)
    secrets_manager: Mapping[str, Secret] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    git_credential_helper: bool = False
    phases: Mapping[str, Phase] = field(default_factory=dict)
    artifacts: Artifacts | None = None
    secondary_artifacts: Mapping[str, Artifacts] = field(default_factory=dict)
    reports: Mapping[str, Any] = field(default_factory=dict)
    cache: Mapping[str, Any] = field(default_factory=dict)
    batch: Mapping[str, Any] = field(default_factory=dict)
    proxy: Mapping[str, Any] = field(default_factory=dict)

    @property
    def one_shell(self) -> bool:
        """Whether all commands run in one shell (0.2), or each in its own (0.1)."""
        return self.version != "0.1"


class _Texts(BoundedLoader):
    """Loads every scalar as the text that stands in the file; an empty one as None."""

    long_numbers = True


def _scalar(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    value = node.value if isinstance(node, yaml.ScalarNode) else ""
    plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return None if plain and value in ("", "~", "null", "Null", "NULL") else value


for _kind in ("bool", "int", "float", "null", "timestamp", "binary", "str", "value", "merge"):
    if _kind != "merge":
        _Texts.add_constructor(f"tag:yaml.org,2002:{_kind}", _scalar)


def parse(text: str) -> BuildSpec:
    """The file's facts; BuildSpecError says why it cannot be built."""
    tree = _load(text)
    version = _text(tree.get("version"))
    if version not in ("0.1", "0.2"):
        raise BuildSpecError(_bad_version(version))
    env, artifacts = _mapping(tree, "env"), _artifacts(tree)
    return BuildSpec(
        version=version,
        run_as=_text(tree.get("run-as")),
        shell=_shell(env),
        variables=_variables(env, "variables") if env else _variables(tree, "environment_variables"),
        parameter_store=_variables(env, "parameter-store"),
        secrets_manager={name: secret(value) for name, value in _variables(env, "secrets-manager").items()},
        exported=_texts(env.get("exported-variables"), "exported-variables"),
        git_credential_helper=boolean(env.get("git-credential-helper")),
        phases=_phases(tree),
        artifacts=artifacts[0],
        secondary_artifacts=artifacts[1],
        reports=_mapping(tree, "reports"),
        cache=_mapping(tree, "cache"),
        batch=_mapping(tree, "batch"),
        proxy=_mapping(tree, "proxy"),
    )


def boolean(value: Any) -> bool:
    """A YAML 1.1 boolean from its text; BuildSpecError for anything else, false where there is none."""
    text = _text(value).lower()
    if text in _TRUE:
        return True
    if text in _FALSE or not text:
        return False
    raise BuildSpecError(f"Expected yes or no, found {text[:100]}")


def on_failure(text: str) -> OnFailure:
    """The on-failure grammar: ABORT, CONTINUE, RETRY, RETRY-count, RETRY-regex, RETRY-count-regex."""
    found = _ON_FAILURE.fullmatch(text.strip())
    if found is None or (found[1] != "RETRY" and (found[2] or found[3])):
        raise BuildSpecError(f"Invalid on-failure value: {text[:100]}. Expecting: ABORT,CONTINUE,RETRY")
    if found[1] != "RETRY":
        return OnFailure(found[1])
    tries, pattern = int(found[2]) if found[2] else 3, found[3] or ".*"
    if tries > 100:
        raise BuildSpecError("Invalid on-failure value: the retry count must be between 0 and 100")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise BuildSpecError(f"Invalid on-failure value: {pattern[:100]} is not a regular expression") from None
    return OnFailure("RETRY", tries, pattern)


def secret(text: str) -> Secret:
    """A secrets-manager reference taken apart; an ARN keeps its seven parts together."""
    parts = text.split(":")
    length = 7 if text.startswith("arn:") else 1
    rest = [*parts[length : length + 3], "", "", ""]
    return Secret(":".join(parts[:length]), rest[0], rest[1], rest[2])


def _load(text: str) -> dict[str, Any]:
    if len(text) > LARGEST:
        raise BuildSpecError("the file is larger than 1 MB")
    try:
        documents = list(yaml.load_all(text, Loader=_Texts))
    except yaml.MarkedYAMLError as error:
        raise BuildSpecError(_yaml_message(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BuildSpecError(str(error).splitlines()[0][:300]) from None
    if not documents or documents[0] is None:
        raise BuildSpecError("the file is empty")
    if not isinstance(documents[0], dict):
        raise BuildSpecError("Expected a mapping at the top of the file")
    return {_text(key): value for key, value in documents[0].items()}


def _yaml_message(error: yaml.MarkedYAMLError) -> str:
    """libyaml's words, with the line counted from zero, as CodeBuild says them."""
    problem = str(error.problem or error.context or "invalid YAML")
    problem = problem.replace("mapping values are not allowed here", "mapping values are not allowed in this context")
    problem = re.sub(r"expected ',' or '\]', but got .*", "did not find expected ',' or ']'", problem)
    problem = re.sub(r"expected ',' or '\}', but got .*", "did not find expected ',' or '}'", problem)
    problem = re.sub(r"expected <block end>, but found .*", "did not find expected key", problem)
    problem = re.sub(
        r"found character '\\t' that cannot start any token", "found character that cannot start any token", problem
    )
    mark = error.problem_mark or error.context_mark
    return f"{problem} at line {mark.line}" if mark is not None else problem


def _bad_version(version: str) -> str:
    return (
        f"Invalid version: {version[:50]}. Expecting: 0.1,0.2"
        if version
        else "version is required in the buildspec file"
    )


def _shell(env: Mapping[str, Any]) -> str:
    shell = _text(env.get("shell"))
    if shell and shell not in ("bash", "/bin/sh", "/bin/bash", "sh", "powershell.exe", "cmd.exe", "pwsh"):
        raise BuildSpecError(f"Invalid shell: {shell[:50]}. Expecting: bash,/bin/sh")
    return shell


def _phases(tree: Mapping[str, Any]) -> dict[str, Phase]:
    found = _mapping(tree, "phases")
    for name in found:
        if name not in PHASES:
            expected = ",".join(sorted(phase.upper() for phase in PHASES))
            raise BuildSpecError(f"Invalid buildspec phase name: {name.upper()[:50]}. Expecting: {expected}")
    if not found and not tree.get("batch"):
        raise BuildSpecError("phases is required in the buildspec file")
    return {name: _phase(name, found) for name in PHASES if name in found}


def _phase(name: str, phases: Mapping[str, Any]) -> Phase:
    given = _mapping(phases, name)
    versions = given.get("runtime-versions")
    return Phase(
        commands=_commands(given.get("commands")),
        finally_=_commands(given.get("finally")),
        on_failure=on_failure(_text(given.get("on-failure"))) if given.get("on-failure") else OnFailure(),
        run_as=_text(given.get("run-as")),
        runtime_versions={_text(k): _text(v) for k, v in versions.items()} if isinstance(versions, dict) else {},
    )


def _commands(value: Any) -> tuple[str, ...]:
    """A list of commands; one that YAML read as a mapping (`echo a: b`) is not a command."""
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    flat = [one for item in items for one in (item if isinstance(item, list) else [item])]
    if any(isinstance(item, dict) for item in flat):
        raise BuildSpecError(
            "Expected Commands[0] to be of string type: found subkeys instead at line 0, "
            "value of the key tag on line 0 might be empty"
        )
    return tuple(_text(item) for item in flat if item is not None and _text(item))


def _artifacts(tree: Mapping[str, Any]) -> tuple[Artifacts | None, dict[str, Artifacts]]:
    if tree.get("artifacts") is None:
        return None, {}
    given = _mapping(tree, "artifacts")
    others = _mapping(given, "secondary-artifacts")
    secondary = {name: _artifact(_mapping(others, name)) for name in others}
    return _artifact(given), secondary


def _artifact(given: Mapping[str, Any]) -> Artifacts:
    return Artifacts(
        files=_texts(given.get("files"), "files"),
        name=_text(given.get("name")),
        base_directory=_text(given.get("base-directory")),
        discard_paths=boolean(given.get("discard-paths")),
        exclude_paths=_texts(given.get("exclude-paths"), "exclude-paths"),
        enable_symlinks=boolean(given.get("enable-symlinks")),
        s3_prefix=_text(given.get("s3-prefix")),
    )


def _variables(parent: Mapping[str, Any], name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    value = parent.get(name)
    if isinstance(value, list):  # the early form: a list of one-entry mappings
        value = {key: one for item in value if isinstance(item, dict) for key, one in item.items()}
    if value is None:
        return found
    if not isinstance(value, dict):
        raise BuildSpecError(f"Expected {name} to be a mapping")
    for key, one in value.items():
        variable = _text(key)
        if not _NAME.fullmatch(variable):
            raise BuildSpecError(f"Invalid environment variable name: {variable[:100]}")
        if isinstance(one, dict | list):
            raise BuildSpecError(f"Expected the value of {variable} to be of string type")
        found[variable] = _text(one)
    return found


def _mapping(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BuildSpecError(f"Expected {name} to be a mapping")
    return {_text(key): one for key, one in value.items()}


def _texts(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in items):
        raise BuildSpecError(f"Expected {name} to be a list of strings")
    return tuple(_text(item) for item in items if item is not None)


def _text(value: Any) -> str:
    return "" if value is None else str(value)

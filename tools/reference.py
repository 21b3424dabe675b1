"""Writes docs/reference from the code: `make docs`. A test fails when the pages are out of date."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from codeyard.cli import main as cli
from codeyard.engine.crash import POINTS
from codeyard.gateway.rules import BEARS_TOKEN, DATA_EVENTS, NEEDS_NO_PERMISSION
from codeyard.main import Options, Yard
from codeyard.platform.iam.managed import AwsManaged, source
from codeyard.platform.iam.unbuilt import unbuilt
from codeyard.wire.services import ENABLED

ROOT = Path(__file__).resolve().parent.parent / "docs" / "reference"
_WIDE: dict[str, Any] = {"terminal_width": 100, "max_content_width": 100, **cli.context_settings}
_MADE = "<!-- Written by `make docs`; do not edit. -->\n\n"


def pages() -> dict[str, str]:
    """Every page's text by file name."""
    with tempfile.TemporaryDirectory() as folder:
        yard = Yard(Options(data=Path(folder)))
        try:
            operations = _operations(yard)
        finally:
            yard.close()
    return {
        "operations.md": operations,
        "cli.md": _cli(),
        "trail.md": _trail(),
        "crash-points.md": _crash_points(),
        "managed-policies.md": _managed_policies(),
    }


def _managed_policies() -> str:
    """AWS's managed policies, with where each is from."""
    lines = ["# AWS's managed policies", "", "They can be attached by these ARNs; no others of AWS's exist here.", ""]
    lines += ["| ARN | version | source |", "|---|---|---|"]
    for arn, policy in sorted(AwsManaged().policies.items()):
        lines.append(f"| `{arn}` | v{policy.default_version} | <{source(policy.name)}> |")
    return _MADE + "\n".join(lines) + "\n"


def _operations(yard: Yard) -> str:
    lines = ["# Operations", "", "What is not listed as built answers HTTP 501 `NotImplemented`.", ""]
    parts = {part.service: part for part in yard.parts}
    for service in sorted({*ENABLED, *parts}):
        names = list(yard.models.service(service).operation_names)
        built = set(yard.gateway.registry.built(service)) if service in parts else set()
        doors = sorted(parts[service].doors) if service in parts else []
        lines += [f"## {service}", "", f"{len(built & set(names))} of {len(names)} operations are built.", ""]
        if built:
            lines += [", ".join(n for n in names if n in built), ""]
        if reasons := unbuilt(service):
            lines += ["Not built, and why:", "", *(f"- `{name}`: {why}." for name, why in reasons.items()), ""]
        if doors:
            lines += [f"Doors beside the model: {', '.join(doors)}.", ""]
    return _MADE + "\n".join(lines)


def _cli() -> str:
    return _MADE + "\n".join(["# The command line", "", *_help(cli, click.Context(cli, info_name="codeyard", **_WIDE))])


def _help(group: click.Group, context: click.Context) -> list[str]:
    """Each command as a user sees it: below its parents, whose settings (`-h`) it inherits."""
    lines = []
    for name in group.list_commands(context):
        if (command := group.get_command(context, name)) is None:
            continue
        below = click.Context(command, info_name=name, parent=context, **_WIDE)
        lines += [f"## {below.command_path}", "", "```", command.get_help(below), "```", ""]
        lines += _help(command, below) if isinstance(command, click.Group) else []
    return lines


def _trail() -> str:
    lines = [
        "# The trail",
        "",
        "Every call is recorded: a mutation in its own transaction, a refusal or a failed mutation before its",
        "answer, a successful read within 200 ms. Reads that were answered in the last 200 ms before a",
        "kill -9 may be missing.",
        "",
        "## Operations that need no permission",
        "",
        *(f"- `{service}:{name}`: {source}" for (service, name), source in sorted(NEEDS_NO_PERMISSION.items())),
        "",
        "## Operations that carry a token instead of a signature",
        "",
        *(f"- `{service}:{name}`: {source}" for (service, name), source in sorted(BEARS_TOKEN.items())),
        "",
        "## Data events: a success is not on the trail of management events, a refusal is",
        "",
        *(f"- `{service}`: {', '.join(sorted(names))}" for service, names in sorted(DATA_EVENTS.items())),
        "",
    ]
    return _MADE + "\n".join(lines)


def _crash_points() -> str:
    said = "Where tests kill the process (`CODEYARD_CRASH_AT=name`) to show that nothing answered is lost."
    lines = ["# Crash points", "", said, ""]
    lines += [f"- `{name}`: {meaning}" for name, meaning in sorted(POINTS.items())]
    return _MADE + "\n".join(lines) + "\n"


if __name__ == "__main__":
    ROOT.mkdir(parents=True, exist_ok=True)
    for file, text in pages().items():
        (ROOT / file).write_text(text)
        click.echo(f"docs/reference/{file}")

"""A page of docs/howto as what its reader types: its files are written, its commands run, in order; naps are short."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<kind>\w+)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: a file to write where it has a name, commands where it is `sh`, else only to be read."""

    kind: str
    name: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The page's blocks that have something to be done with."""
    text = page.read_text()
    found = [
        Block(one["kind"], one["name"] or "", one["text"], text.count("\n", 0, one.start()) + 2)
        for one in _FENCE.finditer(text)
    ]
    return [block for block in found if block.name or block.kind == "sh"]


def script(page: Path) -> str:
    """The page as one bash script, which ends at the first command that fails and says on which line of the page."""
    parts = [
        "set -euo pipefail",
        "sleep() { command sleep 0.1; }",
        "trap 'echo \"failed after line $at of the page\" >&2' ERR",
    ]
    for block in blocks(page):
        parts.append(f"at={block.line}")
        parts.append(_file(block) if block.name else block.text)
    return "\n".join(parts)


def _file(block: Block) -> str:
    mode = "chmod +x" if block.text.startswith("#!") else ":"
    return (
        f"mkdir -p $(dirname {block.name})\ncat > {block.name} <<'END OF FILE'\n{block.text}END OF FILE\n"
        f"{mode} {block.name}"
    )

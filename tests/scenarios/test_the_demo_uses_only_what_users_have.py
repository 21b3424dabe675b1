"""The demo proves the product only if it touches nothing that a user could not."""

from __future__ import annotations

import ast
from pathlib import Path

DEMO = Path(__file__).parents[2] / "src" / "codeyard" / "cli" / "demo"


def test_the_demo_imports_nothing_of_the_server() -> None:
    inside = set()
    for path in DEMO.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            inside |= {n for n in names if n and n.startswith("codeyard") and not n.startswith("codeyard.cli.demo")}

    assert inside == set()

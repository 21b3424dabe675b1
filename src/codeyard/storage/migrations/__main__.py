"""`python -m codeyard.storage.migrations "message" [ID] [--initial]` writes the next revision from the tables.

It migrates an empty SQLite database to the newest revision, compares it with the metadata and writes the difference
to versions/. `--initial` throws the existing revisions away first: only before the first release.
"""

from __future__ import annotations

import subprocess
import sys

import sqlalchemy as sa

from codeyard.storage.migrations import HERE, head
from codeyard.storage.migrations.upgrade import revisions, upgrade, write_revision


def main(arguments: list[str]) -> int:
    """Write a revision; returns the exit status."""
    words = [word for word in arguments if not word.startswith("--")]
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    if "--initial" in arguments:
        for path in (HERE / "versions").glob("*.py"):
            path.unlink()
    known = revisions()
    revision = words[1] if len(words) > 1 else f"{len(known) + 1:04d}"
    engine = sa.create_engine("sqlite://")
    with engine.connect() as conn:
        if known:
            upgrade(conn)
        write_revision(conn, words[0], revision)
    written = sorted((HERE / "versions").glob(f"{revision}_*.py"))
    for tool in (["format", "--quiet"], ["check", "--fix", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *tool, *map(str, written)], check=False)
    print(f"revision {head()}: {', '.join(path.name for path in written)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

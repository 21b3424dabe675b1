"""`codeyard demo`: the main job, end to end, as a user would do it: with aws, git, boto3 and this command line.

Nothing here imports the server. If the demo works, so does the product.
"""

from __future__ import annotations

import sys

import click


@click.command()
@click.option("--keep", is_flag=True, help="keep the server up at the end, also when not interactive")
def command(keep: bool) -> None:
    """Push, build, test, approve, deploy; exits 0 only if all of it really happened."""
    from codeyard.cli.demo.story import tell

    sys.exit(tell(stay=keep or sys.stdout.isatty()))

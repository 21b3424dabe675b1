"""What every noun of the API needs: the kit, lookups that raise the modelled errors, pages, times."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from codeyard.contract import AwsError, Context
from codeyard.engine import Kit
from codeyard.services.codedeploy.board import Board
from codeyard.services.codedeploy.registrations import Registrations
from codeyard.services.codedeploy.store import catalog, deployments
from codeyard.storage import Row, Tx

PAGE = 100
BATCH = 100


class Base:
    """State shared by the mixins of the API class."""

    def __init__(self, kit: Kit, board: Board, hosts: Registrations) -> None:
        self._kit, self._board, self._hosts = kit, board, hosts


def where(ctx: Context) -> tuple[str, str]:
    """The account and region of a call."""
    return ctx.account, ctx.region


def time(micros: int | None) -> dt.datetime | None:
    """An aware time of a column's microseconds."""
    return None if micros is None else dt.datetime.fromtimestamp(micros / 1_000_000, dt.UTC)


def micros(value: dt.datetime | None) -> int | None:
    """Microseconds of an aware time."""
    return None if value is None else int(value.timestamp() * 1_000_000)


def told(**members: Any) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def the_application(tx: Tx, ctx: Context, name: str) -> Row:
    """The application; ApplicationDoesNotExistException."""
    row = catalog.application(tx, where(ctx), name)
    if row is None:
        raise AwsError("ApplicationDoesNotExistException", f"No application found for name: {name}")
    return row


def the_group(tx: Tx, ctx: Context, application: str, name: str) -> Row:
    """The deployment group of an existing application; …DoesNotExistException."""
    the_application(tx, ctx, application)
    row = catalog.group(tx, where(ctx), application, name)
    if row is None:
        raise AwsError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")
    return row


def the_deployment(tx: Tx, ctx: Context, deployment_id: str) -> Row:
    """The deployment of the caller's account and region; DeploymentDoesNotExistException."""
    check_deployment_id(deployment_id)
    row = deployments.deployment(tx, deployment_id)
    if row is None or (row.account, row.region) != where(ctx):
        raise AwsError("DeploymentDoesNotExistException", f"The deployment {deployment_id} could not be found")
    return row


def check_deployment_id(value: str) -> None:
    """InvalidDeploymentIdException for what cannot be a deployment's id."""
    if not value:
        raise AwsError("DeploymentIdRequiredException", "A deployment ID is required")
    tail = value.removeprefix("d-")
    if tail == value or not (tail.isascii() and tail.isalnum()) or len(value) > 32:
        raise AwsError("InvalidDeploymentIdException", f"{value[:100]} is not a valid deployment ID")


def check_batch(names: Sequence[str], missing: str) -> None:
    """The exception `missing` for an empty batch, BatchLimitExceededException beyond a hundred."""
    if not names:
        raise AwsError(missing, "At least one name or ID must be given")
    if len(names) > BATCH:
        raise AwsError("BatchLimitExceededException", f"At most {BATCH} names or IDs may be given")


def page(items: Sequence[str], token: str | None, member: str) -> dict[str, Any]:
    """One page of a sorted list of names, after the name in the token."""
    after = read_token(token)
    rest = [item for item in items if item > after] if after else list(items)
    return cut(rest, member, str)


def cut(rest: Sequence[Any], member: str, key: Callable[[Any], str]) -> dict[str, Any]:
    """The first page of what is left, with a token of its last item's key where more follow."""
    shown = rest[:PAGE]
    more = {"nextToken": write_token(key(shown[-1]))} if len(rest) > PAGE else {}
    return {member: list(shown), **more}


def write_token(after: str) -> str:
    """An opaque token for "after this"."""
    return base64.urlsafe_b64encode(b"1:" + after.encode()).decode()


def read_token(token: str | None) -> str:
    """What write_token put in; InvalidNextTokenException for anything else."""
    if token is None:
        return ""
    try:
        plain = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error) as error:
        raise AwsError("InvalidNextTokenException", "The next token is not valid") from error
    if not plain.startswith("1:"):
        raise AwsError("InvalidNextTokenException", "The next token is not valid")
    return plain[2:]

"""The IAM decision: what one costs over 50 statements, beside the limit of 25 µs.

Every request is a new one: no resource comes twice, so what is remembered for an action on a resource answers none;
the values of the condition keys are other ones each time besides. Which statements speak of an action is an index of
the policies, made once. The time is the processor's (one core), and holds the making of the request with its context,
as the door makes it for every check.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from codeyard.contract import Principal
from codeyard.platform.iam.policy import Caller, Identity, PolicySet, Request, compile_policy, decide, parse

LIMIT_US = 25.0
STATEMENTS = 50
REQUESTS, ROUNDS = 4000, 7
ACCOUNT = "111122223333"
TEAMS = ("red", "green", "blue")


def documents() -> Iterator[dict[str, Any]]:
    """The statements: five for each of ten services, with wildcards, variables and conditions; a tenth denies."""
    services = ("codecommit", "codebuild", "codepipeline", "s3", "kms", "logs", "sns", "ssm", "events", "sts")
    for number in range(STATEMENTS):
        service, team = services[number // 5], TEAMS[number % 3]
        resource = f"arn:aws:{service}:*:{ACCOUNT}:team-{team}/{number}/*"
        if service == "s3":
            resource = [f"arn:aws:s3:::team-{team}-{number}/*", "arn:aws:s3:::home/${aws:username}/*"]  # type: ignore
        conditions = (
            {},
            {"StringEquals": {"aws:PrincipalTag/team": team}},
            {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}},
            {"DateLessThan": {"aws:CurrentTime": "2031-01-01T00:00:00Z"}, "Bool": {"aws:SecureTransport": "true"}},
            {"ForAnyValue:StringLike": {"aws:TagKeys": ["team*", "cost?"]}},
        )
        yield {
            "Effect": "Deny" if number % 10 == 9 else "Allow",
            "Action": [f"{service}:Get*", f"{service}:*Object", f"{service}:List?*"],
            "Resource": resource,
            "Condition": conditions[number % 5],
        }


def requests(round_no: int) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """(action, resource, keys of the call, keys of the caller), none twice."""
    for number in range(REQUESTS):
        unique = round_no * REQUESTS + number
        statement = 15 + unique % 5
        team = TEAMS[unique % 3]
        resource = (
            f"arn:aws:s3:::{'home/ann' if unique % 2 else f'team-{TEAMS[statement % 3]}-{statement}'}/key-{unique}"
        )
        call = {
            "aws:SourceIp": f"10.{unique >> 16 & 255}.{unique >> 8 & 255}.{unique & 255}",
            "aws:CurrentTime": f"2026-11-23T{unique % 24:02d}:{unique // 24 % 60:02d}:{unique // 1440 % 60:02d}Z",
            "aws:EpochTime": str(1_790_000_000 + unique),
            "aws:SecureTransport": "true",
            "aws:RequestedRegion": "us-east-1",
            "aws:UserAgent": f"client/{unique}",
            "aws:TagKeys": ["team", f"k{unique}"],
        }
        own = {
            "aws:username": "ann" if unique % 4 else "bob",
            "aws:PrincipalTag/team": team,
            "aws:PrincipalAccount": ACCOUNT,
        }
        yield ("s3:GetObject" if unique % 3 else "s3:DeleteObject"), resource, call, own


def measure() -> tuple[float, dict[bool, int]]:
    """Microseconds a decision, the median of the rounds, and how many were allowed and refused."""
    text = json.dumps({"Version": "2012-10-17", "Statement": list(documents())})
    who = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", principal_id="AIDAEXAMPLE", name="ann")
    caller = Caller(Identity.of(who), PolicySet([compile_policy(parse(text, "identity"))]))
    costs, seen = [], {True: 0, False: 0}
    for round_no in range(ROUNDS):
        asked = list(requests(round_no))
        began = time.process_time()
        decisions = [
            decide(caller, Request(action, resource, call, own), action, None, ACCOUNT)
            for action, resource, call, own in asked
        ]
        costs.append((time.process_time() - began) / REQUESTS * 1e6)
        for one in decisions:
            seen[one.allowed] += 1
    return statistics.median(costs), seen


def main() -> None:
    """Measure and print the ratio."""
    cost, seen = measure()
    table = Table(title=f"IAM decision over {STATEMENTS} statements, every request a new one, nothing remembered")
    for name in ("µs", "limit µs", "limit / ours", "allowed", "refused"):
        table.add_column(name, justify="right")
    table.add_row(f"{cost:.1f}", f"{LIMIT_US:.0f}", f"{LIMIT_US / cost:.2f} ×", str(seen[True]), str(seen[False]))
    Console(width=130).print(table)


if __name__ == "__main__":
    main()

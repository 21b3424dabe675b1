"""Generated policies and requests: the compiled evaluator must agree with the naive one, pair by pair."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import pytest

from codeyard.contract import Principal
from codeyard.platform.iam.policy import Caller, Identity, PolicySet, Request, compile_policy, decide, parse
from codeyard.platform.iam.policy.document import Kind
from tests.unit.platform.iam import naive

ACCOUNTS = ["111122223333", "444455556666"]
ACTIONS = ["s3:GetObject", "s3:PutObject", "codecommit:GitPull", "kms:Decrypt", "sts:AssumeRole", "sts:TagSession"]
ACTION_PATTERNS = [*ACTIONS, "*", "s3:*", "S3:get*", "codecommit:Git????", "sts:*", "kms:*", "*:*"]
RESOURCES = [
    "*",
    "arn:aws:s3:::bucket/a/b",
    "arn:aws:s3:::bucket",
    "arn:aws:s3:::bucket/*",
    "arn:aws:s3:::bucket/home/ann",
]
RESOURCES += [f"arn:aws:codecommit:us-east-1:{account}:repo:x" for account in ACCOUNTS]
PATTERNS = [*RESOURCES, "arn:aws:s3:::*", "arn:aws:*:::bucket/?/b", "arn:aws:s3:::b*t/*b", "arn:*:codecommit:*:*:repo*"]
PATTERNS += ["arn:aws:s3:::bucket/home/${aws:username}", "arn:aws:s3:::bucket/${aws:PrincipalTag/x, 'a'}/b"]
PATTERNS += ["arn:aws:s3:::bucket/${*}", "arn:aws:codecommit:us-*:*6:repo:?", "arn:aws:s3*", "arn:aws:s3:*:bucket"]
TEXTS = ["ann", "Ann", "a*", "*", "?nn", "${aws:username}", "${aws:PrincipalTag/x, 'ann'}", "${$}{x}", "bob", ""]
KEYS = ["aws:username", "aws:PrincipalTag/x", "s3:prefix", "aws:TagKeys"]
KINDS: dict[str, list[str]] = {
    "String": TEXTS,
    "Numeric": ["1", "2.5", "10", "x", "-3"],
    "Date": ["2026-01-01T00:00:00Z", "2026-06-01", "1767225600", "no"],
    "Arn": ["arn:aws:s3:::bucket", "arn:aws:s3:::b*", "arn:*:s3:::bucket", "*", "arn:aws:s3"],
    "Ip": ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "192.168.0.1", "2001:db8::1"],
    "Bool": ["true", "false", "True"],
    "Binary": ["YQ==", "YWI="],
}
OPERATORS: dict[str, list[str]] = {
    "String": ["Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase", "Like", "NotLike"],
    "Numeric": ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"],
    "Date": ["Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"],
    "Arn": ["Equals", "NotEquals", "Like", "NotLike"],
}


class Maker:
    """Makes policies, callers and requests out of few parts, so that they meet often."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, listed: list[str], most: int = 2) -> Any:
        chosen = self.random.sample(listed, self.random.randint(1, most))
        return chosen[0] if len(chosen) == 1 and self.random.random() < 0.5 else chosen

    def condition(self) -> dict[str, Any]:
        kind = self.random.choice(list(KINDS))
        if kind in OPERATORS:
            name = kind + self.random.choice(OPERATORS[kind])
        else:
            name = {"Ip": self.random.choice(["IpAddress", "NotIpAddress"]), "Bool": "Bool", "Binary": "BinaryEquals"}[
                kind
            ]
        if self.random.random() < 0.1:
            return {"Null": {self.key(kind): self.random.choice(["true", "false", True])}}
        name += self.random.choice(["", "", "IfExists"])
        name = self.random.choice(["", "", "ForAllValues:", "ForAnyValue:"]) + name
        return {name: {self.key(kind): self.some(KINDS[kind])}}

    def key(self, kind: str) -> str:
        return self.random.choice(KEYS) if kind == "String" else f"t:{kind}"

    def statement(self, kind: str) -> dict[str, Any]:
        r = self.random
        found: dict[str, Any] = {"Effect": "Deny" if r.random() < 0.25 else "Allow"}
        found[r.choice(["Action", "Action", "Action", "NotAction"])] = self.some(ACTION_PATTERNS)
        found[r.choice(["Resource", "Resource", "Resource", "NotResource"])] = self.some(PATTERNS)
        for _ in range(r.choice([0, 0, 1, 2])):
            found.setdefault("Condition", {}).update(self.condition())
        if kind == "resource":
            found[r.choice(["Principal"] * 4 + ["NotPrincipal"])] = self.principal()
        return found

    def principal(self) -> Any:
        account = self.random.choice(ACCOUNTS)
        names = ["*", account, f"arn:aws:iam::{account}:root", f"arn:aws:iam::{account}:user/ann"]
        names += [f"arn:aws:iam::{account}:role/r", f"arn:aws:sts::{account}:assumed-role/r/s"]
        if self.random.random() < 0.1:
            return "*"
        if self.random.random() < 0.15:
            return {"Service": ["events.amazonaws.com"]}
        return {"AWS": self.some(names, 3)}

    def document(self, kind: str) -> dict[str, Any]:
        version = "2012-10-17" if kind == "identity" or self.random.random() < 0.8 else "2008-10-17"
        return {"Version": version, "Statement": [self.statement(kind) for _ in range(self.random.randint(1, 4))]}

    def caller(self) -> dict[str, Any]:
        r, account = self.random, self.random.choice(ACCOUNTS)
        kind = r.choice(["user", "user", "role", "role", "root", "service", "anonymous"])
        arns = {
            "user": f"arn:aws:iam::{account}:user/ann",
            "role": f"arn:aws:sts::{account}:assumed-role/r/s",
            "root": f"arn:aws:iam::{account}:root",
            "service": "events.amazonaws.com",
            "anonymous": "*",
        }
        found: dict[str, Any] = {"kind": kind, "account": account, "arn": arns[kind], "policies": []}
        if kind in ("service", "anonymous"):
            found["account"] = ""
        if kind == "role":
            found["role"] = f"arn:aws:iam::{account}:role/r"
        if kind in ("user", "role"):
            found["policies"] = [self.document("identity") for _ in range(r.randint(0, 2))]
            found["boundary"] = self.document("identity") if r.random() < 0.3 else None
            found["session"] = self.document("identity") if r.random() < 0.3 else None
        return found

    def asked(self) -> dict[str, Any]:
        r = self.random
        keys: dict[str, Any] = {}
        for key in KEYS:
            if r.random() < 0.6:
                keys[key] = r.choice(TEXTS)
        if r.random() < 0.5:
            keys["aws:TagKeys"] = r.sample(TEXTS, r.randint(0, 3))
        for kind, values in KINDS.items():
            if r.random() < 0.7:
                keys[f"t:{kind}"] = r.choice(values)
        return {
            "action": r.choice(ACTIONS),
            "resource": r.choice(RESOURCES),
            "owner": r.choice(ACCOUNTS),
            "keys": keys,
            "policy": self.document("resource") if r.random() < 0.5 else None,
        }


def compiled(who: dict[str, Any], asked: dict[str, Any]) -> str:
    """What the program decides."""

    def policies(documents: list[dict[str, Any]], kind: Kind = "identity") -> PolicySet:
        return PolicySet(compile_policy(parse(json.dumps(one), kind)) for one in documents)

    principal = Principal(who["kind"], who["account"], who["arn"], role_arn=who.get("role", ""))
    caller = Caller(
        Identity.of(principal),
        policies(who["policies"]),
        None if who.get("boundary") is None else policies([who["boundary"]]),
        None if who.get("session") is None else policies([who["session"]]),
    )
    resource = None if asked["policy"] is None else policies([asked["policy"]], "resource")
    request = Request(asked["action"], asked["resource"], asked["keys"])
    decision = decide(caller, request, asked["action"], resource, asked["owner"])
    if decision.allowed:
        return "allowed"
    return "explicit" if "explicit deny" in decision.message else "implicit"


@pytest.mark.parametrize("seed", range(1000 if os.environ.get("CODEYARD_DEEP") else 50))
def test_the_compiled_evaluator_agrees_with_the_naive_one(seed: int) -> None:
    maker = Maker(seed)
    for _ in range(100):
        who, asked = maker.caller(), maker.asked()
        expected = naive.decide(who, asked)
        assert expected == compiled(who, asked), json.dumps({"who": who, "asked": asked}, indent=1)


def test_the_generator_makes_every_outcome_often() -> None:
    maker = Maker(1)
    found = [naive.decide(maker.caller(), maker.asked()) for _ in range(1000)]
    assert min(found.count(outcome) for outcome in ("allowed", "explicit", "implicit")) > 50

"""Approval rules for people: what each asks for, who has fulfilled it, and the JSON of what a form says. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeyard.formats.approval_pools import is_member

VERSION = "2018-11-08"


@dataclass(frozen=True)
class Asked:
    """One statement of a rule: how many of whom, and who of them approved."""

    needed: int
    pool: Sequence[str]
    approved_by: Sequence[str]


@dataclass(frozen=True)
class Shown:
    """A rule of a pull request."""

    name: str
    content: str
    template: str
    satisfied: bool
    asks: Sequence[Asked]


def shown(rules: Sequence[Mapping[str, Any]], satisfied: Sequence[str], approvers: Sequence[str]) -> list[Shown]:
    """The rules, each with who has approved as it asks; whether it is satisfied the service says."""
    return [
        Shown(
            rule["approvalRuleName"],
            rule["approvalRuleContent"],
            (rule.get("originApprovalRuleTemplate") or {}).get("approvalRuleTemplateName", ""),
            rule["approvalRuleName"] in satisfied,
            statements(rule["approvalRuleContent"], approvers),
        )
        for rule in rules
    ]


def statements(content: str, approvers: Sequence[str] = ()) -> list[Asked]:
    """What a rule's content asks for."""
    found = []
    for one in json.loads(content).get("Statements", []):
        pool = one.get("ApprovalPoolMembers") or []
        by = [arn for arn in approvers if not pool or any(is_member(member, arn) for member in pool)]
        found.append(Asked(one["NumberOfApprovalsNeeded"], pool, by))
    return found


def destinations(content: str) -> list[str]:
    """The branches that a template's rule is for; none is all."""
    return [one.removeprefix("refs/heads/") for one in json.loads(content).get("DestinationReferences") or []]


def content_of(form: Mapping[str, str]) -> str:
    """The JSON that a form asks for: `json` as it was written, or made from `needed`, `pool` and `branches`."""
    if form.get("json", "").strip():
        return form["json"].strip()
    statement: dict[str, Any] = {"Type": "Approvers", "NumberOfApprovalsNeeded": _number(form.get("needed", "1"))}
    if pool := lines(form.get("pool", "")):
        statement["ApprovalPoolMembers"] = pool
    rule: dict[str, Any] = {"Version": VERSION}
    if branches := lines(form.get("branches", "")):
        rule["DestinationReferences"] = [f"refs/heads/{one.removeprefix('refs/heads/')}" for one in branches]
    return json.dumps({**rule, "Statements": [statement]}, indent=2)


def lines(text: str) -> list[str]:
    """The lines that say something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(text: str) -> int | str:
    return int(text) if text.strip().isdecimal() and len(text) < 9 else text

"""The approval rule language as pure functions: what may be written, whom a rule counts, where a template applies.

{"Version": "2018-11-08", "DestinationReferences": ["refs/heads/main"], "Statements": [{"Type": "Approvers",
 "NumberOfApprovalsNeeded": 2, "ApprovalPoolMembers": ["CodeCommitApprovers:123456789012:Nikhil", "arn:…"]}]}
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from codeyard.contract import AwsError
from codeyard.formats.approval_pools import is_member, matches

VERSION = "2018-11-08"
MAX_DESTINATIONS, MAX_POOL, MAX_APPROVALS = 100, 50, 200
MAX_RULES, MAX_TEMPLATES_OF_REPOSITORY, MAX_TEMPLATES = 30, 25, 1000

_SHORT_FORM = re.compile(r"CodeCommitApprovers:\d{12}:[\w+=,.@*/-]{1,512}\Z", re.ASCII)
_ARN_FORM = re.compile(r"arn:aws[a-z-]*:(iam|sts)::[\d*]{1,12}:[\w+=,.@*/-]{1,512}\Z", re.ASCII)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class Statement:
    """So many approvals are needed from the pool; an empty pool is everybody."""

    needed: int
    pool: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule's content. Without destinations it is for every branch."""

    statements: tuple[Statement, ...]
    destinations: tuple[str, ...] = ()


def sha256(content: str) -> str:
    """What the API calls ruleContentSha256: of the content as it was sent."""
    return hashlib.sha256(content.encode()).hexdigest()


def check_rule_name(name: str, code: str = "InvalidApprovalRuleNameException") -> None:
    """Raise `code` unless a rule or a template may be called so: 1-100 characters, no `.git` at the end."""
    if not _NAME.match(name) or not name.strip() or name.endswith(".git"):
        raise AwsError(code, f"The name is not valid: {name[:100]}")


def parse_rule(content: str, *, template: bool = False) -> Rule:
    """The rule that the text states; raises the exception for invalid content of a rule, or of a template."""
    try:
        return _rule(orjson.loads(content), template)
    except ValueError as error:
        code = "InvalidApprovalRuleTemplateContentException" if template else "InvalidApprovalRuleContentException"
        raise AwsError(code, f"The approval rule content is not valid: {error}") from error


def _rule(said: Any, template: bool) -> Rule:
    document = _members(said, {"Version", "Statements"}, {"DestinationReferences"} if template else set())
    if document["Version"] != VERSION:
        raise ValueError(f"Version must be {VERSION}")
    statements = _list(document["Statements"], "Statements", 1, MAX_RULES)
    destinations = document.get("DestinationReferences")
    listed = () if destinations is None else _list(destinations, "DestinationReferences", 1, MAX_DESTINATIONS)
    return Rule(tuple(_statement(one) for one in statements), tuple(_destination(one) for one in listed))


def _statement(said: Any) -> Statement:
    found = _members(said, {"Type", "NumberOfApprovalsNeeded"}, {"ApprovalPoolMembers"})
    if found["Type"] != "Approvers":
        raise ValueError("Type must be Approvers")
    needed = found["NumberOfApprovalsNeeded"]
    if type(needed) is not int or not 1 <= needed <= MAX_APPROVALS:
        raise ValueError(f"NumberOfApprovalsNeeded must be a number from 1 to {MAX_APPROVALS}")
    if "ApprovalPoolMembers" not in found:
        return Statement(needed)
    pool = _list(found["ApprovalPoolMembers"], "ApprovalPoolMembers", 1, MAX_POOL)
    return Statement(needed, tuple(_member(one) for one in pool))


def _members(said: Any, needed: set[str], more: set[str]) -> Mapping[str, Any]:
    if not isinstance(said, dict):
        raise ValueError("an object is expected")
    if needed - set(said):
        raise ValueError(f"{', '.join(sorted(needed - set(said)))} missing")
    if set(said) - needed - more:
        raise ValueError(f"unknown: {', '.join(sorted(set(said) - needed - more))[:200]}")
    return said


def _list(said: Any, name: str, least: int, most: int) -> Sequence[Any]:
    if not isinstance(said, list) or not least <= len(said) <= most:
        raise ValueError(f"{name} must be a list of {least} to {most}")
    return said


def _destination(said: Any) -> str:
    branch = said.removeprefix("refs/heads/") if isinstance(said, str) and said.startswith("refs/heads/") else ""
    if not branch or len(branch) > 256 or branch.startswith("*"):
        raise ValueError("a destination is refs/heads/ and a branch name that does not begin with *")
    return f"refs/heads/{branch}"


def _member(said: Any) -> str:
    if not isinstance(said, str) or not (_SHORT_FORM.match(said) or _ARN_FORM.match(said)):
        raise ValueError("a pool member is CodeCommitApprovers:ACCOUNT:NAME or the ARN of an identity")
    return said


def applies_to(rule: Rule, reference: str) -> bool:
    """Whether a template's rule is for pull requests into the reference."""
    return not rule.destinations or any(matches(one, reference) for one in rule.destinations)


def satisfied(
    rule: Rule, approvers: Collection[str], account: str, groups: Mapping[str, Collection[str]] | None = None
) -> bool:
    """Whether the approvals (ARNs) fulfil every statement. `groups` are the ARNs of users by the ARN of their group."""
    return all(_counted(one, approvers, account, groups or {}) >= one.needed for one in rule.statements)


def _counted(one: Statement, approvers: Collection[str], account: str, groups: Mapping[str, Collection[str]]) -> int:
    own = {arn for arn in approvers if arn.split(":")[4:5] == [account]}
    if not one.pool:
        return len(own)
    return sum(any(is_member(member, arn, groups) for member in one.pool) for arn in own)

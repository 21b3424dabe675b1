"""Who is meant by a member of an approval rule's pool. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

SHORT = "CodeCommitApprovers:"


def is_member(member: str, arn: str, groups: Mapping[str, Collection[str]] | None = None) -> bool:
    """Whether a pool's member stands for the identity.

    The short form is a user, a federated user, or a role's session written as `Role/session`.
    """
    if not member.startswith(SHORT):
        return matches(member, arn) or arn in (groups or {}).get(member, ())
    account, _, name = member.removeprefix(SHORT).partition(":")
    forms = (f"iam::{account}:user/", f"sts::{account}:federated-user/", f"sts::{account}:assumed-role/")
    return any(matches(f"arn:aws:{form}{name}", arn) for form in forms)


def matches(pattern: str, text: str) -> bool:
    """Whether the text has the pattern's form, in which `*` is any characters; linear in both."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first) or len(text) < len(first) + len(rest[-1]) or not text.endswith(rest[-1]):
        return False
    at, end = len(first), len(text) - len(rest[-1])
    for part in rest[:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True

"""An account's password policy: what a password must be, and when it is too old. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from codeyard.contract import AwsError

_DAY = 86_400 * 1_000_000
SETTING = "password-policy"


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The members of AWS's PasswordPolicy by their own names; 0 is a number that is not set."""

    MinimumPasswordLength: int = 6
    RequireSymbols: bool = False
    RequireNumbers: bool = False
    RequireUppercaseCharacters: bool = False
    RequireLowercaseCharacters: bool = False
    AllowUsersToChangePassword: bool = False
    MaxPasswordAge: int = 0
    PasswordReusePrevention: int = 0
    HardExpiry: bool = False

    @classmethod
    def of(cls, values: Any) -> PasswordPolicy:
        """The policy of a request's or a setting's members; what is left out has AWS's default."""
        return cls(**{one.name: values[one.name] for one in fields(cls) if values.get(one.name) is not None})

    def members(self) -> dict[str, Any]:
        """The policy as a setting."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def answer(self) -> dict[str, Any]:
        """The policy as answers carry it: numbers that are not set are left out."""
        found = {name: value for name, value in self.members().items() if value is False or value}
        return {**found, "ExpirePasswords": bool(self.MaxPasswordAge)}

    def is_expired(self, set_at: int, now: int) -> bool:
        """Whether a password is older than it may be."""
        return bool(self.MaxPasswordAge) and now - set_at > self.MaxPasswordAge * _DAY


_KINDS: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("RequireUppercaseCharacters", "one uppercase letter", lambda char: "A" <= char <= "Z"),
    ("RequireLowercaseCharacters", "one lowercase letter", lambda char: "a" <= char <= "z"),
    ("RequireNumbers", "one number", str.isdigit),
    ("RequireSymbols", "one symbol", lambda char: char in "!@#$%^&*()_+-=[]{}|'"),
)


def refuse_weak(password: str, policy: PasswordPolicy | None, user_name: str) -> None:
    """Refuse a password that breaks the account's policy, or AWS's default one where the account has none."""
    if policy is None:
        _refuse_by_default(password, user_name)
        return
    if len(password) < policy.MinimumPasswordLength:
        raise violation(f"Password should have a minimum length of {policy.MinimumPasswordLength}")
    for name, what, kind in _KINDS:
        if getattr(policy, name) and not any(map(kind, password)):
            raise violation(f"Password should have at least {what}")


def _refuse_by_default(password: str, user_name: str) -> None:
    """Eight characters, three of four kinds, and not the user's name."""
    kinds = sum(any(map(kind, password)) for _, _, kind in _KINDS[:3])
    kinds += any(not char.isalnum() for char in password)
    if len(password) < 8 or kinds < 3:
        raise violation("Password should have a minimum length of 8 and three of four kinds of characters.")
    if password.lower() == user_name.lower():
        raise violation("Password should not be the same as the user's name")


def violation(message: str) -> AwsError:
    """The password breaks the policy."""
    return AwsError("PasswordPolicyViolationException", message)

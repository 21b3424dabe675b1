"""The account's password policy: kept, enforced, and passwords that grow too old."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError, Principal
from tests.unit.platform.iam.bench import ACCOUNT, Bench

DAY = 86_400
GOOD, OTHER = "Correct-Horse-1", "Battery-Staple-2"


def refused(bench: Bench, operation: str, params: dict[str, Any] | None = None, **more: Any) -> AwsError:
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, **more)
    return problem.value


def with_password(bench: Bench, password: str = GOOD) -> Principal:
    user = bench.user("ann")
    bench.call("CreateLoginProfile", {"UserName": "ann", "Password": password})
    return user


def change(old: str, new: str) -> dict[str, str]:
    return {"OldPassword": old, "NewPassword": new}


def test_a_policy_is_put_whole_and_deleted(bench: Bench) -> None:
    problem = refused(bench, "GetAccountPasswordPolicy")
    assert problem.code == "NoSuchEntityException"
    assert problem.message == f"The Password Policy with domain name {ACCOUNT} cannot be found."
    bench.call("UpdateAccountPasswordPolicy", {"MinimumPasswordLength": 12, "RequireSymbols": True})
    bench.call("UpdateAccountPasswordPolicy", {"MaxPasswordAge": 90, "HardExpiry": True})
    assert bench.call("GetAccountPasswordPolicy")["PasswordPolicy"] == {
        "MinimumPasswordLength": 6,
        "RequireSymbols": False,
        "RequireNumbers": False,
        "RequireUppercaseCharacters": False,
        "RequireLowercaseCharacters": False,
        "AllowUsersToChangePassword": False,
        "MaxPasswordAge": 90,
        "HardExpiry": True,
        "ExpirePasswords": True,
    }
    bench.call("DeleteAccountPasswordPolicy")
    assert refused(bench, "DeleteAccountPasswordPolicy").code == "NoSuchEntityException"


@pytest.mark.parametrize(
    ("policy", "password", "said"),
    [
        ({"MinimumPasswordLength": 12}, "short", "a minimum length of 12"),
        ({"RequireUppercaseCharacters": True}, "lower-1", "one uppercase letter"),
        ({"RequireLowercaseCharacters": True}, "UPPER-1", "one lowercase letter"),
        ({"RequireNumbers": True}, "Letters-", "one number"),
        ({"RequireSymbols": True}, "Letters1", "one symbol"),
    ],
)
def test_a_weak_password_is_refused_wherever_one_is_set(
    bench: Bench, policy: dict[str, Any], password: str, said: str
) -> None:
    user = with_password(bench)
    bench.call("UpdateAccountPasswordPolicy", {"AllowUsersToChangePassword": True, **policy})
    bench.call("CreateUser", {"UserName": "bob"})
    for operation, params, by in (
        ("CreateLoginProfile", {"UserName": "bob", "Password": password}, None),
        ("UpdateLoginProfile", {"UserName": "ann", "Password": password}, None),
        ("ChangePassword", change(GOOD, password), user),
    ):
        problem = refused(bench, operation, params, by=by)
        assert problem.code == "PasswordPolicyViolationException"
        assert said in problem.message


def test_without_a_policy_awss_default_holds(bench: Bench) -> None:
    bench.call("CreateUser", {"UserName": "Ann-12345"})
    for weak in ("short-1", "onlylowercase", "Ann-12345"):
        problem = refused(bench, "CreateLoginProfile", {"UserName": "Ann-12345", "Password": weak})
        assert problem.code == "PasswordPolicyViolationException"


def test_the_policy_lets_every_user_change_their_own_password(bench: Bench) -> None:
    user = with_password(bench)
    assert refused(bench, "ChangePassword", change(GOOD, OTHER), by=user).code == "AccessDenied"
    bench.call("UpdateAccountPasswordPolicy", {"AllowUsersToChangePassword": True})
    bench.call("ChangePassword", change(GOOD, OTHER), by=user)
    assert bench.door.console_login(ACCOUNT, "ann", OTHER) is not None
    assert refused(bench, "DeleteLoginProfile", {"UserName": "ann"}, by=user).code == "AccessDenied"
    bench.call("DeleteAccountPasswordPolicy")
    assert refused(bench, "ChangePassword", change(OTHER, GOOD), by=user).code == "AccessDenied"


def test_passwords_come_back_only_after_as_many_others(bench: Bench) -> None:
    user = with_password(bench)
    bench.call("UpdateAccountPasswordPolicy", {"AllowUsersToChangePassword": True, "PasswordReusePrevention": 2})
    for old, new in ((GOOD, OTHER), (OTHER, "Third-Password-3")):
        bench.clock.advance(1)
        assert "last 2" in refused(bench, "ChangePassword", change(old, old), by=user).message
        bench.call("ChangePassword", change(old, new), by=user)
    assert refused(bench, "ChangePassword", change("Third-Password-3", OTHER), by=user).code.startswith(
        "PasswordPolicy"
    )
    bench.call("ChangePassword", change("Third-Password-3", GOOD), by=user)


def test_an_old_password_only_serves_to_be_changed_and_under_hard_expiry_not_even_that(bench: Bench) -> None:
    with_password(bench)
    policy = {"MaxPasswordAge": 90, "AllowUsersToChangePassword": True}
    bench.call("UpdateAccountPasswordPolicy", policy)
    bench.call("AttachUserPolicy", {"UserName": "ann", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"})
    bench.clock.advance(90 * DAY)
    fresh = bench.door.console_login(ACCOUNT, "ann", GOOD)
    assert fresh is not None
    assert bench.may(fresh, "s3:ListAllMyBuckets").allowed
    bench.clock.advance(1)
    old = bench.door.console_login(ACCOUNT, "ann", GOOD)
    assert old is not None
    assert not bench.may(old, "s3:ListAllMyBuckets").allowed
    assert bench.may(old, "iam:ChangePassword", old.arn).allowed
    bench.call("UpdateAccountPasswordPolicy", {**policy, "HardExpiry": True})
    assert bench.door.console_login(ACCOUNT, "ann", GOOD) is None
    bench.call("UpdateLoginProfile", {"UserName": "ann", "Password": OTHER})
    assert bench.door.console_login(ACCOUNT, "ann", OTHER) is not None

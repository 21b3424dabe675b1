"""The door: keys to principals, principals to decisions, and that every change counts on the next call."""

from __future__ import annotations

import pytest

from codeyard.contract import ANONYMOUS, AwsError, Check, Principal, service_principal
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow, deny, policy

REPO = f"arn:aws:codecommit:us-east-1:{ACCOUNT}:demo"
PIPELINE = "codepipeline.amazonaws.com"


def test_the_bootstrap_administrator_may_do_everything_and_is_made_once(bench: Bench) -> None:
    assert bench.admin.arn == f"arn:aws:iam::{ACCOUNT}:user/admin"
    assert bench.may(bench.admin, "codecommit:DeleteRepository", REPO).allowed
    assert bench.accounts.open(ACCOUNT, "") is None


def test_an_administrator_who_was_deleted_stays_deleted(bench: Bench) -> None:
    root = Principal("root", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", principal_id=ACCOUNT)
    held = {"UserName": "admin", "AccessKeyId": bench.admin.access_key_id}
    bench.call("DeleteAccessKey", held, by=root)
    everything = {"UserName": "admin", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    bench.call("DetachUserPolicy", everything, by=root)
    bench.call("DeleteUser", {"UserName": "admin"}, by=root)
    assert bench.accounts.open(ACCOUNT, "") is None
    assert bench.accounts.renew(ACCOUNT) is None
    assert bench.door.user_named(ACCOUNT, "admin") is None


def test_a_lost_administrator_key_is_replaced_and_the_old_one_counts_no_more(bench: Bench) -> None:
    old = bench.admin.access_key_id
    made = bench.accounts.renew(ACCOUNT)
    assert made is not None
    key_id, secret = made
    assert bench.door.credential(key_id, "").secret == secret
    assert bench.door.credential(key_id, "").principal.arn == bench.admin.arn
    with pytest.raises(AwsError, match="InvalidClientTokenId"):
        bench.door.credential(old, "")


def test_renewing_the_administrator_leaves_its_later_keys_alone(bench: Bench) -> None:
    bench.clock.advance(1)
    later = bench.principal("admin")
    bench.accounts.renew(ACCOUNT)
    assert bench.door.credential(later.access_key_id, "").principal == later


@pytest.mark.parametrize("change", [{"NewUserName": "boss"}, {"NewPath": "/prod/"}])
def test_a_user_is_renamed_or_moved_only_to_where_the_caller_may_as_well(bench: Bench, change: dict[str, str]) -> None:
    here = f"arn:aws:iam::{ACCOUNT}:user/dev/*"
    mover = bench.user("mover", allow("iam:UpdateUser", on=here))
    bench.call("CreateUser", {"UserName": "ann", "Path": "/dev/"})
    if "NewPath" in change:
        with pytest.raises(AwsError, match="AccessDenied"):
            bench.call("UpdateUser", {"UserName": "ann", **change}, by=mover)
    else:
        bench.call("UpdateUser", {"UserName": "ann", **change}, by=mover)
        assert bench.call("GetUser", {"UserName": "boss"})["User"]["Path"] == "/dev/"


def test_an_unknown_key_is_an_invalid_client_token(bench: Bench) -> None:
    with pytest.raises(AwsError) as refused:
        bench.door.credential("AKIAAAAAAAAAAAAAAAAA", "")
    assert (refused.value.code, refused.value.status) == ("InvalidClientTokenId", 403)
    assert refused.value.message == "The security token included in the request is invalid."


def test_a_revoked_key_counts_on_the_next_call(bench: Bench) -> None:
    user = bench.user("ann")
    key = {"UserName": "ann", "AccessKeyId": user.access_key_id}
    bench.call("UpdateAccessKey", {**key, "Status": "Inactive"})
    with pytest.raises(AwsError, match="InvalidClientTokenId"):
        bench.door.credential(user.access_key_id, "")
    bench.call("UpdateAccessKey", {**key, "Status": "Active"})
    assert bench.door.credential(user.access_key_id, "").principal == user
    bench.call("DeleteAccessKey", key)
    with pytest.raises(AwsError, match="InvalidClientTokenId"):
        bench.door.credential(user.access_key_id, "")


def test_a_changed_policy_counts_on_the_next_call(bench: Bench) -> None:
    user = bench.user("ann")
    assert not bench.may(user, "codecommit:GitPull", REPO).allowed
    put = {"UserName": "ann", "PolicyName": "p", "PolicyDocument": policy(allow("codecommit:GitPull", on=REPO))}
    bench.call("PutUserPolicy", put)
    assert bench.may(user, "codecommit:GitPull", REPO).allowed
    bench.call("DeleteUserPolicy", {"UserName": "ann", "PolicyName": "p"})
    assert not bench.may(user, "codecommit:GitPull", REPO).allowed


def test_a_groups_managed_policy_counts_for_its_members_as_long_as_they_are_in(bench: Bench) -> None:
    user = bench.user("ann")
    bench.call("CreateGroup", {"GroupName": "dev"})
    document = policy(allow("codecommit:*"))
    arn = bench.call("CreatePolicy", {"PolicyName": "commit", "PolicyDocument": document})["Policy"]["Arn"]
    bench.call("AttachGroupPolicy", {"GroupName": "dev", "PolicyArn": arn})
    bench.call("AddUserToGroup", {"GroupName": "dev", "UserName": "ann"})
    assert bench.may(user, "codecommit:GitPull", REPO).allowed
    version = {"PolicyArn": arn, "PolicyDocument": policy(allow("s3:*")), "SetAsDefault": True}
    bench.call("CreatePolicyVersion", version)
    assert not bench.may(user, "codecommit:GitPull", REPO).allowed
    bench.call("SetDefaultPolicyVersion", {"PolicyArn": arn, "VersionId": "v1"})
    assert bench.may(user, "codecommit:GitPull", REPO).allowed
    bench.call("RemoveUserFromGroup", {"GroupName": "dev", "UserName": "ann"})
    assert not bench.may(user, "codecommit:GitPull", REPO).allowed


def test_a_deleted_and_recreated_user_does_not_inherit_what_the_old_one_held(bench: Bench) -> None:
    old = bench.user("ann", allow("*"))
    bench.call("DeleteUserPolicy", {"UserName": "ann", "PolicyName": "p"})
    bench.call("DeleteAccessKey", {"UserName": "ann", "AccessKeyId": old.access_key_id})
    bench.call("DeleteUser", {"UserName": "ann"})
    bench.user("ann", allow("*"))
    assert not bench.may(old, "codecommit:GitPull", REPO).allowed


def test_the_refusal_names_principal_action_resource_and_reason(bench: Bench) -> None:
    user = bench.user("ann", deny("codecommit:DeleteBranch"))
    start = f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform: codecommit:"
    assert bench.may(user, "codecommit:GitPull", REPO).message == (
        f"{start}GitPull on resource: {REPO} because no identity-based policy allows the codecommit:GitPull action"
    )
    assert bench.may(user, "codecommit:DeleteBranch", REPO).message == (
        f"{start}DeleteBranch on resource: {REPO} with an explicit deny in an identity-based policy"
    )


def test_the_first_refusal_wins_and_no_checks_at_all_are_a_refusal(bench: Bench) -> None:
    user = bench.user("ann", allow("codecommit:*"))
    checks = [Check("codecommit:GitPull", REPO), Check("iam:PassRole", "x"), Check("s3:GetObject", "y")]
    assert "iam:PassRole" in bench.door.authorize(user, checks, {}).message
    assert not bench.door.authorize(bench.admin, [], {}).allowed


def test_the_principal_brings_its_own_condition_keys(bench: Bench) -> None:
    equals = {
        "aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/team/ann",
        "aws:PrincipalAccount": ACCOUNT,
        "aws:PrincipalType": "User",
        "aws:username": "ann",
        "aws:PrincipalTag/Cost": "7",
        "aws:ResourceAccount": ACCOUNT,
    }
    tags = [{"Key": "Cost", "Value": "7"}]
    condition = {"StringEquals": equals}
    user = bench.user("ann", allow("s3:*", Condition=condition), Path="/team/", Tags=tags)
    assert bench.may(user, "s3:GetObject", "arn:aws:s3:::b/k").allowed
    bench.call("UntagUser", {"UserName": "ann", "TagKeys": ["cost"]})
    assert not bench.may(user, "s3:GetObject", "arn:aws:s3:::b/k").allowed


def test_multi_factor_keys_are_absent_with_long_term_keys(bench: Bench) -> None:
    condition = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    user = bench.user("ann", allow("s3:*"), deny("s3:DeleteBucket", Condition={"Bool": condition["BoolIfExists"]}))
    assert bench.may(user, "s3:DeleteBucket", "arn:aws:s3:::b").allowed
    token = bench.call("GetSessionToken", by=user, service="sts")["Credentials"]
    assert not bench.may(bench.session(token), "s3:DeleteBucket", "arn:aws:s3:::b").allowed


def test_root_may_do_everything_in_its_account_and_nothing_in_another(bench: Bench) -> None:
    root = Principal("root", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    assert bench.may(root, "s3:DeleteBucket", "arn:aws:s3:::b", owner=ACCOUNT).allowed
    assert not bench.may(root, "s3:DeleteBucket", "arn:aws:s3:::b", owner="444455556666").allowed


def test_services_and_strangers_are_let_in_by_resource_policies_alone(bench: Bench) -> None:
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:t"
    named = {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic}
    for_service = policy({**named, "Principal": {"Service": "events.amazonaws.com"}})
    for_all = policy({**named, "Principal": "*"})
    events, other = service_principal("events.amazonaws.com"), service_principal("s3.amazonaws.com")
    table = [(events, for_service, True), (other, for_service, False), (ANONYMOUS, for_service, False)]
    table += [(other, for_all, True), (ANONYMOUS, for_all, True), (events, None, False), (ANONYMOUS, None, False)]

    found = [bench.may(who, "sns:Publish", topic, policy=text).allowed for who, text, _ in table]

    assert found == [allowed for _, _, allowed in table]


def test_a_resource_policy_that_cannot_be_read_refuses_everyone(bench: Bench) -> None:
    assert not bench.may(bench.admin, "sns:Publish", "arn:aws:sns:us-east-1::t", policy="{").allowed


def test_a_service_assumes_a_role_that_trusts_it_for_that_source(bench: Bench) -> None:
    source = f"arn:aws:codepipeline:us-east-1:{ACCOUNT}:pipe"
    condition = {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
    arn = bench.role("r", {"Principal": {"Service": PIPELINE}, "Condition": condition}, allow("s3:GetObject"))
    facts = {"service": PIPELINE, "session_name": "exec/1 x", "region": "us-east-1"}

    session = bench.door.assume_for_service(arn, source_arn=source, **facts)

    assert session.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/exec-1-x"
    assert (session.invoked_by, session.role_arn) == (PIPELINE, arn)
    assert bench.may(session, "s3:GetObject", "arn:aws:s3:::b/k").allowed
    assert bench.door.assume_for_service(arn, source_arn=source, **facts) is session
    for wrong in (
        {"source_arn": source + "x"},
        {"source_arn": ""},
        {"source_arn": source, "service": "x.amazonaws.com"},
    ):
        with pytest.raises(AwsError, match="AccessDenied"):
            bench.door.assume_for_service(arn, **{**facts, **wrong})
    with pytest.raises(AwsError, match="AccessDenied"):
        bench.door.assume_for_service(arn + "-not-there", source_arn=source, **facts)


def test_a_services_session_is_made_anew_near_its_end_and_when_the_role_changes(bench: Bench) -> None:
    arn = bench.role("r", {"Principal": {"Service": PIPELINE}})

    def assume() -> Principal:
        return bench.door.assume_for_service(arn, service=PIPELINE, session_name="s", source_arn="", region="x")

    first = assume()
    bench.clock.advance(3600 - 299)
    second = assume()
    assert (second.expires_at or 0) > (first.expires_at or 0)
    trust = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "x.amazonaws.com"}})
    bench.call("UpdateAssumeRolePolicy", {"RoleName": "r", "PolicyDocument": trust})
    with pytest.raises(AwsError, match="AccessDenied"):
        assume()


def test_keys_of_a_services_session_work_until_they_expire_or_the_role_goes(bench: Bench) -> None:
    arn = bench.role("r", {"Principal": {"Service": PIPELINE}}, allow("s3:GetObject"))
    facts = {"service": PIPELINE, "session_name": "s", "source_arn": "", "region": "us-east-1"}
    held = bench.door.session_credentials(bench.door.assume_for_service(arn, **facts), 900)
    assert bench.may(bench.session(held), "s3:GetObject", "arn:aws:s3:::b/k").allowed
    bench.clock.advance(901)
    with pytest.raises(AwsError) as refused:
        bench.session(held)
    assert (refused.value.code, refused.value.status) == ("ExpiredToken", 403)
    fresh = bench.door.session_credentials(bench.door.assume_for_service(arn, **facts), 900)
    bench.call("DeleteRolePolicy", {"RoleName": "r", "PolicyName": "p"})
    assert not bench.may(bench.session(fresh), "s3:GetObject", "arn:aws:s3:::b/k").allowed
    bench.call("DeleteRole", {"RoleName": "r"})
    with pytest.raises(AwsError, match="InvalidClientTokenId"):
        bench.session(fresh)


def test_a_session_that_is_ended_counts_no_more_and_others_of_its_role_do(bench: Bench) -> None:
    role = bench.role("build", {"Principal": {"Service": PIPELINE}})

    def begin(name: str) -> tuple[str, str]:
        session = bench.door.assume_for_service(
            role, service=PIPELINE, session_name=name, source_arn="", region="us-east-1"
        )
        keys = bench.door.session_credentials(session, 900)
        return keys["AccessKeyId"], keys["SessionToken"]

    doomed, other = begin("one"), begin("two")
    assert bench.door.credential(*doomed).principal.session_name == "one"
    bench.clock.advance(1)
    bench.door.end_sessions(role, "one")
    with pytest.raises(AwsError, match="InvalidClientTokenId"):
        bench.door.credential(*doomed)
    assert bench.door.credential(*other).principal.session_name == "two"
    bench.clock.advance(1)
    assert bench.door.credential(*begin("one")).principal.session_name == "one"
    bench.door.end_sessions("arn:aws:iam::111122223333:role/nobody", "one")


def test_a_session_token_counts_only_whole_and_with_its_own_key(bench: Bench) -> None:
    first = bench.call("GetSessionToken", service="sts")["Credentials"]
    second = bench.call("GetSessionToken", service="sts")["Credentials"]
    token = first["SessionToken"]
    for key, wrong in (
        (first["AccessKeyId"], second["SessionToken"]),
        (first["AccessKeyId"], token[:-8] + "AAAAAAA="),
        (first["AccessKeyId"], "x"),
        (first["AccessKeyId"], ""),
        (bench.admin.access_key_id, token),
    ):
        with pytest.raises(AwsError, match="InvalidClientTokenId"):
            bench.door.credential(key, wrong)


def test_git_credentials_are_verified_kept_and_dropped_at_once_when_they_change(bench: Bench) -> None:
    bench.user("ann")
    asked = {"UserName": "ann", "ServiceName": "codecommit.amazonaws.com"}
    made = bench.call("CreateServiceSpecificCredential", asked)["ServiceSpecificCredential"]
    name, password = made["ServiceUserName"], made["ServicePassword"]
    assert name == f"ann-at-{ACCOUNT}"
    first = bench.door.git_credential(name, password)
    assert first is not None
    assert first.arn.endswith("user/ann")
    assert bench.door.git_credential(name, password) is first
    assert bench.door.git_credential(name, password + "x") is None
    assert bench.door.git_credential("nobody", password) is None
    held = {"UserName": "ann", "ServiceSpecificCredentialId": made["ServiceSpecificCredentialId"]}
    bench.call("UpdateServiceSpecificCredential", {**held, "Status": "Inactive"})
    assert bench.door.git_credential(name, password) is None
    bench.call("UpdateServiceSpecificCredential", {**held, "Status": "Active"})
    again = bench.call("ResetServiceSpecificCredential", held)["ServiceSpecificCredential"]
    assert bench.door.git_credential(name, password) is None
    assert bench.door.git_credential(name, again["ServicePassword"]) is not None


def test_a_console_password_signs_in_by_account_number_or_alias(bench: Bench) -> None:
    user = bench.user("ann")
    bench.call("CreateLoginProfile", {"UserName": "ann", "Password": "Correct-horse-9"})
    bench.call("CreateAccountAlias", {"AccountAlias": "acme"})
    for account in (ACCOUNT, "acme"):
        found = bench.door.console_login(account, "ann", "Correct-horse-9")
        assert found is not None
        assert found.arn == user.arn
    assert bench.door.console_login(ACCOUNT, "ann", "wrong") is None
    assert bench.door.console_login("999999999999", "ann", "Correct-horse-9") is None
    assert bench.door.console_login(ACCOUNT, "admin", "") is None
    assert "PasswordLastUsed" in bench.call("GetUser", {"UserName": "ann"})["User"]


def test_who_must_change_the_password_may_do_only_that(bench: Bench) -> None:
    bench.user("ann", allow("*"))
    profile = {"UserName": "ann", "Password": "Correct-horse-9", "PasswordResetRequired": True}
    bench.call("CreateLoginProfile", profile)
    bound = bench.door.console_login(ACCOUNT, "ann", "Correct-horse-9")
    assert bound is not None
    assert not bench.may(bound, "s3:GetObject", "arn:aws:s3:::b/k").allowed
    change = {"OldPassword": "Correct-horse-9", "NewPassword": "Battery-staple-8"}
    bench.call("ChangePassword", change, by=bound)
    free = bench.door.console_login(ACCOUNT, "ann", "Battery-staple-8")
    assert free is not None
    assert bench.may(free, "s3:GetObject", "arn:aws:s3:::b/k").allowed


def test_the_last_use_of_keys_and_roles_is_told(bench: Bench) -> None:
    user = bench.user("ann")
    bench.may(user, "codecommit:GitPull", REPO)
    used = bench.call("GetAccessKeyLastUsed", {"AccessKeyId": user.access_key_id})
    assert used["UserName"] == "ann"
    assert used["AccessKeyLastUsed"]["ServiceName"] == "codecommit"
    assert used["AccessKeyLastUsed"]["Region"] == "us-east-1"

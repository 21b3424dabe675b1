"""STS: who am I, roles assumed under their trust policies, and what their sessions may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from codeyard.contract import AwsError, Check, Principal
from tests.unit.platform.iam.bench import ACCOUNT, OTHER, Bench, allow, deny, policy

OBJECT = "arn:aws:s3:::b/k"


def refused(bench: Bench, operation: str, params: dict[str, Any], **more: Any) -> AwsError:
    """The error that a call of STS ends in."""
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, service="sts", **more)
    return problem.value


def asked(role_arn: str, **more: Any) -> dict[str, Any]:
    return {"RoleArn": role_arn, "RoleSessionName": "session", **more}


def trusting(principal: Principal, **more: Any) -> dict[str, Any]:
    return {"Principal": {"AWS": principal.arn}, **more}


def test_anyone_may_ask_who_they_are_even_when_denied(bench: Bench) -> None:
    user = bench.user("ann", deny("sts:*"))
    found = bench.call("GetCallerIdentity", by=user, service="sts")
    assert found == {"UserId": user.principal_id, "Account": ACCOUNT, "Arn": user.arn}


def test_a_key_tells_its_account(bench: Bench) -> None:
    other = bench.other_account()
    for who in (bench.admin, other):
        asked_for = {"AccessKeyId": who.access_key_id}
        assert bench.call("GetAccessKeyInfo", asked_for, service="sts") == {"Account": who.account}


def test_a_role_session_has_the_roles_permissions_and_not_the_callers(bench: Bench) -> None:
    user = bench.user("ann", allow("sns:*"))
    role = bench.role("r", trusting(user), allow("s3:GetObject"))
    answer = bench.call("AssumeRole", asked(role), by=user, service="sts")
    session = bench.session(answer["Credentials"])
    assert session.arn == answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/session"
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == session.principal_id
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    assert bench.may(session, "s3:GetObject", OBJECT).allowed
    assert not bench.may(session, "sns:Publish", "*").allowed
    assert bench.call("GetCallerIdentity", by=session, service="sts")["Arn"] == session.arn


def test_whom_the_trust_policy_does_not_name_is_refused(bench: Bench) -> None:
    ann, bob = bench.user("ann", allow("sts:AssumeRole")), bench.user("bob", allow("sts:AssumeRole"))
    role = bench.role("r", trusting(ann))
    problem = refused(bench, "AssumeRole", asked(role), by=bob)
    assert problem.code == "AccessDenied"
    assert problem.message == (
        f"User: {bob.arn} is not authorized to perform: sts:AssumeRole on resource: {role} "
        "because no role trust policy allows the sts:AssumeRole action"
    )
    assert refused(bench, "AssumeRole", asked(role + "x"), by=ann).code == "AccessDenied"


def test_another_accounts_role_needs_both_sides_and_its_external_id(bench: Bench) -> None:
    theirs = bench.other_account()
    condition = {"StringEquals": {"sts:ExternalId": "42"}}
    role = bench.role("r", {"Principal": {"AWS": ACCOUNT}, "Condition": condition}, allow("s3:*"), by=theirs)
    ann, bob = bench.user("ann", allow("sts:AssumeRole", on=role)), bench.user("bob")
    assert refused(bench, "AssumeRole", asked(role), by=ann).code == "AccessDenied"
    assert refused(bench, "AssumeRole", asked(role, ExternalId="41"), by=ann).code == "AccessDenied"
    assert refused(bench, "AssumeRole", asked(role, ExternalId="42"), by=bob).code == "AccessDenied"
    session = bench.assume(role, by=ann, ExternalId="42")
    assert session.account == OTHER
    assert bench.may(session, "s3:GetObject", OBJECT, owner=OTHER).allowed
    assert not bench.may(session, "s3:GetObject", OBJECT, owner=ACCOUNT).allowed


def test_session_policies_only_narrow_and_managed_ones_are_looked_up_live(bench: Bench) -> None:
    user = bench.user("ann")
    role = bench.role("r", trusting(user), allow("s3:*"))
    inline = bench.assume(role, by=user, Policy=policy(allow("s3:GetObject", "sns:*")))
    assert bench.may(inline, "s3:GetObject", OBJECT).allowed
    assert "no session policy" in bench.may(inline, "s3:PutObject", OBJECT).message
    assert not bench.may(inline, "sns:Publish").allowed
    document = policy(allow("s3:PutObject"))
    arn = bench.call("CreatePolicy", {"PolicyName": "p", "PolicyDocument": document})["Policy"]["Arn"]
    managed = bench.assume(role, by=user, PolicyArns=[{"arn": arn}])
    assert bench.may(managed, "s3:PutObject", OBJECT).allowed
    version = {"PolicyArn": arn, "PolicyDocument": policy(allow("s3:GetObject")), "SetAsDefault": True}
    bench.call("CreatePolicyVersion", version)
    assert not bench.may(managed, "s3:PutObject", OBJECT).allowed
    assert refused(bench, "AssumeRole", asked(role, Policy="{"), by=user).code == "MalformedPolicyDocumentException"
    nowhere = [{"arn": arn + "x"}]
    assert refused(bench, "AssumeRole", asked(role, PolicyArns=nowhere), by=user).code == "ValidationError"
    many = [{"arn": arn}] * 11
    assert refused(bench, "AssumeRole", asked(role, PolicyArns=many), by=user).code == "ValidationError"


@pytest.mark.parametrize(("seconds", "allowed"), [(900, True), (7200, True), (7201, False), (899, False)])
def test_a_session_lasts_as_long_as_the_role_allows(bench: Bench, seconds: int, allowed: bool) -> None:
    user = bench.user("ann")
    role = bench.role("r", trusting(user), MaxSessionDuration=7200)
    if not allowed:
        assert refused(bench, "AssumeRole", asked(role, DurationSeconds=seconds), by=user).code == "ValidationError"
        return
    answer = bench.call("AssumeRole", asked(role, DurationSeconds=seconds), by=user, service="sts")
    expires = answer["Credentials"]["Expiration"].timestamp()
    assert expires == bench.clock.now() // 1_000_000 + seconds
    bench.clock.advance(seconds)
    with pytest.raises(AwsError, match="ExpiredToken"):
        bench.session(answer["Credentials"])


def test_a_chained_role_lasts_an_hour_at_most(bench: Bench) -> None:
    user = bench.user("ann")
    first = bench.role("one", trusting(user), allow("sts:AssumeRole"), MaxSessionDuration=7200)
    second = bench.role("two", {"Principal": {"AWS": first}}, MaxSessionDuration=7200)
    session = bench.assume(first, by=user)
    assert refused(bench, "AssumeRole", asked(second, DurationSeconds=3601), by=session).code == "ValidationError"
    assert bench.assume(second, by=session, DurationSeconds=3600).role_arn == second


def test_session_tags_need_both_sides_and_win_over_the_roles_own(bench: Bench) -> None:
    ann, bob = bench.user("ann", allow("sts:TagSession")), bench.user("bob")
    trust = {"Principal": {"AWS": [ann.arn, bob.arn]}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    condition = {"StringEquals": {"aws:PrincipalTag/team": "b", "aws:PrincipalTag/own": "1"}}
    own = [{"Key": "team", "Value": "a"}, {"Key": "own", "Value": "1"}]
    role = bench.role("r", trust, allow("s3:*", Condition=condition), Tags=own)
    tags = [{"Key": "Team", "Value": "b"}]
    assert refused(bench, "AssumeRole", asked(role, Tags=tags), by=bob).code == "AccessDenied"
    assert bench.may(bench.assume(role, by=ann, Tags=tags), "s3:GetObject", OBJECT).allowed
    assert not bench.may(bench.assume(role, by=bob), "s3:GetObject", OBJECT).allowed
    silent = bench.role("s", trusting(ann))
    assert refused(bench, "AssumeRole", asked(silent, Tags=tags), by=ann).code == "AccessDenied"
    doubled = [*tags, {"Key": "team", "Value": "c"}]
    assert refused(bench, "AssumeRole", asked(role, Tags=doubled), by=ann).code == "InvalidParameterValue"


def test_transitive_tags_pass_on_and_cannot_be_overridden(bench: Bench) -> None:
    user = bench.user("ann", allow("sts:TagSession"))
    both = {"Action": ["sts:AssumeRole", "sts:TagSession"]}
    first = bench.role("one", {**trusting(user), **both}, allow("sts:*"))
    second = bench.role("two", {"Principal": {"AWS": first}, **both}, allow("sts:*"))
    tags = [{"Key": "team", "Value": "a"}, {"Key": "once", "Value": "1"}]
    session = bench.assume(first, by=user, Tags=tags, TransitiveTagKeys=["team"])
    next_one = bench.assume(second, by=session)
    assert next_one.tags == (("team", "a"),)
    again = [{"Key": "TEAM", "Value": "b"}]
    assert refused(bench, "AssumeRole", asked(second, Tags=again), by=session).code == "InvalidParameterValue"
    unknown = asked(second, TransitiveTagKeys=["nope"])
    assert refused(bench, "AssumeRole", unknown, by=session).code == "InvalidParameterValue"


def test_a_source_identity_sticks_over_the_chain(bench: Bench) -> None:
    user = bench.user("ann", allow("sts:SetSourceIdentity"))
    both = {"Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}
    first = bench.role("one", {**trusting(user), **both}, allow("sts:*"))
    condition = {"StringEquals": {"aws:SourceIdentity": "ann"}}
    second = bench.role("two", {"Principal": {"AWS": first}, **both}, allow("s3:*", Condition=condition))
    silent = bench.role("three", {"Principal": {"AWS": first}})
    session = bench.assume(first, by=user, SourceIdentity="ann")
    assert bench.may(bench.assume(second, by=session), "s3:GetObject", OBJECT).allowed
    assert refused(bench, "AssumeRole", asked(second, SourceIdentity="bob"), by=session).code == "AccessDenied"
    assert refused(bench, "AssumeRole", asked(silent), by=session).code == "AccessDenied"


def test_root_assumes_no_role_and_what_is_not_built_says_so(bench: Bench) -> None:
    role = bench.role("r", {"Principal": {"AWS": ACCOUNT}})
    root = Principal("root", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root")
    assert refused(bench, "AssumeRole", asked(role), by=root).code == "AccessDenied"
    context = asked(role, ProvidedContexts=[{"ProviderArn": "arn:aws:iam::aws:contextProvider/x"}])
    assert refused(bench, "AssumeRole", context).code == "NotImplemented"


def test_a_session_token_is_the_users_own_and_ends_with_the_user(bench: Bench) -> None:
    user = bench.user("ann", allow("s3:*"))
    held = bench.call("GetSessionToken", by=user, service="sts")["Credentials"]
    session = bench.session(held)
    assert session.arn == user.arn
    assert session.temporary
    assert bench.may(session, "s3:GetObject", OBJECT).allowed
    assert refused(bench, "GetSessionToken", {}, by=session).code == "AccessDenied"
    bench.call("UpdateUser", {"UserName": "ann", "NewUserName": "anna"})
    assert bench.session(held).arn.endswith("user/anna")
    bench.call("DeleteUserPolicy", {"UserName": "anna", "PolicyName": "p"})
    assert not bench.may(bench.session(held), "s3:GetObject", OBJECT).allowed
    bench.call("DeleteAccessKey", {"UserName": "anna", "AccessKeyId": user.access_key_id})
    bench.call("DeleteUser", {"UserName": "anna"})
    with pytest.raises(AwsError, match="InvalidClientTokenId"):
        bench.session(held)


def test_sessions_issued_before_a_moment_can_be_revoked(bench: Bench) -> None:
    user = bench.user("ann")
    role = bench.role("r", trusting(user), allow("s3:*"))
    old = bench.assume(role, by=user)
    bench.clock.advance(60)
    moment = bench.clock.now() // 1_000_000
    condition = {"DateLessThan": {"aws:TokenIssueTime": str(moment)}}
    put = {"RoleName": "r", "PolicyName": "revoke", "PolicyDocument": policy(deny("*", Condition=condition))}
    bench.call("PutRolePolicy", put)
    assert not bench.may(old, "s3:GetObject", OBJECT).allowed
    assert bench.may(bench.assume(role, by=user), "s3:GetObject", OBJECT).allowed


def test_a_federated_user_may_what_user_and_session_policy_both_allow(bench: Bench) -> None:
    user = bench.user("ann", allow("sts:GetFederationToken"), allow("s3:*"))
    narrow = {"Name": "guest", "Policy": policy(allow("s3:GetObject", "sns:*"))}
    answer = bench.call("GetFederationToken", narrow, by=user, service="sts")
    guest = bench.session(answer["Credentials"])
    assert guest.arn == answer["FederatedUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
    assert bench.may(guest, "s3:GetObject", OBJECT).allowed
    assert not bench.may(guest, "s3:PutObject", OBJECT).allowed
    assert not bench.may(guest, "sns:Publish").allowed
    bare = bench.call("GetFederationToken", {"Name": "guest"}, by=user, service="sts")["Credentials"]
    assert not bench.may(bench.session(bare), "s3:GetObject", OBJECT).allowed


def test_a_federated_session_ends_with_the_very_user_who_vouched_for_it(bench: Bench) -> None:
    user = bench.user("ann", allow("sts:GetFederationToken"), allow("s3:*"))
    asked_for = {"Name": "guest", "Policy": policy(allow("s3:*"))}
    held = bench.call("GetFederationToken", asked_for, by=user, service="sts")["Credentials"]
    guest = bench.session(held)
    assert bench.may(guest, "s3:GetObject", OBJECT).allowed
    bench.call("UpdateUser", {"UserName": "ann", "NewUserName": "anna"})
    assert bench.may(bench.session(held), "s3:GetObject", OBJECT).allowed
    bench.call("DeleteAccessKey", {"UserName": "anna", "AccessKeyId": user.access_key_id})
    bench.call("DeleteUserPolicy", {"UserName": "anna", "PolicyName": "p"})
    bench.call("DeleteUser", {"UserName": "anna"})
    for name in ("ann", "anna"):
        bench.user(name, allow("s3:*"))
    assert not bench.may(guest, "s3:GetObject", OBJECT).allowed
    with pytest.raises(AwsError, match="InvalidClientTokenId"):
        bench.session(held)


def _sessions(bench: Bench) -> dict[str, Principal]:
    """A session of each kind, all of somebody who may do everything."""
    user = bench.user("ann", allow("*"))
    role = bench.role("r", trusting(user), allow("*"))
    own = bench.session(bench.call("GetSessionToken", by=user, service="sts")["Credentials"])
    root = Principal("root", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", principal_id=ACCOUNT)
    everything = {"Name": "guest", "Policy": policy(allow("*"))}
    return {
        "user": own,
        "root": bench.session(bench.call("GetSessionToken", by=root, service="sts")["Credentials"]),
        "federated": bench.session(bench.call("GetFederationToken", everything, by=user, service="sts")["Credentials"]),
        "role": bench.assume(role, by=own),
    }


def test_a_session_of_a_user_or_federated_user_calls_no_operation_of_iam(bench: Bench) -> None:
    sessions = _sessions(bench)
    for kind in ("user", "root", "federated"):
        with pytest.raises(AwsError) as problem:
            bench.call("ListUsers", by=sessions[kind])
        assert (problem.value.code, problem.value.status) == ("InvalidClientTokenId", 403)
        assert bench.may(sessions[kind], "s3:GetObject", OBJECT).allowed
    assert bench.call("ListUsers", by=sessions["role"])["Users"]
    proven = replace(sessions["user"], mfa_at=bench.clock.now())
    assert bench.call("ListUsers", by=proven)["Users"], "but with MFA it does"
    passing = [Check("codebuild:CreateProject", "*"), Check("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/r")]
    assert bench.door.authorize(sessions["user"], passing, {}).allowed, "a role may be passed to other services"


def test_of_sts_a_users_session_has_assume_role_and_who_am_i_and_a_federated_one_the_latter(bench: Bench) -> None:
    sessions = _sessions(bench)
    role = asked(f"arn:aws:iam::{ACCOUNT}:role/r")
    key = {"AccessKeyId": bench.admin.access_key_id}
    assert bench.assume(role["RoleArn"], by=sessions["user"]).kind == "role"
    assert refused(bench, "AssumeRole", role, by=sessions["federated"]).code == "AccessDenied"
    for kind in ("user", "root", "federated"):
        assert bench.call("GetCallerIdentity", by=sessions[kind], service="sts")["Account"] == ACCOUNT
        assert refused(bench, "GetSessionToken", {}, by=sessions[kind]).code == "AccessDenied"
        assert refused(bench, "GetFederationToken", {"Name": "more"}, by=sessions[kind]).code == "AccessDenied"
        assert refused(bench, "GetAccessKeyInfo", key, by=sessions[kind]).code == "AccessDenied"
    assert bench.call("GetAccessKeyInfo", key, by=sessions["role"], service="sts") == {"Account": ACCOUNT}


def test_a_trust_policy_follows_its_principal_and_not_whoever_gets_its_name(bench: Bench) -> None:
    user = bench.user("ann")
    role = bench.role("r", trusting(user))
    bench.call("UpdateUser", {"UserName": "ann", "NewUserName": "anna"})
    renamed = bench.door.credential(user.access_key_id, "").principal
    assert bench.assume(role, by=renamed).role_arn == role
    assert refused(bench, "AssumeRole", asked(role), by=bench.user("ann")).code == "AccessDenied"
    bench.call("DeleteAccessKey", {"UserName": "anna", "AccessKeyId": user.access_key_id})
    bench.call("DeleteUser", {"UserName": "anna"})
    again = bench.user("anna")
    assert refused(bench, "AssumeRole", asked(role), by=again).code == "AccessDenied"
    trust = bench.call("GetRole", {"RoleName": "r"})["Role"]["AssumeRolePolicyDocument"]
    assert user.principal_id in trust

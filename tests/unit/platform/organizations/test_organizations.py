"""An organization: its tree, its accounts, and the policies that bound what its members may do."""

from __future__ import annotations

from typing import Any

import pytest

from codeyard.contract import AwsError, Principal
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow, deny, policy

OBJECT = "arn:aws:s3:::b/k"
SCP = "SERVICE_CONTROL_POLICY"


class Tree:
    """An organization with service control policies enabled and one member account with an administrator's session."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.id = self.call("CreateOrganization")["Organization"]["Id"]
        self.root = self.call("ListRoots")["Roots"][0]["Id"]
        self.call("EnablePolicyType", RootId=self.root, PolicyType=SCP)
        made = self.call("CreateAccount", Email="dev@example.com", AccountName="dev")["CreateAccountStatus"]
        self.request, self.member = made["Id"], made["AccountId"]
        self.session = self.enter()

    def call(self, operation: str, *, by: Principal | None = None, **params: Any) -> dict[str, Any]:
        return self.bench.call(operation, params, by=by, service="organizations")

    def refused(self, operation: str, *, by: Principal | None = None, **params: Any) -> str:
        with pytest.raises(AwsError) as problem:
            self.call(operation, by=by, **params)
        return problem.value.code

    def enter(self) -> Principal:
        """A session of the role that the management account administers the member by."""
        role = f"arn:aws:iam::{self.member}:role/OrganizationAccountAccessRole"
        return self.bench.assume(role, by=self.bench.admin)

    def policy(self, name: str, *statements: dict[str, Any]) -> str:
        made = self.call("CreatePolicy", Name=name, Description="d", Type=SCP, Content=policy(*statements))
        return str(made["Policy"]["PolicySummary"]["Id"])

    def attach(self, policy_id: str, target: str) -> None:
        self.call("AttachPolicy", PolicyId=policy_id, TargetId=target)

    def may(self, action: str) -> str:
        """Empty where the member's administrator may, else why not."""
        return str(self.bench.may(self.session, action, OBJECT, owner=self.member).message)


@pytest.fixture
def tree(bench: Bench) -> Tree:
    return Tree(bench)


def test_an_organization_is_made_told_and_dissolved_once_it_is_empty(bench: Bench, tree: Tree) -> None:
    told = tree.call("DescribeOrganization")["Organization"]
    assert (told["MasterAccountId"], told["FeatureSet"]) == (ACCOUNT, "ALL")
    assert told["Arn"] == f"arn:aws:organizations::{ACCOUNT}:organization/{tree.id}"
    assert tree.refused("CreateOrganization") == "AlreadyInOrganizationException"
    assert tree.refused("DeleteOrganization") == "OrganizationNotEmptyException"
    tree.call("RemoveAccountFromOrganization", AccountId=tree.member)
    tree.call("DeleteOrganization")
    assert tree.refused("DescribeOrganization") == "AWSOrganizationsNotInUseException"


def test_an_account_is_made_with_a_role_for_the_management_account(tree: Tree) -> None:
    assert tree.session.account == tree.member
    status = tree.call("DescribeCreateAccountStatus", CreateAccountRequestId=tree.request)["CreateAccountStatus"]
    assert (status["State"], status["AccountId"]) == ("SUCCEEDED", tree.member)
    assert tree.call("ListCreateAccountStatus", States=["FAILED"])["CreateAccountStatuses"] == []
    listed = tree.call("ListAccounts")["Accounts"]
    assert {one["Id"] for one in listed} == {ACCOUNT, tree.member}
    account = tree.call("DescribeAccount", AccountId=tree.member)["Account"]
    assert (account["Name"], account["Email"], account["JoinedMethod"]) == ("dev", "dev@example.com", "CREATED")
    assert account["Paths"] == [f"{tree.id}/{tree.root}/{tree.member}/"]
    assert tree.refused("DescribeAccount", AccountId="000000000000") == "AccountNotFoundException"


def test_only_the_management_account_manages_and_members_may_look_and_leave(tree: Tree) -> None:
    assert tree.call("DescribeOrganization", by=tree.session)["Organization"]["Id"] == tree.id
    assert tree.refused("ListAccounts", by=tree.session) == "AccessDeniedException"
    assert tree.refused("LeaveOrganization") == "MasterCannotLeaveOrganizationException"
    tree.call("LeaveOrganization", by=tree.session)
    assert tree.refused("DescribeOrganization", by=tree.session) == "AWSOrganizationsNotInUseException"
    stranger = tree.bench.other_account()
    assert tree.refused("ListRoots", by=stranger) == "AWSOrganizationsNotInUseException"


def test_accounts_stand_in_units_and_move(tree: Tree) -> None:
    unit = tree.call("CreateOrganizationalUnit", ParentId=tree.root, Name="dev")["OrganizationalUnit"]
    assert unit["Path"] == f"{tree.id}/{tree.root}/{unit['Id']}/"
    again = {"ParentId": tree.root, "Name": "dev"}
    assert tree.refused("CreateOrganizationalUnit", **again) == "DuplicateOrganizationalUnitException"
    move = {"AccountId": tree.member, "SourceParentId": tree.root, "DestinationParentId": unit["Id"]}
    tree.call("MoveAccount", **move)
    assert tree.refused("MoveAccount", **move) == "AccountNotFoundException"
    parents = tree.call("ListParents", ChildId=tree.member)["Parents"]
    assert parents == [{"Id": unit["Id"], "Type": "ORGANIZATIONAL_UNIT"}]
    children = tree.call("ListChildren", ParentId=unit["Id"], ChildType="ACCOUNT")["Children"]
    assert children == [{"Id": tree.member, "Type": "ACCOUNT"}]
    assert [one["Id"] for one in tree.call("ListAccountsForParent", ParentId=unit["Id"])["Accounts"]] == [tree.member]
    assert tree.refused("DeleteOrganizationalUnit", OrganizationalUnitId=unit["Id"]).endswith("NotEmptyException")
    renamed = tree.call("UpdateOrganizationalUnit", OrganizationalUnitId=unit["Id"], Name="test")
    assert renamed["OrganizationalUnit"]["Name"] == "test"
    below = tree.call("ListOrganizationalUnitsForParent", ParentId=tree.root)["OrganizationalUnits"]
    assert [one["Name"] for one in below] == ["test"]
    tree.call("MoveAccount", AccountId=tree.member, SourceParentId=unit["Id"], DestinationParentId=tree.root)
    tree.call("DeleteOrganizationalUnit", OrganizationalUnitId=unit["Id"])
    gone = tree.refused("DescribeOrganizationalUnit", OrganizationalUnitId=unit["Id"])
    assert gone == "OrganizationalUnitNotFoundException"


def test_units_are_five_deep_at_most(tree: Tree) -> None:
    above = tree.root
    for depth in range(5):
        made = tree.call("CreateOrganizationalUnit", ParentId=above, Name=f"u{depth}")
        above = made["OrganizationalUnit"]["Id"]
    assert tree.refused("CreateOrganizationalUnit", ParentId=above, Name="u5") == "ConstraintViolationException"


def test_policies_are_written_changed_listed_and_deleted(tree: Tree) -> None:
    made = tree.policy("one", deny("s3:*"))
    assert tree.refused("CreatePolicy", Name="one", Description="", Type=SCP, Content="{}").startswith("Malformed")
    same = {"Name": "one", "Description": "", "Type": SCP, "Content": policy(deny("s3:*"))}
    assert tree.refused("CreatePolicy", **same) == "DuplicatePolicyException"
    assert tree.refused("CreatePolicy", **{**same, "Type": "TAG_POLICY"}) == "InvalidInputException"
    long = {**same, "Name": "long", "Content": policy(deny(*(f"s3:{n:06d}" for n in range(500))))}
    assert tree.refused("CreatePolicy", **long) == "ConstraintViolationException"
    tree.call("UpdatePolicy", PolicyId=made, Name="two")
    told = tree.call("DescribePolicy", PolicyId=made)["Policy"]
    assert told["PolicySummary"]["Arn"].endswith(f":policy/{tree.id}/service_control_policy/{made}")
    names = [one["Name"] for one in tree.call("ListPolicies", Filter=SCP)["Policies"]]
    assert names == ["FullAWSAccess", "two"]
    assert tree.refused("DeletePolicy", PolicyId="p-FullAWSAccess") == "InvalidInputException"
    tree.call("DeletePolicy", PolicyId=made)
    assert tree.refused("DescribePolicy", PolicyId=made) == "PolicyNotFoundException"


def test_policies_are_attached_and_every_target_keeps_one(tree: Tree) -> None:
    made = tree.policy("one", deny("s3:*"))
    tree.attach(made, tree.member)
    place = {"PolicyId": made, "TargetId": tree.member}
    assert tree.refused("AttachPolicy", **place) == "DuplicatePolicyAttachmentException"
    assert tree.refused("DeletePolicy", PolicyId=made) == "PolicyInUseException"
    targets = tree.call("ListTargetsForPolicy", PolicyId=made)["Targets"]
    assert [(one["TargetId"], one["Type"], one["Name"]) for one in targets] == [(tree.member, "ACCOUNT", "dev")]
    held = tree.call("ListPoliciesForTarget", TargetId=tree.member, Filter=SCP)["Policies"]
    assert [one["Name"] for one in held] == ["FullAWSAccess", "one"]
    tree.call("DetachPolicy", **place)
    assert tree.refused("DetachPolicy", **place) == "PolicyNotAttachedException"
    last = {"PolicyId": "p-FullAWSAccess", "TargetId": tree.member}
    assert tree.refused("DetachPolicy", **last) == "ConstraintViolationException"
    for number in range(4):
        tree.attach(tree.policy(f"more{number}", deny("sns:*")), tree.member)
    full = {"PolicyId": tree.policy("full", deny("sns:*")), "TargetId": tree.member}
    assert tree.refused("AttachPolicy", **full) == "ConstraintViolationException"
    assert tree.refused("AttachPolicy", PolicyId=made, TargetId="111111111111") == "TargetNotFoundException"


def test_a_member_may_what_every_level_allows(tree: Tree) -> None:
    assert tree.may("s3:GetObject") == ""
    denies = tree.policy("no-delete", deny("s3:DeleteObject"))
    tree.attach(denies, tree.root)
    assert tree.may("s3:DeleteObject").endswith("with an explicit deny in a service control policy")
    assert tree.may("s3:GetObject") == ""
    unit = tree.call("CreateOrganizationalUnit", ParentId=tree.root, Name="u")["OrganizationalUnit"]["Id"]
    tree.call("MoveAccount", AccountId=tree.member, SourceParentId=tree.root, DestinationParentId=unit)
    assert tree.may("s3:GetObject") == ""
    tree.attach(tree.policy("only-sns", allow("sns:*")), unit)
    tree.call("DetachPolicy", PolicyId="p-FullAWSAccess", TargetId=unit)
    because = "because no service control policy allows the s3:GetObject action"
    assert tree.may("s3:GetObject").endswith(because)
    assert tree.may("sns:Publish") == ""


def test_a_policy_counts_at_once_when_it_is_changed_and_not_when_the_type_is_disabled(tree: Tree) -> None:
    made = tree.policy("one", deny("s3:*"))
    tree.attach(made, tree.member)
    assert tree.may("s3:GetObject")
    tree.call("UpdatePolicy", PolicyId=made, Content=policy(deny("sns:*")))
    assert tree.may("s3:GetObject") == ""
    assert tree.may("sns:Publish")
    assert tree.refused("EnablePolicyType", RootId=tree.root, PolicyType=SCP) == "PolicyTypeAlreadyEnabledException"
    tree.call("DisablePolicyType", RootId=tree.root, PolicyType=SCP)
    assert tree.may("sns:Publish") == ""
    assert tree.refused("AttachPolicy", PolicyId=made, TargetId=tree.root) == "PolicyTypeNotEnabledException"
    assert tree.refused("DisablePolicyType", RootId="r-none", PolicyType=SCP) == "RootNotFoundException"


def test_the_management_account_and_services_own_roles_are_not_bounded(bench: Bench, tree: Tree) -> None:
    tree.attach(tree.policy("nothing", deny("s3:*")), tree.root)
    assert bench.may(bench.admin, "s3:GetObject", OBJECT).allowed
    root = Principal("root", tree.member, f"arn:aws:iam::{tree.member}:root")
    assert not bench.may(root, "s3:GetObject", OBJECT, owner=tree.member).allowed
    service = "ssm.amazonaws.com"
    bench.call("CreateServiceLinkedRole", {"AWSServiceName": service}, by=tree.session)
    arn = f"arn:aws:iam::{tree.member}:role/aws-service-role/{service}/AWSServiceRoleForAmazonSSM"
    linked = bench.door.assume_for_service(arn, service=service, session_name="s1", source_arn="", region="us-east-1")
    own = policy({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:*", "Resource": "*"})
    assert bench.may(linked, "s3:GetObject", OBJECT, owner=tree.member, policy=own).allowed


def test_an_account_that_leaves_is_bounded_no_more(tree: Tree) -> None:
    tree.attach(tree.policy("nothing", deny("s3:*")), tree.member)
    assert tree.may("s3:GetObject")
    tree.call("RemoveAccountFromOrganization", AccountId=tree.member)
    assert tree.may("s3:GetObject") == ""


def test_lists_come_in_pages(tree: Tree) -> None:
    for number in range(3):
        tree.policy(f"p{number}", deny("s3:*"))
    first = tree.call("ListPolicies", Filter=SCP, MaxResults=3)
    second = tree.call("ListPolicies", Filter=SCP, MaxResults=3, NextToken=first["NextToken"])
    assert (len(first["Policies"]), len(second["Policies"]), "NextToken" in second) == (3, 1, False)
    assert tree.refused("ListPolicies", Filter=SCP, NextToken="x") == "InvalidInputException"


def test_iam_tells_that_no_feature_of_central_root_access_is_enabled(bench: Bench, tree: Tree) -> None:
    found = bench.call("ListOrganizationsFeatures")
    assert found == {"OrganizationId": tree.id, "EnabledFeatures": []}
    for who, code in (
        (tree.session, "AccountNotManagementOrDelegatedAdministratorException"),
        (bench.other_account(), "OrganizationNotFoundException"),
    ):
        with pytest.raises(AwsError) as problem:
            bench.call("ListOrganizationsFeatures", by=who)
        assert problem.value.code == code

"""Virtual MFA devices, and what a code of theirs opens: once."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import sqlalchemy as sa

from codeyard.contract import AwsError, Principal
from codeyard.platform.iam import totp
from codeyard.platform.iam.store.devices import devices
from tests.support import qrcodes
from tests.unit.platform.iam.bench import ACCOUNT, Bench, allow, deny

OBJECT = "arn:aws:s3:::b/k"
SEED = b"12345678901234567890"


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    assert totp.code_at(SEED, totp.step_at(second * 1_000_000)) == code


def test_a_code_counts_a_step_early_or_late_and_not_twice() -> None:
    now = 1_000_000 * 30 * 1000
    for off, right in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        found = totp.matching(SEED, totp.code_at(SEED, 1000 + off), now, drift=0, after=-1)
        assert (found == 1000 + off) is right
    assert totp.matching(SEED, totp.code_at(SEED, 1000), now, drift=0, after=1000) is None
    assert totp.matching(SEED, totp.code_at(SEED, 1003), now, drift=3, after=-1) == 1003


def test_the_picture_of_a_new_device_holds_its_seed_and_the_accounts_name(bench: Bench) -> None:
    for alias, name, label in (("", "phone", ACCOUNT), ("yard", "ann+1", "yard")):
        if alias:
            bench.call("CreateAccountAlias", {"AccountAlias": alias})
        made = bench.call("CreateVirtualMFADevice", {"VirtualMFADeviceName": name})["VirtualMFADevice"]
        seed = made["Base32StringSeed"].decode()
        text = f"otpauth://totp/{name.replace('+', '%2B')}@{label}?secret={seed}"
        assert qrcodes.text_of(made["QRCodePNG"]) == text


class Authenticator:
    """What a user's telephone holds."""

    def __init__(self, bench: Bench, name: str = "phone", **more: Any) -> None:
        self.bench = bench
        made = bench.call("CreateVirtualMFADevice", {"VirtualMFADeviceName": name, **more})["VirtualMFADevice"]
        self.serial, self.seed = made["SerialNumber"], base64.b32decode(made["Base32StringSeed"])

    def code(self, later: int = 0) -> str:
        return totp.code_at(self.seed, totp.step_at(self.bench.clock.now()) + later)

    def pair(self, later: int = 0) -> dict[str, str]:
        first, second = self.code(later - 1), self.code(later)
        return {"SerialNumber": self.serial, "AuthenticationCode1": first, "AuthenticationCode2": second}

    def enable(self, user: str, later: int = 0) -> None:
        self.bench.call("EnableMFADevice", {"UserName": user, **self.pair(later)})

    def proof(self) -> dict[str, str]:
        """A code that was not used before."""
        self.bench.clock.advance(60)
        return {"SerialNumber": self.serial, "TokenCode": self.code()}


def refused(bench: Bench, operation: str, params: dict[str, Any], **more: Any) -> AwsError:
    with pytest.raises(AwsError) as problem:
        bench.call(operation, params, **more)
    return problem.value


@pytest.fixture
def ann(bench: Bench) -> Principal:
    return bench.user("ann", allow("s3:*", Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))


def test_a_device_is_made_given_listed_taken_and_deleted(bench: Bench, ann: Principal) -> None:
    phone = Authenticator(bench, Path="/eng/")
    assert phone.serial == f"arn:aws:iam::{ACCOUNT}:mfa/eng/phone"
    assert len(phone.seed) == 40
    again = {"VirtualMFADeviceName": "phone", "Path": "/eng/"}
    assert refused(bench, "CreateVirtualMFADevice", again).code == "EntityAlreadyExistsException"
    unassigned = bench.call("ListVirtualMFADevices", {"AssignmentStatus": "Unassigned"})["VirtualMFADevices"]
    assert unassigned == [{"SerialNumber": phone.serial}]
    phone.enable("ann")
    listed = bench.call("ListVirtualMFADevices", {"AssignmentStatus": "Assigned"})["VirtualMFADevices"]
    assert [one["User"]["UserName"] for one in listed] == ["ann"]
    held = bench.call("ListMFADevices", {"UserName": "ann"})["MFADevices"]
    assert [(one["SerialNumber"], one["UserName"]) for one in held] == [(phone.serial, "ann")]
    assert bench.call("GetMFADevice", {"SerialNumber": phone.serial, "UserName": "ann"})["UserName"] == "ann"
    summary = bench.call("GetAccountSummary")["SummaryMap"]
    assert (summary["MFADevices"], summary["MFADevicesInUse"]) == (1, 1)
    one = {"SerialNumber": phone.serial}
    assert refused(bench, "DeleteVirtualMFADevice", one).code == "DeleteConflictException"
    assert refused(bench, "DeleteUser", {"UserName": "ann"}).code == "DeleteConflictException"
    bench.call("DeactivateMFADevice", {"UserName": "ann", **one})
    assert refused(bench, "DeactivateMFADevice", {"UserName": "ann", **one}).code == "NoSuchEntityException"
    bench.call("DeleteVirtualMFADevice", one)
    assert refused(bench, "DeleteVirtualMFADevice", one).code == "NoSuchEntityException"


def test_two_codes_in_a_row_are_asked_for(bench: Bench, ann: Principal) -> None:
    phone = Authenticator(bench)
    wrong = {**phone.pair(), "AuthenticationCode2": phone.code(5)}
    assert refused(bench, "EnableMFADevice", {"UserName": "ann", **wrong}).code == "InvalidAuthenticationCodeException"
    phone.enable("ann")
    other = {"UserName": "admin", **phone.pair()}
    assert refused(bench, "EnableMFADevice", other).code == "EntityAlreadyExistsException"


def test_a_user_has_eight_devices_at_most(bench: Bench, ann: Principal) -> None:
    for number in range(8):
        Authenticator(bench, f"d{number}").enable("ann")
    ninth = {"UserName": "ann", **Authenticator(bench, "d8").pair()}
    problem = refused(bench, "EnableMFADevice", ninth)
    assert (problem.code, problem.message) == ("LimitExceededException", "Cannot exceed quota for MFADevicesPerUser: 8")


def test_a_device_whose_clock_is_off_is_learnt_and_learnt_anew(bench: Bench, ann: Principal) -> None:
    phone = Authenticator(bench)
    phone.enable("ann", later=10)
    bench.clock.advance(60)
    late = {"SerialNumber": phone.serial, "TokenCode": phone.code(10)}
    bench.call("GetSessionToken", late, by=ann, service="sts")
    bench.clock.advance(600)
    bench.call("ResyncMFADevice", {"UserName": "ann", **phone.pair()})
    assert bench.call("GetSessionToken", phone.proof(), by=ann, service="sts")


def test_tags_stand_on_devices(bench: Bench) -> None:
    phone = Authenticator(bench, Tags=[{"Key": "a", "Value": "1"}])
    one = {"SerialNumber": phone.serial}
    bench.call("TagMFADevice", {**one, "Tags": [{"Key": "b", "Value": "2"}]})
    bench.call("UntagMFADevice", {**one, "TagKeys": ["a"]})
    assert bench.call("ListMFADeviceTags", one)["Tags"] == [{"Key": "b", "Value": "2"}]
    tagged = bench.user("bob", allow("iam:ListMFADeviceTags", Condition={"StringEquals": {"aws:ResourceTag/b": "2"}}))
    assert bench.call("ListMFADeviceTags", one, by=tagged)["Tags"]
    bench.call("UntagMFADevice", {**one, "TagKeys": ["b"]})
    assert refused(bench, "ListMFADeviceTags", one, by=tagged).code == "AccessDenied"


def test_a_session_of_a_code_has_mfa_and_it_ages(bench: Bench, ann: Principal) -> None:
    phone = Authenticator(bench)
    phone.enable("ann")
    plain = bench.session(bench.call("GetSessionToken", by=ann, service="sts")["Credentials"])
    proven = bench.session(bench.call("GetSessionToken", phone.proof(), by=ann, service="sts")["Credentials"])
    assert not bench.may(ann, "s3:GetObject", OBJECT).allowed
    assert not bench.may(plain, "s3:GetObject", OBJECT).allowed
    assert bench.may(proven, "s3:GetObject", OBJECT).allowed
    young = deny("s3:*", Condition={"NumericGreaterThan": {"aws:MultiFactorAuthAge": "300"}})
    document = '{"Version":"2012-10-17","Statement":[' + str(young).replace("'", '"') + "]}"
    bench.call("PutUserPolicy", {"UserName": "ann", "PolicyName": "young", "PolicyDocument": document})
    assert bench.may(proven, "s3:GetObject", OBJECT).allowed
    bench.clock.advance(301)
    assert not bench.may(proven, "s3:GetObject", OBJECT).allowed


def test_a_code_counts_once(bench: Bench, ann: Principal) -> None:
    phone = Authenticator(bench)
    phone.enable("ann")
    proof = phone.proof()
    bench.call("GetSessionToken", proof, by=ann, service="sts")
    problem = refused(bench, "GetSessionToken", proof, by=ann, service="sts")
    assert problem.code == "AccessDenied"
    assert problem.message == "MultiFactorAuthentication failed with invalid MFA one time pass code. "


def test_wrong_codes_and_others_devices_are_refused_and_who_guesses_waits(bench: Bench, ann: Principal) -> None:
    phone = Authenticator(bench)
    phone.enable("ann")
    bob = bench.user("bob")
    assert "unable to validate" in refused(bench, "GetSessionToken", phone.proof(), by=bob, service="sts").message
    half = {"SerialNumber": phone.serial}
    assert "must provide both" in refused(bench, "GetSessionToken", half, by=ann, service="sts").message
    proof = phone.proof()
    wrong = {**proof, "TokenCode": f"{(int(proof['TokenCode']) + 1) % 1_000_000:06d}"}
    for _ in range(8):
        assert refused(bench, "GetSessionToken", wrong, by=ann, service="sts").code == "AccessDenied"
    assert refused(bench, "GetSessionToken", phone.proof(), by=ann, service="sts").code == "AccessDenied"
    bench.clock.advance(300)
    assert bench.call("GetSessionToken", phone.proof(), by=ann, service="sts")


def test_a_role_that_wants_mfa_is_assumed_with_a_code_alone(bench: Bench, ann: Principal) -> None:
    phone = Authenticator(bench)
    phone.enable("ann")
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "60"}}
    role = bench.role("r", {"Principal": {"AWS": ann.arn}, "Condition": condition}, allow("s3:*"))
    params = {"RoleArn": role, "RoleSessionName": "s1"}
    assert refused(bench, "AssumeRole", params, by=ann, service="sts").code == "AccessDenied"
    wrong = {**params, "SerialNumber": phone.serial, "TokenCode": "000000"}
    assert refused(bench, "AssumeRole", wrong, by=ann, service="sts").code == "AccessDenied"
    proof = phone.proof()
    session = bench.session(bench.call("AssumeRole", {**params, **proof}, by=ann, service="sts")["Credentials"])
    assert bench.may(session, "s3:GetObject", OBJECT).allowed
    assert refused(bench, "AssumeRole", {**params, **proof}, by=ann, service="sts").code == "AccessDenied"


def test_the_seed_is_sealed_in_the_store(bench: Bench) -> None:
    phone = Authenticator(bench)
    stored = bench.db.read(lambda tx: tx.one(sa.select(devices.c.seed)))
    assert phone.seed not in bytes(stored.seed)


def test_who_has_a_device_signs_in_to_the_console_with_a_code_of_it(bench: Bench, ann: Principal) -> None:
    bench.call("CreateLoginProfile", {"UserName": "ann", "Password": "Correct-Horse-1"})
    enter = bench.door.console_login
    assert enter(ACCOUNT, "ann", "Correct-Horse-1") is not None
    phone = Authenticator(bench)
    phone.enable("ann")
    proof = phone.proof()["TokenCode"]
    assert enter(ACCOUNT, "ann", "Correct-Horse-1") is None
    assert enter(ACCOUNT, "ann", "wrong", proof) is None
    inside = enter(ACCOUNT, "ann", "Correct-Horse-1", proof)
    assert inside is not None
    assert bench.may(inside, "s3:GetObject", OBJECT).allowed
    assert enter(ACCOUNT, "ann", "Correct-Horse-1", proof) is None

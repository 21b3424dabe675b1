"""The credential report: one line of CSV for the root and for each user, in AWS's columns, good for four hours."""

from __future__ import annotations

import csv
import io

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment, whole_second
from codeyard.platform.iam import model
from codeyard.platform.iam.api.base import Answer, Room
from codeyard.platform.iam.model import AccessKey, SigningCertificate, User
from codeyard.platform.iam.passwordpolicy import SETTING, PasswordPolicy
from codeyard.platform.iam.store import devices, entities, keys, settings
from codeyard.storage import Tx

_REPORT = "credential-report"
_GOOD_FOR = 4 * 3600 * 1_000_000
_DAY = 86_400 * 1_000_000
_KEY_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
_COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    *(f"access_key_{number}_{name}" for number in (1, 2) for name in _KEY_COLUMNS),
    *(f"cert_{number}_{name}" for number in (1, 2) for name in ("active", "last_rotated")),
)


class CredentialReports(Room):
    """Operations on the credential report."""

    def generate_credential_report(self, ctx: Context, req: Params) -> Answer:
        """Write the report anew, unless there is one that is not four hours old."""

        def make(tx: Tx) -> Answer:
            kept = settings.get(tx, ctx.account, _REPORT)
            if kept is not None and ctx.now - kept["at"] < _GOOD_FOR:
                return {"State": "COMPLETE"}
            settings.put(tx, ctx.account, _REPORT, {"at": ctx.now, "content": _report(tx, ctx)})
            said = "No report exists. Starting a new report generation task"
            return {"State": "STARTED", "Description": said}

        return ctx.write(make)

    def get_credential_report(self, ctx: Context, req: Params) -> Answer:
        """The report; it must have been generated in the last four hours."""
        kept = self._read(lambda tx: settings.get(tx, ctx.account, _REPORT))
        if kept is None:
            raise AwsError("CredentialReportNotPresentException", "No report is present. Generate one first.")
        if ctx.now - kept["at"] >= _GOOD_FOR:
            raise AwsError("CredentialReportExpiredException", "The report has expired. Generate a new one.")
        return {
            "Content": kept["content"].encode("utf-8"),
            "ReportFormat": "text/csv",
            "GeneratedTime": whole_second(kept["at"]),
        }


def _report(tx: Tx, ctx: Context) -> str:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(_COLUMNS)
    lines.writerow(_root(tx, ctx))
    policy = PasswordPolicy.of(settings.get(tx, ctx.account, SETTING) or {})
    for user in entities.users_of(tx, ctx.account):
        lines.writerow(_line(tx, user, policy))
    return text.getvalue().rstrip("\n")


def _root(tx: Tx, ctx: Context) -> list[str]:
    """The root of an account here has neither a password nor keys."""
    made = _time(entities.account_created(tx, ctx.account))
    password = ["not_supported", "no_information", "not_supported", "not_supported", "false"]
    return ["<root_account>", f"arn:aws:iam::{ctx.account}:root", made, *password, *_key(None) * 2, *_cert(None) * 2]


def _line(tx: Tx, user: User, policy: PasswordPolicy) -> list[str]:
    held = sorted(keys.of_user(tx, AccessKey, user.id), key=lambda one: one.created)
    signing = sorted(keys.of_user(tx, SigningCertificate, user.id), key=lambda one: one.uploaded)
    return [
        user.name,
        model.arn("user", user.account, user.path, user.name),
        _time(user.created),
        *_password(tx, user, policy),
        _bool(bool(devices.of_user(tx, user.id))),
        *_key(held[0] if held else None),
        *_key(held[1] if len(held) > 1 else None),
        *_cert(signing[0] if signing else None),
        *_cert(signing[1] if len(signing) > 1 else None),
    ]


def _password(tx: Tx, user: User, policy: PasswordPolicy) -> list[str]:
    if not user.password:
        return ["false", "N/A", "N/A", "N/A"]
    changed = settings.password_set_at(tx, user.id, user.password_created)
    used = _time(user.password_used) if user.password_used else "no_information"
    rotation = _time(changed + policy.MaxPasswordAge * _DAY) if policy.MaxPasswordAge else "N/A"
    return ["true", used, _time(changed), rotation]


def _key(key: AccessKey | None) -> list[str]:
    if key is None:
        return ["false", "N/A", "N/A", "N/A", "N/A"]
    used = [_time(key.used), key.used_region, key.used_service] if key.used else ["N/A", "N/A", "N/A"]
    return [_bool(key.status == "Active"), _time(key.created), *used]


def _cert(found: SigningCertificate | None) -> list[str]:
    return ["false", "N/A"] if found is None else [_bool(found.status == "Active"), _time(found.uploaded)]


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _time(micros: int) -> str:
    return moment(micros).strftime("%Y-%m-%dT%H:%M:%S+00:00")

"""Operations on approvals of pull requests, on their overrides and on their rules."""

from __future__ import annotations

import re
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.services.codecommit.api.base import required
from codeyard.services.codecommit.api.pull_base import (
    PullBase,
    check_revision,
    evaluation,
    existing,
    must_be_current,
    must_be_open,
    rule_shape,
)
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls import approvals
from codeyard.services.codecommit.pulls import changes as pull_changes
from codeyard.services.codecommit.pulls import store as pull_store
from codeyard.services.codecommit.pulls import tables as pull_tables

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Approving(PullBase):
    """Approve, override, evaluate; make, change and delete a pull request's own rules."""

    def get_pull_request_approval_states(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Who approved a revision."""
        pull, revision = self._pull(ctx, req), check_revision(req)
        users = self._kit.db.read(lambda tx: pull_store.approvers(tx, pull.pull, revision))
        return {"approvals": [{"userArn": user, "approvalState": "APPROVE"} for user in users]}

    def update_pull_request_approval_state(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Approve the current revision, or take that back; the author may do neither."""
        revision, state, user = check_revision(req), req["approvalState"], ctx.principal.arn

        def write(tx: Any, pull: Any, repository: Repository) -> None:
            must_be_open(pull)
            must_be_current(pull, revision)
            if pull.author == user:
                raise AwsError("PullRequestCannotBeApprovedByAuthorException", "An author does not approve.")
            approvers = pull_store.approvers(tx, pull.pull, revision)
            if (user in approvers) == (state == "APPROVE"):
                return
            now = self._kit.clock.now()
            if state == "REVOKE":
                pull_store.revoke(tx, pull.pull, revision, user)
            elif len(approvers) >= approvals.MAX_APPROVALS:
                raise AwsError("MaximumNumberOfApprovalsExceededException", "At most 200 approvals.")
            else:
                tx.insert(pull_tables.approvals, pull=pull.pull, revision=revision, user=user, time=now)
            kind, name = "APPROVAL_STATE_CHANGED", "pullRequestApprovalStateChanged"
            said = {"revisionId": revision, "approvalStatus": state}
            pull_changes.record(tx, repository, pull.pull, kind, name, user, now, said, approvalStatus=state)

        self._change(ctx, req, write)
        return {}

    def get_pull_request_override_state(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether, and by whom, the rules were set aside for a revision."""
        pull, revision = self._pull(ctx, req), check_revision(req)
        user = self._kit.db.read(lambda tx: pull_store.overrider(tx, pull.pull, revision))
        return {"overridden": True, "overrider": user} if user else {"overridden": False}

    def override_pull_request_approval_rules(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Set all the rules aside for the current revision, or take that back."""
        revision, status, user = check_revision(req), req["overrideStatus"], ctx.principal.arn

        def write(tx: Any, pull: Any, repository: Repository) -> None:
            must_be_open(pull)
            must_be_current(pull, revision)
            is_set = pull_store.overrider(tx, pull.pull, revision) is not None
            if is_set and status == "OVERRIDE":
                raise AwsError("OverrideAlreadySetException", "The rules are overridden already.")
            if not is_set and status == "REVOKE":
                return
            if is_set:
                pull_store.end_override(tx, pull.pull, revision)
            else:
                tx.insert(pull_tables.overrides, pull=pull.pull, revision=revision, user=user)
            kind, name = "APPROVAL_RULE_OVERRIDDEN", "pullRequestApprovalRuleOverridden"
            said, now = {"revisionId": revision, "overrideStatus": status}, self._kit.clock.now()
            pull_changes.record(tx, repository, pull.pull, kind, name, user, now, said, overrideStatus=status)

        self._change(ctx, req, write)
        return {}

    def evaluate_pull_request_approval_rules(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Whether the current revision's approvals fulfil the rules, rule by rule."""
        found, revision = self._pull(ctx, req), check_revision(req)

        def read(tx: Any) -> dict[str, Any]:
            pull = existing(tx, found.pull)
            must_be_current(pull, revision)
            return {"evaluation": evaluation(tx, pull)}

        answer: dict[str, Any] = self._kit.db.read(read)
        return answer

    def create_pull_request_approval_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Add a rule to an open pull request."""
        name = _name(req)
        content = required(req, "approvalRuleContent", "ApprovalRuleContentRequiredException")
        approvals.parse_rule(content)

        def write(tx: Any, pull: Any, repository: Repository) -> dict[str, Any]:
            must_be_open(pull)
            rules = pull_store.rules_of(tx, pull.pull)
            if any(rule.name == name for rule in rules):
                raise AwsError("ApprovalRuleNameAlreadyExistsException", f"A rule named {name} exists already.")
            if len(rules) >= approvals.MAX_RULES:
                raise AwsError("NumberOfRulesExceededException", f"At most {approvals.MAX_RULES} rules.")
            now = self._kit.clock.now()
            times = {"created": now, "modified": now, "user": ctx.principal.arn}
            rule_id = self._kit.ids.uuid()
            tx.insert(pull_tables.rules, pull=pull.pull, name=name, id=rule_id, content=content, **times)
            rule = _find(tx, pull, name)
            self._tell(tx, ctx, repository, pull, rule, "Created", now)
            return {"approvalRule": rule_shape(rule)}

        answer: dict[str, Any] = self._change(ctx, req, write)
        return answer

    def update_pull_request_approval_rule_content(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change what a rule asks for, if it is still the one that the caller saw; never one of a template."""
        name = _name(req)
        content = required(req, "newRuleContent", "ApprovalRuleContentRequiredException")
        approvals.parse_rule(content)

        def write(tx: Any, pull: Any, repository: Repository) -> dict[str, Any]:
            must_be_open(pull)
            rule = _find(tx, pull, name)
            if rule is None:
                raise AwsError("ApprovalRuleDoesNotExistException", f"There is no rule named {name}.")
            if rule.template_id:
                raise AwsError("CannotModifyApprovalRuleFromTemplateException", "The rule is a template's.")
            check_sha256(req.get("existingRuleContentSha256"), rule.content)
            now = self._kit.clock.now()
            values = {"content": content, "modified": now, "user": ctx.principal.arn}
            pull_store.update_rule(tx, pull.pull, name, **values)
            rule = _find(tx, pull, name)
            self._tell(tx, ctx, repository, pull, rule, "Updated", now)
            return {"approvalRule": rule_shape(rule)}

        answer: dict[str, Any] = self._change(ctx, req, write)
        return answer

    def delete_pull_request_approval_rule(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Remove a rule, never one of a template; the answer is empty where there is none."""
        name = _name(req)

        def write(tx: Any, pull: Any, repository: Repository) -> dict[str, Any]:
            must_be_open(pull)
            rule = _find(tx, pull, name)
            if rule is None:
                return {"approvalRuleId": ""}
            if rule.template_id:
                raise AwsError("CannotDeleteApprovalRuleFromTemplateException", "The rule is a template's.")
            pull_store.delete_rule(tx, pull.pull, name)
            self._tell(tx, ctx, repository, pull, rule, "Deleted", self._kit.clock.now())
            return {"approvalRuleId": rule.id}

        answer: dict[str, Any] = self._change(ctx, req, write)
        return answer

    def _tell(self, tx: Any, ctx: Context, repository: Repository, pull: Any, rule: Any, verb: str, now: int) -> None:
        said = {"approvalRuleName": rule.name, "approvalRuleId": rule.id, "approvalRuleContent": rule.content}
        more = {
            "approvalRuleContentSha256": approvals.sha256(rule.content),
            "approvalRuleId": rule.id,
            "approvalRuleName": rule.name,
        }
        kind, name = f"APPROVAL_RULE_{verb.upper()}", f"pullRequestApprovalRule{verb}"
        pull_changes.record(tx, repository, pull.pull, kind, name, ctx.principal.arn, now, said, **more)


def check_sha256(given: str | None, content: str) -> None:
    """InvalidRuleContentSha256Exception unless nothing is given, or the hash of the content that is there."""
    if given is not None and (not _SHA256.match(given) or given != approvals.sha256(content)):
        raise AwsError("InvalidRuleContentSha256Exception", "The hash is not that of the existing content.")


def _name(req: Params) -> str:
    name = required(req, "approvalRuleName", "ApprovalRuleNameRequiredException")
    approvals.check_rule_name(name)
    return name


def _find(tx: Any, pull: Any, name: str) -> Any:
    return next((rule for rule in pull_store.rules_of(tx, pull.pull) if rule.name == name), None)

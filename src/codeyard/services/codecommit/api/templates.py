"""Operations on approval rule templates and on the repositories that they are for."""

from __future__ import annotations

from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats.moments import moment
from codeyard.services.codecommit import model, store
from codeyard.services.codecommit.api.approving import check_sha256
from codeyard.services.codecommit.api.base import Base, no_repository, required
from codeyard.services.codecommit.api.commits import page_size
from codeyard.services.codecommit.api.pull_base import living
from codeyard.services.codecommit.model import Repository
from codeyard.services.codecommit.pulls import approvals
from codeyard.services.codecommit.pulls import events as pull_events
from codeyard.services.codecommit.pulls import tables as pull_tables
from codeyard.services.codecommit.pulls import templates as template_store


class Templates(Base):
    """Create, read, list, change and delete templates; say which repositories they are for."""

    def create_approval_rule_template(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Keep a rule under a name, to be given to pull requests of the repositories it is for."""
        name, content = _name(req), _content(req, "approvalRuleTemplateContent")

        def write(tx: Any) -> dict[str, Any]:
            self._must_be_free(tx, ctx, name)
            if template_store.count(tx, ctx.account, ctx.region) >= approvals.MAX_TEMPLATES:
                raise AwsError("NumberOfRuleTemplatesExceededException", f"At most {approvals.MAX_TEMPLATES}.")
            now = self._kit.clock.now()
            tx.insert(
                pull_tables.templates,
                id=self._kit.ids.uuid(),
                account=ctx.account,
                region=ctx.region,
                name=name,
                description=req.get("approvalRuleTemplateDescription") or None,
                content=content,
                created=now,
                modified=now,
                user=ctx.principal.arn,
            )
            return self._told(tx, ctx, name, "approvalRuleTemplateCreated")

        return ctx.write(write)

    def get_approval_rule_template(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One template."""
        name = _name(req)
        return {"approvalRuleTemplate": _shape(self._kit.db.read(lambda tx: _existing(tx, ctx, name)))}

    def list_approval_rule_templates(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The names of the account's templates, in order."""
        after, limit = _page(req)
        names = self._kit.db.read(lambda tx: template_store.page(tx, ctx.account, ctx.region, after, limit + 1))
        return _listed("approvalRuleTemplateNames", names, limit)

    def update_approval_rule_template_content(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change the rule; pull requests that have it already keep it as it was."""
        content = _content(req, "newRuleContent")

        def check(template: Any) -> None:
            check_sha256(req.get("existingRuleContentSha256"), template.content)

        return self._update(ctx, _name(req), check, content=content)

    def update_approval_rule_template_description(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change the description."""
        said = req["approvalRuleTemplateDescription"] or None
        return self._update(ctx, _name(req), lambda template: None, description=said)

    def update_approval_rule_template_name(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Change the name."""
        old, new = _name(req, "oldApprovalRuleTemplateName"), _name(req, "newApprovalRuleTemplateName")
        return self._update(ctx, old, lambda template: None, name=new)

    def _update(self, ctx: Context, old: str, check: Any, /, **values: Any) -> dict[str, Any]:
        def write(tx: Any) -> dict[str, Any]:
            template = _existing(tx, ctx, old)
            check(template)
            wanted = values.get("name", old)
            if wanted != old:
                self._must_be_free(tx, ctx, wanted)
            more = {"modified": self._kit.clock.now(), "user": ctx.principal.arn}
            template_store.update(tx, template.id, **values, **more)
            return self._told(tx, ctx, wanted, "approvalRuleTemplateUpdated")

        return ctx.write(write)

    def delete_approval_rule_template(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Delete a template that is for no repository; the answer is empty where there is none."""
        name = _name(req)

        def write(tx: Any) -> dict[str, Any]:
            template = template_store.get(tx, ctx.account, ctx.region, name)
            if template is None:
                return {"approvalRuleTemplateId": ""}
            if template_store.repositories_of(tx, template.id, "", 1):
                raise AwsError("ApprovalRuleTemplateInUseException", "The template is associated with a repository.")
            self._told(tx, ctx, name, "approvalRuleTemplateDeleted")
            template_store.delete(tx, template.id)
            return {"approvalRuleTemplateId": template.id}

        return ctx.write(write)

    def associate_approval_rule_template_with_repository(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Give the template's rule to the pull requests that the repository will have."""
        name, found = _name(req), self._get(ctx, req)

        def write(tx: Any) -> None:
            template, repository = _existing(tx, ctx, name), living(tx, found)
            if _link(tx, template, repository):
                self._emit(tx, ctx, template, "approvalRuleTemplateAssociatedWithRepository", [repository])

        ctx.write(write)
        return {}

    def disassociate_approval_rule_template_from_repository(self, ctx: Context, req: Params) -> dict[str, Any]:
        """End an association; rules that pull requests have stay."""
        name, found = _name(req), self._get(ctx, req)

        def write(tx: Any) -> None:
            template, repository = _existing(tx, ctx, name), living(tx, found)
            if _unlink(tx, template, repository):
                self._emit(tx, ctx, template, "approvalRuleTemplateDisassociatedFromRepository", [repository])

        ctx.write(write)
        return {}

    def batch_associate_approval_rule_template_with_repositories(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Associate a template with up to 100 repositories; the errors are listed one by one."""
        event = "batchAssociateApprovalRuleTemplateWithRepositories"
        return self._batch(ctx, req, _link, "associatedRepositoryNames", event)

    def batch_disassociate_approval_rule_template_from_repositories(self, ctx: Context, req: Params) -> dict[str, Any]:
        """End a template's associations with up to 100 repositories; the errors are listed one by one."""
        event = "batchDisassociateApprovalRuleTemplateFromRepositories"
        return self._batch(ctx, req, _unlink, "disassociatedRepositoryNames", event)

    def _batch(self, ctx: Context, req: Params, change: Any, member: str, event: str) -> dict[str, Any]:
        name, names = _name(req), list(dict.fromkeys(req["repositoryNames"]))
        if not names:
            raise AwsError("RepositoryNamesRequiredException", "repositoryNames is required.")
        if len(names) > model.MAX_BATCH:
            raise AwsError("MaximumRepositoryNamesExceededException", f"At most {model.MAX_BATCH} names.")

        def write(tx: Any) -> dict[str, Any]:
            template = _existing(tx, ctx, name)
            done: list[str] = []
            changed: list[Repository] = []
            errors: list[dict[str, str]] = []
            for one in names:
                try:
                    repository = _repository(tx, ctx, one)
                    changed += [repository] if change(tx, template, repository) else []
                    done.append(one)
                except AwsError as error:
                    errors.append({"repositoryName": one, "errorCode": error.code, "errorMessage": error.message})
            if changed:
                self._emit(tx, ctx, template, event, changed)
            return {member: done, "errors": errors}

        return ctx.write(write)

    def list_associated_approval_rule_templates_for_repository(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The names of the templates that are for a repository, in order."""
        repository = self._get(ctx, req)
        after, limit = _page(req)
        found = self._kit.db.read(lambda tx: template_store.of_repository(tx, repository.id, after, limit + 1))
        return _listed("approvalRuleTemplateNames", [one.name for one in found], limit)

    def list_repositories_for_approval_rule_template(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The names of the repositories that a template is for, in order."""
        name, (after, limit) = _name(req), _page(req)

        def read(tx: Any) -> list[str]:
            return template_store.repositories_of(tx, _existing(tx, ctx, name).id, after, limit + 1)

        return _listed("repositoryNames", self._kit.db.read(read), limit)

    def _must_be_free(self, tx: Any, ctx: Context, name: str) -> None:
        if template_store.get(tx, ctx.account, ctx.region, name) is not None:
            raise AwsError("ApprovalRuleTemplateNameAlreadyExistsException", f"A template named {name} exists already.")

    def _told(self, tx: Any, ctx: Context, name: str, event: str) -> dict[str, Any]:
        template = _existing(tx, ctx, name)
        self._emit(tx, ctx, template, event, [])
        return {"approvalRuleTemplate": _shape(template)}

    def _emit(self, tx: Any, ctx: Context, template: Any, event: str, repositories: list[Repository]) -> None:
        now = self._kit.clock.now()
        tx.emit(pull_events.template_change(template, event, ctx.principal.arn, now, repositories))


def _name(req: Params, member: str = "approvalRuleTemplateName") -> str:
    name = required(req, member, "ApprovalRuleTemplateNameRequiredException")
    approvals.check_rule_name(name, "InvalidApprovalRuleTemplateNameException")
    return name


def _content(req: Params, member: str) -> str:
    content = required(req, member, "ApprovalRuleTemplateContentRequiredException")
    approvals.parse_rule(content, template=True)
    return content


def _existing(tx: Any, ctx: Context, name: str) -> Any:
    found = template_store.get(tx, ctx.account, ctx.region, name)
    if found is None:
        raise AwsError("ApprovalRuleTemplateDoesNotExistException", f"There is no template named {name}.")
    return found


def _repository(tx: Any, ctx: Context, name: str) -> Repository:
    model.check_repository_name(name)
    found = store.get(tx, ctx.account, ctx.region, name)
    if found is None:
        raise no_repository(name)
    return found


def _link(tx: Any, template: Any, repository: Repository) -> bool:
    """Associate; whether that is new."""
    if template_store.linked(tx, template.id, repository.id):
        return False
    most = approvals.MAX_TEMPLATES_OF_REPOSITORY
    if len(template_store.of_repository(tx, repository.id, limit=most)) >= most:
        raise AwsError("MaximumRuleTemplatesAssociatedWithRepositoryException", f"At most {most} templates.")
    tx.insert(pull_tables.template_links, template_id=template.id, repository_id=repository.id)
    return True


def _unlink(tx: Any, template: Any, repository: Repository) -> bool:
    """End an association; whether there was one."""
    if not template_store.linked(tx, template.id, repository.id):
        return False
    template_store.unlink(tx, template.id, repository.id)
    return True


def _page(req: Params) -> tuple[str, int]:
    token = model.decode_token(req.get("nextToken"), n=str)
    return token.get("n", ""), page_size(req.get("maxResults"))


def _listed(member: str, names: list[str], limit: int) -> dict[str, Any]:
    answer: dict[str, Any] = {member: names[:limit]}
    if len(names) > limit:
        answer["nextToken"] = model.encode_token(n=names[limit - 1])
    return answer


def _shape(template: Any) -> dict[str, Any]:
    shape = {
        "approvalRuleTemplateId": template.id,
        "approvalRuleTemplateName": template.name,
        "approvalRuleTemplateDescription": template.description,
        "approvalRuleTemplateContent": template.content,
        "ruleContentSha256": approvals.sha256(template.content),
        "lastModifiedDate": moment(template.modified),
        "creationDate": moment(template.created),
        "lastModifiedUser": template.user,
    }
    return {member: value for member, value in shape.items() if value is not None}

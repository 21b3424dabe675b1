"""Approval rule templates: the list, and one with its form, its JSON and the repositories that it is for."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from codeyard.console import rules
from codeyard.console.formats import in_path
from codeyard.console.pages.repositories import REPOSITORIES
from codeyard.console.web import Visit, go
from codeyard.contract import AwsError

_BASE = "/approval-templates"
_EXAMPLE = rules.content_of({"needed": "2", "pool": "CodeCommitApprovers:123456789012:Senior/*", "branches": "main"})


async def index(visit: Visit) -> Response:
    """The names, a page at a time, and the form for a new one."""
    return await _list(visit)


async def create(visit: Visit) -> Response:
    """Keep a new template; with what is wrong beside the form."""
    form = visit.form
    said = form.get("description", "").replace("\r\n", "\n")
    wanted = {"approvalRuleTemplateName": form.get("name", ""), "approvalRuleTemplateContent": rules.content_of(form)}
    wanted |= {"approvalRuleTemplateDescription": said} if said else {}
    try:
        await visit.call(REPOSITORIES, "CreateApprovalRuleTemplate", **wanted)
    except AwsError as error:
        return await _list(visit, error.message)
    return go(f"{_BASE}/{in_path(wanted['approvalRuleTemplateName'])}")


async def show(visit: Visit) -> Response:
    """One template."""
    return await _one(visit)


async def change(visit: Visit) -> Response:
    """Change the rule, by form or as JSON, if it is still as the page showed it, and the description; or delete."""
    if visit.form.get("do") == "delete":
        return await _delete(visit)
    name, form = visit.path("template"), visit.form
    wanted: dict[str, Any] = {"approvalRuleTemplateName": name, "newRuleContent": rules.content_of(form)}
    wanted |= {"existingRuleContentSha256": form["seen"]} if form.get("seen") else {}
    said = form.get("description", "").replace("\r\n", "\n")
    try:
        await visit.call(REPOSITORIES, "UpdateApprovalRuleTemplateContent", **wanted)
        described = {"approvalRuleTemplateName": name, "approvalRuleTemplateDescription": said}
        await visit.call(REPOSITORIES, "UpdateApprovalRuleTemplateDescription", **described)
    except AwsError as error:
        return await _one(visit, error.message)
    return go(f"{_BASE}/{in_path(name)}")


async def _delete(visit: Visit) -> Response:
    """Delete a template that is for no repository."""
    try:
        await visit.call(REPOSITORIES, "DeleteApprovalRuleTemplate", approvalRuleTemplateName=visit.path("template"))
    except AwsError as error:
        return await _one(visit, error.message)
    return go(_BASE)


async def _list(visit: Visit, problem: str = "") -> Response:
    given = visit.query("next")
    listed = await visit.call(REPOSITORIES, "ListApprovalRuleTemplates", **({"nextToken": given} if given else {}))
    values = {"names": listed["approvalRuleTemplateNames"], "onward": listed.get("nextToken", "")}
    values |= {"problem": problem, "typed": visit.form, "example": _EXAMPLE}
    return visit.render("templates/index.html", 400 if problem else 200, **values)


async def _one(visit: Visit, problem: str = "") -> Response:
    named = {"approvalRuleTemplateName": visit.path("template")}
    found = (await visit.call(REPOSITORIES, "GetApprovalRuleTemplate", **named))["approvalRuleTemplate"]
    listed = await visit.ask(REPOSITORIES, "ListRepositoriesForApprovalRuleTemplate", **named)
    content = found["approvalRuleTemplateContent"]
    values = {"template": found, "asks": rules.statements(content), "branches": rules.destinations(content)}
    values |= {"used": listed, "problem": problem, "json": visit.form.get("json") or content}
    return visit.render("templates/show.html", 400 if problem else 200, **values)

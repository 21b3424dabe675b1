"""A repository's settings: description, default branch, tags, triggers, and the approval rule templates it has."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from codeyard.console import rules
from codeyard.console.pages.repositories import REPOSITORIES
from codeyard.console.web import Visit, go
from codeyard.contract import AwsError

EVENTS = (
    ("createReference", "created"),
    ("updateReference", "updated"),
    ("deleteReference", "deleted"),
)


async def show(visit: Visit) -> Response:
    """All settings; what the visitor may not see of them says so in its place."""
    name = visit.path("name")
    about = (await visit.call(REPOSITORIES, "GetRepository", repositoryName=name))["repositoryMetadata"]
    branches, tags, triggers, templates, all_templates = await asyncio.gather(
        visit.ask(REPOSITORIES, "ListBranches", repositoryName=name),
        visit.ask(REPOSITORIES, "ListTagsForResource", resourceArn=about["Arn"]),
        visit.ask(REPOSITORIES, "GetRepositoryTriggers", repositoryName=name),
        visit.ask(REPOSITORIES, "ListAssociatedApprovalRuleTemplatesForRepository", repositoryName=name),
        visit.ask(REPOSITORIES, "ListApprovalRuleTemplates"),
    )
    found = {"branches": branches, "tags": tags, "triggers": triggers, "templates": templates}
    listed = [] if isinstance(all_templates, AwsError) else all_templates["approvalRuleTemplateNames"]
    return visit.render(
        "repositories/settings.html", name=name, repository=about, events=EVENTS, every_template=listed, **found
    )


async def describe(visit: Visit) -> Response:
    """Change the description."""
    said = visit.form.get("description", "").replace("\r\n", "\n")
    await visit.call(
        REPOSITORIES, "UpdateRepositoryDescription", repositoryName=visit.path("name"), repositoryDescription=said
    )
    return _back(visit, "about")


async def default(visit: Visit) -> Response:
    """Choose the default branch."""
    wanted = {"repositoryName": visit.path("name"), "defaultBranchName": visit.form.get("branch", "")}
    await visit.call(REPOSITORIES, "UpdateDefaultBranch", **wanted)
    return _back(visit, "about")


async def tag(visit: Visit) -> Response:
    """Set a tag, or remove one."""
    about = await visit.call(REPOSITORIES, "GetRepository", repositoryName=visit.path("name"))
    arn, key = about["repositoryMetadata"]["Arn"], visit.form.get("key", "")
    if visit.form.get("remove") == "yes":
        await visit.call(REPOSITORIES, "UntagResource", resourceArn=arn, tagKeys=[key])
    else:
        await visit.call(REPOSITORIES, "TagResource", resourceArn=arn, tags={key: visit.form.get("value", "")})
    return _back(visit, "tags")


async def trigger(visit: Visit) -> Response:
    """Add a trigger, remove one, or send a test of one; the others stay as they are."""
    name, form = visit.path("name"), visit.form
    there = (await visit.call(REPOSITORIES, "GetRepositoryTriggers", repositoryName=name))["triggers"]
    named = [one for one in there if one["name"] == form.get("trigger", "")]
    if form.get("do") == "test":
        await _test(visit, name, named)
    elif form.get("do") == "remove":
        kept = [one for one in there if one not in named]
        await visit.call(REPOSITORIES, "PutRepositoryTriggers", repositoryName=name, triggers=kept)
    else:
        wanted = [*there, _trigger(visit)]
        await visit.call(REPOSITORIES, "PutRepositoryTriggers", repositoryName=name, triggers=wanted)
    return _back(visit, "triggers")


async def template(visit: Visit) -> Response:
    """Give the repository an approval rule template, or take one from it."""
    verb = "Disassociate" if visit.form.get("remove") == "yes" else "Associate"
    way = "From" if verb == "Disassociate" else "With"
    wanted = {"repositoryName": visit.path("name"), "approvalRuleTemplateName": visit.form.get("template", "")}
    await visit.call(REPOSITORIES, f"{verb}ApprovalRuleTemplate{way}Repository", **wanted)
    return _back(visit, "templates")


async def _test(visit: Visit, name: str, triggers: list[dict[str, Any]]) -> None:
    if not triggers:
        raise AwsError("InvalidRepositoryTriggerNameException", "There is no such trigger any more.")
    done = await visit.call(REPOSITORIES, "TestRepositoryTriggers", repositoryName=name, triggers=triggers)
    for failed in done["failedExecutions"]:
        raise AwsError("TriggerFailed", f"{failed['trigger']}: {failed['failureMessage']}")


def _trigger(visit: Visit) -> dict[str, Any]:
    """The trigger that the form describes; without events it is for all."""
    form = visit.form
    events = [event for event, _ in EVENTS if form.get(f"event-{event}")]
    made = {"name": form.get("trigger", ""), "destinationArn": form.get("destination", "").strip()}
    made |= {"customData": form["data"]} if form.get("data") else {}
    return {**made, "branches": rules.lines(form.get("branches", "")), "events": events or ["all"]}


def _back(visit: Visit, at: str) -> Response:
    return go(f"/repositories/{visit.path('name')}/settings", at)

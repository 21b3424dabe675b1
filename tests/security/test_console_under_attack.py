"""What a hostile page, link or committer tries on the console: over every route, and with bytes of users' own."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import botocore.exceptions
import botocore.session
import pytest
from starlette.routing import Route

from codeyard.console.changes import event
from codeyard.console.headers import HEADERS
from tests.support.yard import TestYard
from tests.unit.console.support import ADA, Answer, Browser, Gateway

NO_SESSION = {"/signin", "/signin/once", "/signout"}  # each refuses other sites' pages by itself
PATHS = [
    (method, route.path)
    for route in Browser().console.routes
    if isinstance(route, Route)
    for method in sorted((route.methods or set()) - {"HEAD"})
]
POSTS = [path for method, path in PATHS if method == "POST"]


def _filled(path: str) -> str:
    for name in ("name", "execution", "build", "commit", "deployment", "pull", "template:path", "path:path"):
        path = path.replace("{" + name + "}", "x")
    return path


@pytest.mark.parametrize("path", POSTS)
def test_no_change_is_made_for_another_sites_page_nor_without_the_forms_token(path: str) -> None:
    browser = Browser()
    browser.sign_in()
    browser.gateway.calls.clear()
    cookies, token = dict(browser.cookies), browser.csrf
    link = browser.console.sessions.link(ADA)
    evil = {"origin": "https://evil.example"}
    refusals = [browser.post(_filled(path), {"csrf": token, "token": link}, **evil)]
    if path not in NO_SESSION:
        wrong: list[dict[str, str]] = [{}, {"csrf": ""}, {"csrf": "0" * 32}, {"csrf": token[:-1]}]
        refusals += [browser.post(_filled(path), form) for form in wrong]
    assert {answer.status for answer in refusals} <= ({303} if path == "/signout" else {403})
    assert browser.gateway.calls == []
    assert browser.cookies == cookies  # neither signed out nor signed in as somebody else
    assert browser.get("/signin").status == 303
    assert browser.console.sessions.redeem(link) == ADA  # nor is the link used up


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_page_signed_in_or_not_can_be_neither_framed_nor_sniffed_nor_kept(method: str, path: str) -> None:
    browser = Browser()
    for _ in range(2):
        answer = browser.send(method, _filled(path), {})
        assert {name: answer[name] for name in HEADERS} == HEADERS
        assert "frame-ancestors 'none'" in answer["content-security-policy"]
        assert answer["cache-control"] == "no-store"
        assert answer.status < 500
        browser.sign_in()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_attackers_session_is_not_adopted_by_whoever_signs_in(scheme: str) -> None:
    browser = Browser(scheme=scheme)
    attacker = Browser(gateway=browser.gateway, scheme=scheme)
    attacker.console = browser.console
    attacker.sign_in()
    browser.cookies = dict(attacker.cookies)
    (cookie,) = browser.sign_in().all("set-cookie")
    assert browser.cookies != attacker.cookies
    assert attacker.get("/").status == 303  # the planted session ended
    assert ("Secure" in cookie.split("; ")) == (scheme == "https")
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))


PAYLOADS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' autofocus onfocus=alert(1) x='",
    "</pre></textarea></title><svg/onload=alert(1)>",
    "javascript:alert(1)//",
    "\x1b[31m<b onclick=alert(1)>\x1b[0m\x1b]8;;javascript:alert(1)\x07link",
    "{{ 7*7 }}{% raw %}<i id=evil>",
    "&lt;script&gt;&#60;script&#62;",
)


MARKDOWN = """
[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,<script>alert(1)</script>) [d](vbscript:alert(1))
[e](//evil.example/x) [f](<javascript:alert(1)>) ![g](x" onerror="alert(1)) [h](x" onclick="alert(1)) <https://x/"onclick=alert(1)>
[i]: javascript:alert(1) "title"
[i] [j](\\\\evil.example) [k](/\\evil.example) <img src=x onerror=alert(1)> `<script>alert(1)</script>`

```html" onclick="alert(1)
<script>alert(1)</script>
```
"""


@dataclass
class Found(HTMLParser):
    """What a browser would make of a page: its elements, with what could run."""

    harm: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the console itself never writes."""
        named = dict(attrs)
        if tag == "script" and not (named.get("src") or "").startswith("/static/"):
            self.harm.append(f"script {attrs}")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc") or value == "evil":
                self.harm.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and not _ours(value or "/", named.get("rel")):
                self.harm.append(f"{tag} {name}={value}")

    handle_startendtag = handle_starttag


def _ours(target: str, rel: str | None) -> bool:
    """A place on this host, or one of the web to which the browser tells nothing of where it comes from."""
    if target.startswith("https://") and rel == "noopener noreferrer nofollow":
        return True
    return target.startswith(("/", "#", "?")) and not target.startswith(("//", "/\\"))


def harm_in(text: str) -> list[str]:
    found = Found()
    found.feed(text)
    found.close()
    return found.harm


@pytest.mark.parametrize("page", [*PAYLOADS[:4], PAYLOADS[5], PAYLOADS[6]])
def test_the_judge_of_these_tests_sees_harm(page: str) -> None:
    assert harm_in(f"<p>{page}</p><input value='{page}'>")
    assert harm_in(f"<a href='{PAYLOADS[4]}'>")
    assert not harm_in(f"<p>{html.escape(page)}</p><input value='{html.escape(page)}'>")


class World:
    """A yard into which a hostile user wrote all that users can write, and the console over it."""

    def __init__(self, yard: TestYard) -> None:
        self.yard = yard
        self.browser = Browser()
        self.browser.console = yard.yard.console
        principal = yard.yard.identity.credential(yard.facts["access_key_id"], "").principal
        token = yard.yard.console.sessions.link(principal)
        assert self.browser.post("/signin/once", {"token": token}).status == 303
        self.commits = self._repository()
        self.pull = self._pull_request()
        self._rules()
        self._pipeline()

    def _repository(self) -> list[str]:
        git = self.yard.client("codecommit")
        git.create_repository(repositoryName="hostile", repositoryDescription=_printable())
        made: list[str] = []
        for number, text in enumerate(PAYLOADS):
            parent = {"parentCommitId": made[-1]} if made else {}
            done = git.create_commit(
                repositoryName="hostile",
                branchName="main",
                authorName=text.replace("\n", " "),
                email="script@x.example",
                commitMessage=text,
                putFiles=[
                    {"filePath": f"{number}{_name(text)}", "fileContent": text.encode()},
                    {
                        "filePath": f"code{number}.{['py', 'html', 'md', 'js'][number % 4]}",
                        "fileContent": text.encode(),
                    },
                ],
                **parent,
            )
            made.append(done["commitId"])
            branch = _name(text).replace("\\", "").replace("[", "").replace(" ", "").replace(":", "").replace("*", "")
            git.create_branch(repositoryName="hostile", branchName=f"b{number}{branch}", commitId=made[-1])
        return made

    def _pull_request(self) -> str:
        """A pull request that says it everywhere, with a conflict and comments by its lines."""
        git = self.yard.client("codecommit")
        git.create_branch(repositoryName="hostile", branchName="rival", commitId=self.commits[0])
        for branch, parent in (("main", self.commits[-1]), ("rival", self.commits[0])):
            done = git.create_commit(
                repositoryName="hostile",
                branchName=branch,
                parentCommitId=parent,
                commitMessage=_printable(),
                putFiles=[
                    {
                        "filePath": "fight<img src=x onerror=alert(1)>.txt",
                        "fileContent": f"{branch} {_printable()}".encode(),
                    },
                    {"filePath": "README.md", "fileContent": (branch + MARKDOWN + "\n\n".join(PAYLOADS)).encode()},
                ],
            )
        target = {"repositoryName": "hostile", "sourceReference": "rival", "destinationReference": "main"}
        about = {"title": _printable()[:150], "description": MARKDOWN + _printable()}
        pull = git.create_pull_request(targets=[target], **about)["pullRequest"]
        number = str(pull["pullRequestId"])
        place = {"beforeCommitId": self.commits[0], "afterCommitId": done["commitId"]}
        for text in (*PAYLOADS, MARKDOWN):
            for at in ({}, {"filePath": "README.md", "filePosition": 1, "relativeFileVersion": "AFTER"}):
                where = {
                    "pullRequestId": number,
                    "repositoryName": "hostile",
                    **place,
                    **({"location": at} if at else {}),
                }
                said = git.post_comment_for_pull_request(content=text, **where)["comment"]
            git.post_comment_reply(inReplyTo=said["commentId"], content=text)
        rule = json.dumps(
            {"Version": "2018-11-08", "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}]}
        )
        git.create_pull_request_approval_rule(
            pullRequestId=number, approvalRuleName=_printable()[:100], approvalRuleContent=rule
        )
        return number

    def _rules(self) -> None:
        git, name = self.yard.client("codecommit"), PAYLOADS[1] + "/?#&"
        rule = {
            "Version": "2018-11-08",
            "DestinationReferences": ["refs/heads/" + PAYLOADS[0]],
            "Statements": [{"Type": "Approvers", "NumberOfApprovalsNeeded": 1}],
        }
        about = {"approvalRuleTemplateContent": json.dumps(rule), "approvalRuleTemplateDescription": _printable()}
        git.create_approval_rule_template(approvalRuleTemplateName=name, **about)
        link = {"approvalRuleTemplateName": name, "repositoryName": "hostile"}
        git.associate_approval_rule_template_with_repository(**link)
        arn = git.get_repository(repositoryName="hostile")["repositoryMetadata"]["Arn"]
        self.yard.call("codecommit", "TagResource", {"resourceArn": arn, "tags": {"owner": "a=b /:@"}})
        trigger = {
            "name": PAYLOADS[0].replace(" ", ""),
            "destinationArn": f"arn:aws:sns:us-east-1:{self.yard.account}:t",
        }
        trigger |= {"branches": [], "events": ["all"], "customData": _printable()}
        git.put_repository_triggers(repositoryName="hostile", triggers=[trigger])
        self.template = name

    def _pipeline(self) -> None:
        role = self.yard.role("p", "codepipeline.amazonaws.com", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
        self.yard.call("s3", "CreateBucket", {"Bucket": "store"})
        source = _action("Source", "Source", "CodeCommit", {"RepositoryName": "hostile", "BranchName": "main"})
        source["outputArtifacts"] = [{"name": "out"}]
        given = {"CustomData": _printable(), "ExternalEntityLink": "https://example.com/?<script>alert(1)</script>"}
        approve = _action("Approve", "Approval", "Manual", given)
        stages = [{"name": "Source", "actions": [source]}, {"name": "Approve", "actions": [approve]}]
        pipeline = {"name": "hostile", "roleArn": role, "stages": stages, "version": 1}
        pipeline["artifactStore"] = {"type": "S3", "location": "store"}
        self.yard.call("codepipeline", "CreatePipeline", {"pipeline": pipeline})
        self.yard.settle()
        client = self.yard.client("codepipeline", user_agent_extra=_printable())
        state = client.get_pipeline_state(name="hostile")["stageStates"][1]["actionStates"][0]
        result = {"summary": "\r\revent: graph\rdata: spoofed\r" + _printable()[:400], "status": "Rejected"}
        client.put_approval_result(
            pipelineName="hostile",
            stageName="Approve",
            actionName="Approve",
            result=result,
            token=state["latestExecution"]["token"],
        )
        self.yard.settle()

    def pages(self) -> Iterator[tuple[str, Answer]]:
        paths = ["/", "/repositories", "/repositories/hostile", "/repositories/hostile/commits", "/pipelines/hostile"]
        paths += ["/trail", "/trail?key=EventName&value=PutApprovalResult", "/builds", "/deployments"]
        paths += [f"/repositories/hostile/commit/{commit}" for commit in self.commits]
        execution = self.yard.call("codepipeline", "ListPipelineExecutions", {"pipelineName": "hostile"})
        paths.append(
            f"/pipelines/hostile/executions/{execution['pipelineExecutionSummaries'][0]['pipelineExecutionId']}"
        )
        for number in range(len(PAYLOADS)):
            paths.append(f"/repositories/hostile/files/code{number}.{['py', 'html', 'md', 'js'][number % 4]}")
        base, fight = f"/repositories/hostile/pulls/{self.pull}", quote("fight<img src=x onerror=alert(1)>.txt")
        paths += [base, *(f"{base}/{tab}" for tab in ("commits", "changes", "changes?view=split", "conflicts"))]
        paths += [f"/repositories/hostile/{tab}" for tab in ("pulls", "branches", "settings", "pulls/new?source=rival")]
        paths += [f"/repositories/hostile/compare?before=main&after=rival&view={view}" for view in ("unified", "split")]
        paths += [f"/repositories/hostile/{view}/README.md" for view in ("blame", "history")]
        paths += [f"/repositories/hostile/{view}/{fight}?at=rival" for view in ("files", "blame", "history")]
        paths += ["/approval-templates", f"/approval-templates/{quote(self.template)}"]
        for path in paths:
            yield path, self.browser.get(path, user_agent="<script>alert(1)</script>")


def _name(text: str) -> str:
    return "".join(c for c in text if c.isprintable() and c not in "/~^?").replace("..", "")


def _printable() -> str:
    return "".join(c for c in " ".join(PAYLOADS) if c.isprintable())


def _action(name: str, category: str, provider: str, configuration: dict[str, str]) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": kind, "configuration": configuration}


@pytest.fixture(scope="module")
def world(module_yard: TestYard) -> World:
    return World(module_yard)


def test_nothing_that_a_user_wrote_becomes_an_element_an_attribute_or_a_script(world: World) -> None:
    pages = dict(world.pages())
    assert {path: answer.status for path, answer in pages.items() if answer.status != 200} == {}
    assert {path: harm for path, answer in pages.items() if (harm := harm_in(answer.text))} == {}
    shown = [path for path, answer in pages.items() if "alert(1)" in answer.text]
    assert len(shown) > len(PAYLOADS) * 2, shown  # the bytes are really there, escaped
    assert "{{ 7*7 }}" in pages["/repositories/hostile"].text


QUERIES = ("/trail?key={0}&value={0}", "/repositories/hostile?at={0}", "/signin?next={0}", "/signin/once?token={0}")


@pytest.mark.parametrize("query", QUERIES)
def test_nothing_in_a_link_is_reflected_as_more_than_text(world: World, query: str) -> None:
    for text in PAYLOADS:
        answer = world.browser.get(query.format(quote(text, safe="")))
        assert answer.status < 500
        assert harm_in(answer.text) == []
        assert not answer["location"] or answer["location"].startswith("/")


JSON = {
    "CloudTrailEvent": json.dumps(
        dict.fromkeys(("eventName", "errorCode", "errorMessage", "sourceIPAddress"), " ".join(PAYLOADS))
    ),
    **dict.fromkeys(
        ("approvalRuleTemplateContent", "approvalRuleContent"),
        json.dumps(
            {
                "Version": "2018-11-08",
                "DestinationReferences": PAYLOADS,
                "Statements": [
                    {"Type": "Approvers", "NumberOfApprovalsNeeded": 1, "ApprovalPoolMembers": PAYLOADS},
                ],
            }
        ),
    ),
}


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


class Always(dict[str, Any]):
    """Has the one value under every key."""

    def __init__(self, value: Any) -> None:
        super().__init__(value=value)

    def get(self, key: str, default: Any = None) -> Any:
        """The value."""
        return self["value"]


class Liar(Gateway):
    """Answers every operation by its model, with hostile bytes in each text that the model leaves open."""

    def client(self, principal: Any, account: str, region: str, *, origin: Any) -> Any:
        """A client to which every service is hostile."""

        def call(service: str, operation: str, params: Any) -> dict[str, Any]:
            answer = self.answer(service, operation)
            return {name: value for name, value in answer.items() if name.lower() != "nexttoken"}  # it would not end

        return SimpleNamespace(call=call)

    def answer(self, service: str, operation: str) -> dict[str, Any]:
        """An answer to the operation; the doors that have no model have theirs made of others'."""
        service_model = _model(service)
        if operation == "GetBlame":
            said = dict.fromkeys(("authorName", "summary"), " ".join(PAYLOADS))
            span = {"startLine": 1, "lines": 1, "commitId": "c" * 40, "authorDate": datetime(2026, 1, 1, tzinfo=UTC)}
            return {
                "commitId": "c" * 40,
                "blobId": "b" * 40,
                "filePath": " ".join(PAYLOADS),
                "spans": [{**span, **said}],
            }
        if operation == "GetArchive":
            return {"commitId": "c" * 40, "content": iter([b"an archive"])}
        if operation == "GetCommitSignatures":
            said = {"kind": " ".join(PAYLOADS), "status": "VERIFIED", "userName": " ".join(PAYLOADS)}
            return {"signatures": Always(said)}
        if operation == "GetCommitsFromMergeBase":
            return {"commits": [self.made(service_model.shape_for("Commit"), 0)]}
        shape = service_model.operation_model(operation).output_shape
        made: dict[str, Any] = self.made(shape, 0) if shape else {}
        return made

    def made(self, shape: Any, depth: int) -> Any:
        """A value of the shape."""
        if shape.type_name == "structure":
            members = shape.members.items() if depth < 9 else ()
            found = {name: self.made(member, depth + 1) for name, member in members}
            return found | {name: text for name, text in JSON.items() if name in found}
        if shape.type_name == "list":
            return [self.made(shape.member, depth + 1)]
        if shape.type_name == "map":
            return {self.text(shape.key): self.made(shape.value, depth + 1)}
        plain = {"integer": 1, "long": 1, "boolean": True, "float": 0.5, "double": 0.5}
        if shape.type_name in plain:
            return plain[shape.type_name]
        if shape.type_name == "timestamp":
            return datetime(2026, 1, 1, tzinfo=UTC)
        return _printable().encode() if shape.type_name == "blob" else self.text(shape)

    def text(self, shape: Any) -> str:
        """What the model lists, or else hostile bytes."""
        return str(shape.enum[0]) if getattr(shape, "enum", None) else " ".join(PAYLOADS)


@pytest.mark.parametrize("path", [path for method, path in PATHS if method == "GET"])
def test_no_page_trusts_what_services_tell(path: str) -> None:
    browser = Browser(gateway=Liar())
    browser.sign_in()
    answer = browser.get(_filled(path) + ("?at=main" if "repositories" in path else ""))
    if not answer["content-type"].startswith("text/event-stream"):
        assert answer.status < 500, answer.text[-500:]
        assert harm_in(answer.text) == []


def test_the_pages_do_show_what_services_tell() -> None:
    browser, shown = Browser(gateway=Liar()), 0
    browser.sign_in()
    for path in (path for method, path in PATHS if method == "GET" and "live" not in path and "events" not in path):
        shown += "alert(1)" in browser.get(_filled(path)).text
    assert shown >= 8


def test_no_text_begins_a_field_or_ends_an_event_of_a_live_page() -> None:
    sent = event("a\r\revent: evil\rdata: b\r\nid: c\n\n", name="graph").decode()
    lines = sent.removesuffix("\n\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert lines[0] == "event: graph"
    assert {line.partition(":")[0] for line in lines[1:]} == {"data"}


def test_a_user_may_not_be_named_by_markup(module_yard: TestYard) -> None:
    for text in PAYLOADS[:3]:
        with pytest.raises(botocore.exceptions.ClientError, match="ValidationError"):
            module_yard.client("iam").create_user(UserName=text)

"""The console's pages of repositories over a real server: every read and change is the visitor's own."""

from __future__ import annotations

import html
import io
import json
import re
import tarfile
import zipfile
from typing import Any

import pytest

from tests.support.yard import TestYard
from tests.unit.console.support import Answer, Browser

ALL = [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]
NO_OVERRIDE = [*ALL, {"Effect": "Deny", "Action": "codecommit:OverridePullRequestApprovalRules", "Resource": "*"}]
TEXT = "".join(f"line {number}\n" for number in range(1, 41))


class Site:
    """A repository with a `main` and a `topic`, and two people at their browsers."""

    def __init__(self, yard: TestYard) -> None:
        self.yard, self.git = yard, yard.client("codecommit")
        self.ann, self.bob = (self._person(name, policy) for name, policy in (("ann", ALL), ("bob", NO_OVERRIDE)))
        self.base = "/repositories/shop"
        self.git.create_repository(repositoryName="shop", repositoryDescription="Sells <things>")
        self.git.create_repository(repositoryName="other")
        self.first = self.put(
            "main", {"a.txt": TEXT, "docs/README.md": "# Docs\n\n[up](../a.txt) [web](https://x.org)"}
        )
        self.branch("topic")
        self.second = self.put("topic", {"a.txt": TEXT.replace("line 5\n", "line five\n")})

    def branch(self, name: str, commit: str = "") -> None:
        self.git.create_branch(repositoryName="shop", branchName=name, commitId=commit or self.first)

    def put(self, branch: str, files: dict[str, str | bytes], message: str = "Change it") -> str:
        puts = [{"filePath": path, "fileContent": text} for path, text in files.items()]
        there = branch in self.git.list_branches(repositoryName="shop")["branches"]
        parent = {"parentCommitId": self.tip(branch)} if there else {}
        about = {"authorName": "Ann Author", "email": "ann@x.example", "commitMessage": message}
        made = self.git.create_commit(repositoryName="shop", branchName=branch, putFiles=puts, **about, **parent)
        return str(made["commitId"])

    def tip(self, branch: str) -> str:
        return str(self.git.get_branch(repositoryName="shop", branchName=branch)["branch"]["commitId"])

    def text(self, branch: str, path: str) -> bytes:
        found = self.git.get_file(repositoryName="shop", commitSpecifier=branch, filePath=path)
        return bytes(found["fileContent"])

    def open(self, source: str, title: str = "A change") -> str:
        """Open a pull request as ann does it; its page."""
        form = {"source": source, "destination": "main", "title": title, "description": "Why **not**"}
        return self.done(self.ann, f"{self.base}/pulls/new", form)

    def done(self, person: Browser, path: str, form: dict[str, str]) -> str:
        """Post a form that is to succeed; where it leads."""
        answer = self.post(person, path, form)
        assert answer.status == 303, said(answer)
        return answer["location"]

    def post(self, person: Browser, path: str, form: dict[str, str]) -> Answer:
        return person.post(path, {"csrf": person.csrf, **form})

    def pull(self, page: str) -> dict[str, Any]:
        found: dict[str, Any] = self.git.get_pull_request(pullRequestId=page.rpartition("/")[2])["pullRequest"]
        return found

    def _person(self, name: str, policy: list[Any] | None) -> Browser:
        self.yard.user(name, policy)
        browser = Browser()
        browser.console = self.yard.yard.console
        principal = self.yard.yard.identity.user_named(self.yard.account, name)
        assert principal is not None
        token = self.yard.yard.console.sessions.link(principal)
        assert browser.post("/signin/once", {"token": token}).status == 303
        return browser


def said(answer: Answer) -> str:
    """A page's text, without its elements."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", answer.text.partition("<main")[2])))


@pytest.fixture(scope="module")
def site(module_yard: TestYard) -> Site:
    return Site(module_yard)


def test_a_pull_request_is_opened_discussed_approved_and_merged(site: Site) -> None:
    assert "Change it" in said(site.ann.get(f"{site.base}/pulls/new?source=topic"))
    page = site.open("topic", "Say <five>")
    assert "Say <five>" in said(site.bob.get(f"{site.base}/pulls"))
    shown = site.bob.get(page)
    assert "ann wants to merge topic into main" in said(shown)
    assert "<strong>not</strong>" in shown.text
    line = {"path": "a.txt", "line": "5", "side": "BEFORE", "content": "Why?", "back": "changes"}
    place = site.done(site.bob, f"{page}/comment", line)
    assert place.startswith(f"{page}/changes#c-")
    comment = place.partition("#c-")[2]
    changes = site.ann.get(f"{page}/changes").text
    assert changes.index("<mark>5</mark>") < changes.index(f'id="c-{comment}"') < changes.index("<mark>five</mark>")
    site.done(site.ann, f"{page}/reply", {"comment": comment, "content": "Because."})
    site.done(site.ann, f"{page}/react", {"comment": comment, "reaction": ":heart:"})
    site.done(site.bob, f"{page}/edit", {"comment": comment, "content": "Why so?"})
    talk = site.ann.get(page)
    assert re.search(r"bob .* on a.txt:5 \(before\) Why so\?.*Because\.", said(talk))
    assert 'aria-label="heart: 1" aria-pressed="true"' in talk.text
    site.done(site.ann, f"{page}/react", {"comment": comment, "reaction": "none"})
    assert "heart: 1" not in site.ann.get(page).text
    site.done(site.bob, f"{page}/delete", {"comment": comment})
    assert "This comment was deleted." in said(site.ann.get(page))
    form = {"option": "SQUASH_MERGE", "source": site.second, "message": "All in one", "author": "Ann", "email": "a@x"}
    merged = site.done(site.ann, f"{page}/merge", form)
    assert "merged it" in said(site.bob.get(merged))
    commit = site.git.get_commit(repositoryName="shop", commitId=site.tip("main"))["commit"]
    assert (commit["message"], commit["author"]["name"], commit["parents"]) == ("All in one\n", "Ann", [site.first])
    assert "Say <five>" in said(site.bob.get(f"{site.base}/pulls?status=CLOSED"))


def test_a_rule_says_by_whom_it_is_satisfied_and_who_may_not_is_told(site: Site) -> None:
    site.branch("ruled", site.tip("main"))
    site.put("ruled", {"r.txt": "r\n"})
    page = site.open("ruled")
    pool = f"CodeCommitApprovers:{site.yard.account}:bob"
    site.done(site.ann, f"{page}/rule", {"rule": "Bob must", "needed": "1", "pool": pool})
    revision = site.pull(page)["revisionId"]
    assert "Not satisfied: Bob must 0 of 1 from bob" in said(site.ann.get(page))
    assert "Pending" in said(site.ann.get(f"{site.base}/pulls"))
    assert "somebody else has to approve it" in said(site.ann.get(page))
    refused = site.post(site.ann, f"{page}/merge", {"option": "FAST_FORWARD_MERGE"})
    assert (refused.status, "rules are not satisfied" in said(refused)) == (400, True)
    refused = site.post(site.ann, f"{page}/approve", {"revision": revision, "state": "APPROVE"})
    assert (refused.status, "An author does not approve" in said(refused)) == (400, True)
    refused = site.post(site.bob, f"{page}/override", {"revision": revision, "status": "OVERRIDE"})
    assert "codecommit:OverridePullRequestApprovalRules" in said(refused)
    site.done(site.ann, f"{page}/override", {"revision": revision, "status": "OVERRIDE"})
    assert "Rules set aside by ann" in said(site.bob.get(page))
    site.done(site.ann, f"{page}/override", {"revision": revision, "status": "REVOKE"})
    site.done(site.bob, f"{page}/approve", {"revision": revision, "state": "APPROVE"})
    shown = said(site.ann.get(page))
    assert "Every rule is satisfied" in shown
    assert "Satisfied: Bob must 1 of 1 from bob : bob" in shown
    site.put("ruled", {"r.txt": "again\n"})
    assert "Not satisfied: Bob must" in said(site.ann.get(page))  # what bob approved was another revision
    old = {"revision": revision, "state": "APPROVE"}
    assert "RevisionNotCurrentException" in said(site.post(site.bob, f"{page}/approve", old))
    site.done(site.ann, f"{page}/rule", {"rule": "Bob must", "remove": "yes"})
    site.done(site.ann, f"{page}/retell", {"title": "Told anew", "description": ""})
    assert "No approval rule applies" in said(site.ann.get(page))
    site.done(site.ann, f"{page}/close", {})
    assert "Told anew #" in said(site.ann.get(page))
    assert "Closed without a merge" in said(site.ann.get(page))


def test_conflicts_are_settled_file_by_file_and_what_was_typed_is_kept(site: Site) -> None:
    start = site.put(
        "main", {"c.txt": TEXT, "w.txt": "a\r\nb\r\n", "keep.txt": "x\n", "take.txt": "x\n", "gone.txt": "x\n"}
    )
    site.branch("rival", start)
    ours = {"c.txt": TEXT.replace("line 3\n", "three!\n").replace("line 30\n", "thirty\n"), "w.txt": "a\r\nours\r\n"}
    site.put("main", {**ours, "keep.txt": "main\n", "take.txt": "main\n", "gone.txt": "main\n"})
    theirs = {"c.txt": TEXT.replace("line 3\n", "THREE\n").replace("line 20\n", "twenty\n"), "w.txt": "a\r\ntheirs\r\n"}
    tip = site.put("rival", {**theirs, "keep.txt": "rival\n", "take.txt": "rival\n"})
    gone = {"branchName": "rival", "parentCommitId": tip, "filePath": "gone.txt"}
    tip = site.git.delete_file(repositoryName="shop", **gone)["commitId"]
    page = site.open("rival")
    assert "There are conflicts." in said(site.ann.get(page))
    shown = site.ann.get(f"{page}/conflicts").text
    paths = re.findall(r'name="path-\d+" value="([^"]*)"', shown)
    assert paths == ["c.txt", "gone.txt", "keep.txt", "take.txt", "w.txt"]
    merged, written = re.findall(r"<textarea class=\"code\" name=\"content-[04]\"[^>]*>\n(.*?)</textarea>", shown, re.S)
    merged = html.unescape(merged)
    assert "ours\n=======\ntheirs" in written
    disputed = "<<<<<<< main\nthree!\n=======\nTHREE\n>>>>>>> rival\n"
    both = TEXT.replace("line 3\n", disputed).replace("line 20\n", "twenty\n").replace("line 30\n", "thirty\n")
    assert merged == both  # what only one side changed is merged already
    choices = {"option": "THREE_WAY_MERGE", "source": tip, "message": "Peace"}
    for number, choice in enumerate(("edited", "source", "destination", "source", "edited")):
        choices |= {f"path-{number}": paths[number], f"choice-{number}": choice}
    choices |= {
        "content-0": merged.replace("line 1\n", "kept & typed\n"),
        "content-4": "a\r\nboth\r\n",
        "crlf-4": "yes",
    }
    answer = site.post(site.ann, f"{page}/merge", choices)
    assert answer.status == 400
    assert "c.txt still has conflict marks" in said(answer)
    assert "kept &amp; typed" in answer.text
    assert 'name="choice-3" value="source" required checked' in answer.text
    missing = {key: value for key, value in choices.items() if key != "choice-1"}
    settled = both.replace(disputed, "3\n")
    assert "Choose what becomes of gone.txt." in said(
        site.post(site.ann, f"{page}/merge", {**missing, "content-0": settled})
    )
    site.done(site.ann, f"{page}/merge", {**choices, "content-0": settled.replace("\n", "\r\n")})
    found = [site.text("main", path) for path in ("c.txt", "keep.txt", "take.txt", "w.txt")]
    assert found == [settled.encode(), b"main\n", b"rival\n", b"a\r\nboth\r\n"]
    with pytest.raises(site.git.exceptions.FileDoesNotExistException):
        site.text("main", "gone.txt")


def test_a_difference_of_five_thousand_lines_opens_whole_and_a_longer_one_by_parts(site: Site) -> None:
    site.branch("long", site.tip("main"))
    site.put("long", {"long.txt": "".join(f"row {n}\n" for n in range(5000)), "zz.txt": "x\n" * 5000})
    page = site.open("long")
    for view in ("unified", "split"):
        shown = site.ann.get(f"{page}/changes?view={view}").text
        assert "row 4999</td>" in shown
        assert shown.count("<tr") < 7_000  # a page has an end, whatever changed
    more = html.unescape(
        re.findall(r'href="(\?[^"]*path=zz.txt&amp;row=1000)"', site.ann.get(f"{page}/changes").text)[0]
    )
    rest = site.ann.get(f"{page}/changes{more}").text
    assert (rest.count('<tr class="add">'), "row 1<" in rest) == (4000, False)
    commits = said(site.ann.get(f"{page}/commits"))
    assert site.tip("long")[:8] in commits
    assert site.tip("main")[:8] not in commits


def test_a_repositorys_home_tells_what_it_is_and_how_to_clone_it_with_each_credential(site: Site) -> None:
    home = site.ann.get(site.base)
    about = site.git.get_repository(repositoryName="shop")["repositoryMetadata"]
    key = about["cloneUrlSsh"].replace("ssh://", "ssh://YOUR-KEY-ID@")
    commands = {html.unescape(one) for one in re.findall(r'readonly value="([^"]*)"', home.text)}
    assert {
        f"git clone {about['cloneUrlHttp']}",
        "git clone codecommit::us-east-1://shop",
        f"git clone {key}",
    } <= commands
    assert "git config --global credential.UseHttpPath true" in commands
    docs = site.ann.get(f"{site.base}/files/docs").text
    assert '<a href="/repositories/shop/files/a.txt?at=main">up</a>' in docs
    assert '<a href="https://x.org" rel="noopener noreferrer nofollow">web</a>' in docs
    assert "<h2>Docs</h2>" in docs
    assert "topic" in said(site.ann.get(f"{site.base}/branches"))
    file = site.ann.get(f"{site.base}/files/a.txt").text
    assert 'href="#L-7"' in file


def test_the_files_at_a_branch_are_downloaded_as_an_archive(site: Site) -> None:
    home = site.ann.get(f"{site.base}/files/?at=topic").text
    links = {html.unescape(link) for link in re.findall(r'href="([^"]*/archive[^"]*)"', home)}
    assert links == {f"{site.base}/archive?kind={kind}&at=topic" for kind in ("zip", "tar.gz")}
    zipped = site.ann.download(f"{site.base}/archive?kind=zip&at=topic")
    assert zipped["content-disposition"] == 'attachment; filename="shop-topic.zip"'
    with zipfile.ZipFile(io.BytesIO(zipped.body)) as archive:
        assert archive.read("shop-topic/a.txt") == site.text("topic", "a.txt")
    packed = site.ann.download(f"{site.base}/archive?kind=tar.gz&at={site.first}")
    with tarfile.open(fileobj=io.BytesIO(packed.body), mode="r:gz") as tar:
        names = {member.name for member in tar.getmembers() if member.isfile()}
    assert names == {f"shop-{site.first}/{path}" for path in ("a.txt", "docs/README.md")}


def test_an_archive_is_for_those_who_may_pull_and_of_what_is_there(site: Site) -> None:
    read = [{"Effect": "Allow", "Action": ["codecommit:Get*", "codecommit:List*"], "Resource": "*"}]
    reader = site._person("archive-reader", read)
    assert reader.get(f"{site.base}/archive").status == 403
    for query in ("kind=rar", "at=nowhere", "at=--output%3D/tmp/x", "kind=zip%0A", "at=a%0Ab"):
        assert site.ann.get(f"{site.base}/archive?{query}").status in (400, 404), query
    assert site.ann.get("/repositories/nowhere/archive").status == 404


def test_a_files_lines_tell_who_wrote_them_and_its_history_each_version(site: Site) -> None:
    first = site.put("main", {"b.txt": "one\ntwo\nthree\n"}, "Begin b")
    second = site.put("main", {"b.txt": "one\n2 <b>\nthree\n"}, "Change b")
    site.put("main", {"c2.txt": "x\n"})
    for _ in range(2):  # asked of git, then kept
        blamed = said(site.ann.get(f"{site.base}/blame/b.txt"))
        lines = [(first, "one", 1), (second, "2 <b>", 2), (first, "three", 3)]
        assert re.search(".*".join(f"{c[:8]} Ann Author, [0-9-]+ {n} {re.escape(t)}" for c, t, n in lines), blamed)
    shown = said(site.ann.get(f"{site.base}/history/b.txt"))
    assert shown.index(second[:8]) < shown.index(first[:8])
    compared = site.ann.get(f"{site.base}/compare?before={first}&after={second}&view=split").text
    assert '<td class="t add">+2 &lt;b&gt;</td>' in compared
    assert "Change b" in compared
    assert site.ann.get(f"{site.base}/compare?before=nowhere&after=main").status == 400
    assert site.ann.get(f"{site.base}/blame/none.txt").status == 404


def test_settings_and_templates_are_read_and_changed(site: Site) -> None:
    settings = f"{site.base}/settings"
    site.done(site.ann, f"{settings}/describe", {"description": "Sells <all>"})
    site.done(site.ann, f"{settings}/default", {"branch": "topic"})
    site.done(site.ann, f"{settings}/default", {"branch": "main"})
    site.done(site.ann, f"{settings}/tag", {"key": "team", "value": "blue"})
    arn = f"arn:aws:sns:us-east-1:{site.yard.account}:news"
    form = {"trigger": "tell", "destination": arn, "branches": "main\r\n", "event-createReference": "yes"}
    site.done(site.ann, f"{settings}/trigger", form)
    wanted = {"name": "tell", "destinationArn": arn, "branches": ["main"], "events": ["createReference"]}
    assert site.git.get_repository_triggers(repositoryName="shop")["triggers"] == [wanted]
    assert "tell" in said(site.post(site.ann, f"{settings}/trigger", {"trigger": "tell", "do": "test"}))
    rule = {
        "name": "a/b?",
        "needed": "2",
        "pool": f"CodeCommitApprovers:{site.yard.account}:bob\r\n",
        "branches": "main",
    }
    template = site.done(site.ann, "/approval-templates", rule)
    site.done(site.ann, f"{settings}/template", {"template": "a/b?"})
    shown = said(site.ann.get(settings))
    for text in ("Sells <all>", "team = blue", f"tell → {arn} createReference of main", "a/b?"):
        assert text in shown
    seen = re.findall(r'name="seen" value="([0-9a-f]+)"', site.ann.get(template).text)[0]
    bad = site.post(site.ann, template, {"json": '{"Version": "2018"}', "seen": seen})
    assert (bad.status, "Statements missing" in said(bad), "2018" in bad.text) == (400, True, True)
    site.done(site.ann, template, {"needed": "1", "pool": "", "branches": "", "seen": seen, "description": "One"})
    kept = site.git.get_approval_rule_template(approvalRuleTemplateName="a/b?")["approvalRuleTemplate"]
    assert json.loads(kept["approvalRuleTemplateContent"])["Statements"] == [
        {"Type": "Approvers", "NumberOfApprovalsNeeded": 1}
    ]
    assert (
        site.post(site.ann, template, {"needed": "3", "seen": seen}).status == 400
    )  # another has changed it meanwhile
    assert "is associated with a repository" in said(site.post(site.ann, template, {"do": "delete"}))
    site.done(site.ann, f"{settings}/template", {"template": "a/b?", "remove": "yes"})
    assert site.done(site.ann, template, {"do": "delete"}) == "/approval-templates"
    site.done(site.ann, f"{settings}/trigger", {"trigger": "tell", "do": "remove"})
    site.done(site.ann, f"{settings}/tag", {"key": "team", "remove": "yes"})
    assert "No trigger. " in said(site.ann.get(settings))
    assert "No tag. " in said(site.ann.get(settings))


def test_what_is_asked_for_wrongly_is_answered_in_words(site: Site) -> None:
    site.branch("wrong", site.tip("main"))
    site.put("wrong", {"wrong.txt": "x\n"})
    page = site.open("wrong")
    number = page.rpartition("/")[2]
    assert site.ann.get(f"/repositories/other/pulls/{number}").status == 404
    for path, form, words in (
        (f"{page}/comment", {"content": "x", "path": "wrong.txt", "line": "nine"}, "is not the number of a line"),
        (f"{page}/comment", {"content": "x", "path": "wrong.txt", "line": "99"}, "not that of a line"),
        (f"{page}/comment", {"content": " "}, "content is required"),
        (f"{page}/merge", {"option": "MAGIC"}, "Choose how to merge"),
        (f"{page}/merge", {"option": "SQUASH_MERGE", "source": site.first}, "another tip"),
        (f"{page}/rule", {"rule": "R", "needed": "many"}, "NumberOfApprovalsNeeded must be a number"),
        (f"{site.base}/pulls/new", {"source": "main", "destination": "main", "title": "t"}, "are one branch"),
        (f"{site.base}/pulls/new", {"source": "nowhere", "title": "t"}, "does not exist"),
    ):
        answer = site.post(site.ann, path, form)
        assert (answer.status, words in said(answer)) == (400, True), (path, form, said(answer))
    stranger = site._person("eve", None)
    for path in (page, f"{page}/changes", f"{site.base}/blame/a.txt", f"{site.base}/settings", "/approval-templates"):
        assert "not authorized" in said(stranger.get(path)), path
    policy = [{"Effect": "Allow", "Action": ["codecommit:GetRepository", "codecommit:ListBranches"], "Resource": "*"}]
    policy.append({"Effect": "Allow", "Action": "codecommit:GetFile", "Resource": "*"})
    reader = site._person("reader", policy)
    assert "Who wrote each line" in said(reader.get(f"{site.base}/blame/a.txt"))  # whoever may get the file

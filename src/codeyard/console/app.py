"""The console's routes, all in one list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from codeyard.console.changes import Changes
from codeyard.console.headers import OwnHosts, SafeHeaders
from codeyard.console.live import live
from codeyard.console.pages import (
    builds,
    commits,
    deployments,
    pipelines,
    pull,
    pull_changes,
    pulls,
    repositories,
    settings,
    signin,
    templates,
    trail,
)
from codeyard.console.pages.downloads import archive_page
from codeyard.console.sessions import Sessions
from codeyard.console.web import Site, cookie, root_of
from codeyard.contract import Principal
from codeyard.gateway import Gateway
from codeyard.gateway.ports import Identity

# What one does with a pull request, beside merging it: each a function of pages.pull_changes, and a path.
_DONE = ("comment", "reply", "edit", "delete", "react", "approve", "override", "rule", "retell", "close")
_SET = ("describe", "default", "tag", "trigger", "template")  # as well, of pages.settings
HOSTS = ("console.localhost",)


class Console(Starlette):
    """The console as an ASGI application, and the maker of its one-time links."""

    def __init__(
        self,
        gateway: Gateway,
        identity: Identity,
        changes: Changes,
        *,
        region: str,
        account: str,
        url: str,
        hosts: tuple[str, ...] = HOSTS,
    ) -> None:
        self._url = url
        self.changes = changes
        self.sessions = Sessions(gateway.clock, gateway.ids)
        self._site = Site(gateway, self.sessions, region, account, changes.wake)
        super().__init__(
            routes=routes(self._site, identity, changes),
            middleware=[Middleware(SafeHeaders), Middleware(OwnHosts, hosts)],
            exception_handlers={HTTPException: self._problem},
        )

    def one_time_link(self, principal: Principal) -> str:
        """A URL that signs the principal in once, within five minutes."""
        return f"{self._url}/signin/once?token={self.sessions.link(principal)}"

    def close(self) -> None:
        """End the live pages."""
        self.changes.close()

    async def _problem(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        titles = {404: "There is no such page", 405: "Not possible here"}
        return self._site.render(
            "problem.html",
            error.status_code,
            session=self._site.sessions.find(cookie(request)),
            root=root_of(request),
            path="",
            title=titles.get(error.status_code, "That did not work"),
            message=error.detail,
            back="/",
        )


def routes(site: Site, identity: Identity, changes: Changes) -> list[Route | Mount]:
    """Every page and action."""
    page = site.page
    door = signin.SignIn(site, identity)
    return [
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        _get("/signin", door.form),
        _post("/signin", door.enter),
        _get("/signin/once", door.once),
        _post("/signin/once", door.redeem),
        _post("/signout", door.leave),
        _get("/", page(pipelines.index)),
        _get("/pipelines/{name}", page(pipelines.show)),
        _get("/pipelines/{name}/live", page(live(changes, pipelines.looker))),
        _get("/pipelines/{name}/executions/{execution}", page(pipelines.execution)),
        _post("/pipelines/{name}/release", page(pipelines.release)),
        _post("/pipelines/{name}/approve", page(pipelines.approve)),
        _post("/pipelines/{name}/retry", page(pipelines.retry)),
        _post("/pipelines/{name}/stop", page(pipelines.stop)),
        _post("/pipelines/{name}/transition", page(pipelines.transition)),
        _get("/builds", page(builds.index)),
        _get("/builds/{build}", page(builds.show)),
        _get("/builds/{build}/live", page(builds.live_page(changes))),
        _post("/builds/{build}/stop", page(builds.stop)),
        _get("/repositories", page(repositories.index)),
        _get("/repositories/{name}", page(repositories.show)),
        _get("/repositories/{name}/files/{path:path}", page(repositories.files)),
        _get("/repositories/{name}/blame/{path:path}", page(repositories.blame)),
        _get("/repositories/{name}/history/{path:path}", page(repositories.history)),
        _get("/repositories/{name}/branches", page(repositories.branches)),
        _get("/repositories/{name}/archive", page(archive_page())),
        _get("/repositories/{name}/commits", page(commits.index)),
        _get("/repositories/{name}/commit/{commit}", page(commits.show)),
        _get("/repositories/{name}/compare", page(commits.between)),
        *_pulls(page),
        _get("/repositories/{name}/settings", page(settings.show)),
        *(_post("/repositories/{name}/settings/" + part, page(getattr(settings, part))) for part in _SET),
        _get("/approval-templates", page(templates.index)),
        _post("/approval-templates", page(templates.create)),
        _get("/approval-templates/{template:path}", page(templates.show)),
        _post("/approval-templates/{template:path}", page(templates.change)),
        _get("/deployments", page(deployments.index)),
        _get("/deployments/{deployment}", page(deployments.show)),
        _get("/deployments/{deployment}/live", page(live(changes, deployments.looker))),
        _post("/deployments/{deployment}/stop", page(deployments.stop)),
        _get("/trail", page(trail.index)),
    ]


def _pulls(page: Callable[..., Callable[..., object]]) -> list[Route]:
    base = "/repositories/{name}/pulls"
    one = base + "/{pull}"
    done = {name: getattr(pull_changes, name) for name in _DONE}
    return [
        _get(base, page(pulls.index)),
        _get(f"{base}/new", page(pulls.new)),
        _post(f"{base}/new", page(pulls.create)),
        _get(one, page(pull.conversation)),
        _get(f"{one}/commits", page(pull.commits)),
        _get(f"{one}/changes", page(pull.changes)),
        _get(f"{one}/conflicts", page(pull.conflicted)),
        *(_post(f"{one}/{name}", page(action)) for name, action in done.items()),
        _post(f"{one}/merge", page(pull_changes.merge, most_form=pull_changes.MOST_FORM)),
    ]


def _get(path: str, endpoint: Callable[..., object]) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Callable[..., object]) -> Route:
    return Route(path, endpoint, methods=["POST"])

"""The console's routes, all in one list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from codeyard.console.changes import Changes
from codeyard.console.pages import builds, deployments, pipelines, repositories, signin, trail
from codeyard.console.sessions import Sessions
from codeyard.console.web import Site
from codeyard.contract import Principal
from codeyard.gateway import Gateway
from codeyard.gateway.ports import Identity

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
        self.sessions = Sessions(gateway.clock, gateway.ids)
        site = Site(gateway, self.sessions, region, account)
        super().__init__(
            routes=routes(site, identity, changes),
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
        )

    def one_time_link(self, principal: Principal) -> str:
        """A URL that signs the principal in once, within five minutes."""
        return f"{self._url}/signin/once?token={self.sessions.link(principal)}"


def routes(site: Site, identity: Identity, changes: Changes) -> list[Route | Mount]:
    """Every page and action."""
    page = site.page
    static = StaticFiles(directory=Path(__file__).parent / "static")
    door = signin.SignIn(site, identity)
    graph = pipelines.Graph(changes)
    logs = builds.Logs(changes)
    return [
        Mount("/static", static),
        _get("/signin", door.form),
        _post("/signin", door.enter),
        _get("/signin/once", door.once),
        _post("/signin/once", door.redeem),
        _post("/signout", door.leave),
        _get("/", page(pipelines.index)),
        _get("/pipelines/{name}", page(pipelines.show)),
        _get("/pipelines/{name}/live", page(graph.live)),
        _get("/pipelines/{name}/executions/{execution}", page(pipelines.execution)),
        _post("/pipelines/{name}/release", page(pipelines.release)),
        _post("/pipelines/{name}/approve", page(pipelines.approve)),
        _post("/pipelines/{name}/retry", page(pipelines.retry)),
        _post("/pipelines/{name}/stop", page(pipelines.stop)),
        _post("/pipelines/{name}/transition", page(pipelines.transition)),
        _get("/builds", page(builds.index)),
        _get("/builds/{build:path}/log", page(logs.live)),
        _post("/builds/{build:path}/stop", page(builds.stop)),
        _get("/builds/{build:path}", page(builds.show)),
        _get("/repositories", page(repositories.index)),
        _get("/repositories/{name}", page(repositories.show)),
        _get("/repositories/{name}/tree/{ref}/{path:path}", page(repositories.tree)),
        _get("/repositories/{name}/commits/{ref:path}", page(repositories.commits)),
        _get("/repositories/{name}/commit/{commit}", page(repositories.commit)),
        _get("/deployments", page(deployments.index)),
        _get("/deployments/{deployment}", page(deployments.show)),
        _get("/trail", page(trail.index)),
    ]


def _get(path: str, endpoint: Callable[..., object]) -> Route:
    return Route(path, endpoint, methods=["GET"])


def _post(path: str, endpoint: Callable[..., object]) -> Route:
    return Route(path, endpoint, methods=["POST"])

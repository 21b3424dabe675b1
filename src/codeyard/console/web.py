"""What every page is made with: the request as a Visit, the guard in front of it, templates and headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from codeyard.console import formats
from codeyard.console.sessions import Session, Sessions, same
from codeyard.contract import AwsError, Client, Origin
from codeyard.gateway import Gateway

COOKIE = "codeyard-session"
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
}
Page = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    session: Session
    client: Client
    form: Mapping[str, str]
    site: Site

    def path(self, name: str) -> str:
        """A part of the URL."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the URL."""
        return self.request.query_params.get(name, default)

    async def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation as the visitor; raises AwsError."""
        return await run_in_threadpool(partial(self.client.call, service, operation, params))

    async def ask(self, service: str, operation: str, **params: Any) -> dict[str, Any] | AwsError:
        """Call an operation whose refusal the page can show in its place."""
        try:
            return await self.call(service, operation, **params)
        except AwsError as error:
            return error

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page."""
        return self.site.render(template, status, session=self.session, path=self.request.url.path, **values)


class Site:
    """Templates, sessions and the guard. `home_region` is where the console looks."""

    def __init__(self, gateway: Gateway, sessions: Sessions, region: str, account: str) -> None:
        self.gateway, self.sessions, self.region, self.account = gateway, sessions, region, account
        self._templates = Environment(
            loader=PackageLoader("codeyard.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters.update(formats.FILTERS)
        self._templates.globals.update(quote=partial(quote, safe=""))

    def page(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        """Guard a page: only for the signed-in, changes only with their token and from our own origin."""

        async def guarded(request: Request) -> Response:
            session = self.sessions.find(request.cookies.get(COOKIE, ""))
            if session is None:
                return RedirectResponse(f"/signin?next={quote(request.url.path)}", 303)
            form = {k: str(v) for k, v in (await request.form()).items()} if request.method == "POST" else {}
            if request.method == "POST" and not _allowed(request, form.get("csrf", ""), session.csrf):
                return self.render("problem.html", 403, session=session, path="", title="Refused", message=_STALE)
            visit = Visit(request, session, self._client(request, session), form, self)
            try:
                return await page(visit)
            except AwsError as error:
                return visit.render("problem.html", error.status or 400, title=error.code, message=error.message)

        return guarded

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page with the console's headers."""
        text = self._templates.get_template(template).render(**values)
        return HTMLResponse(text, status, HEADERS)

    def fragment(self, template: str, **values: Any) -> str:
        """A part of a page as text."""
        return self._templates.get_template(template).render(**values)

    def _client(self, request: Request, session: Session) -> Client:
        client = request.client.host if request.client else ""
        origin = Origin(
            source_ip=client,
            user_agent=request.headers.get("user-agent", ""),
            secure=request.url.scheme == "https",
            endpoint=f"{request.url.scheme}://{request.url.netloc}",
            protocol="console",
        )
        return self.gateway.client(session.principal, session.principal.account, self.region, origin=origin)


_STALE = "This form is out of date or came from another site. Go back, reload the page and try again."


def from_here(request: Request) -> bool:
    """Whether a change comes from a page of this host: by Origin, else by Sec-Fetch-Site."""
    origin = request.headers.get("origin")
    if origin:
        return urlsplit(origin).netloc == request.url.netloc
    return request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _allowed(request: Request, given: str, expected: str) -> bool:
    return same(given, expected) and from_here(request)

"""What every page is made with: the request as a Visit, the guard in front of it, templates and headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from codeyard.console import formats
from codeyard.console.sessions import Session, Sessions, same
from codeyard.contract import AwsError, Client, Origin
from codeyard.gateway import Gateway

COOKIE = "codeyard-session"
MOST_FORM = 64 * 1024
_STALE = "This form is out of date or came from another site. Go back, reload the page and try again."
_MISSING = ("NotFoundException", "DoesNotExistException", "NotFound")
Page = Callable[["Visit"], Awaitable[Response]]


class Site:
    """Templates, sessions and the guard. Pages look at `region`, as the account of who is signed in."""

    def __init__(
        self, gateway: Gateway, sessions: Sessions, region: str, account: str, changed: Callable[[], None]
    ) -> None:
        self.gateway, self.sessions, self.region, self.account = gateway, sessions, region, account
        self._changed = changed
        self._templates = Environment(
            loader=PackageLoader("codeyard.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(formats.FILTERS)
        self._templates.globals.update(region=region)

    def page(self, page: Page, *, most_form: int = MOST_FORM) -> Callable[[Request], Awaitable[Response]]:
        """Guard a page: only for the signed-in, changes only with their token and from our own origin."""

        async def guarded(request: Request) -> Response:
            session = self.sessions.find(cookie(request))
            if session is None:
                return _sign_in_first(request)
            form = await read_form(request, most_form) if request.method == "POST" else {}
            if request.method == "POST" and not (from_here(request) and same(form.get("csrf", ""), session.csrf)):
                values = {"session": session, "root": root_of(request), "path": ""}
                return self.render("problem.html", 403, title="Refused", message=_STALE, back="/", **values)
            return await self._answer(page, Visit(request, session, self._client(request, session), form, self))

        return guarded

    async def _answer(self, page: Page, visit: Visit) -> Response:
        try:
            answer = await page(visit)
        except AwsError as error:
            status = error.status or (404 if error.code.endswith(_MISSING) else 400)
            back = path_of(visit.request).rpartition("/")[0] if visit.request.method == "POST" else "/"
            return visit.render("problem.html", status, title=error.code, message=error.message, back=back or "/")
        if visit.request.method == "POST":
            self._changed()
        return answer

    def render(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page."""
        return HTMLResponse(self.fragment(template, **values), status)

    def fragment(self, template: str, /, **values: Any) -> str:
        """A template as text."""
        return self._templates.get_template(template).render(**values)

    def _client(self, request: Request, session: Session) -> Client:
        return self.gateway.client(session.principal, session.principal.account, self.region, origin=origin_of(request))


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    session: Session
    client: Client
    form: Mapping[str, str]
    site: Site

    def path(self, name: str) -> str:
        """A part of the URL's path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A parameter of the URL's query."""
        return self.request.query_params.get(name, default)

    def still_signed_in(self) -> bool:
        """Whether the session has neither ended nor run out meanwhile."""
        return self.site.sessions.find(cookie(self.request)) is not None

    async def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation as the visitor; raises AwsError."""
        return await run_in_threadpool(partial(self.client.call, service, operation, params))

    async def ask(self, service: str, operation: str, **params: Any) -> dict[str, Any] | AwsError:
        """Call an operation whose refusal the page can show in its place."""
        try:
            return await self.call(service, operation, **params)
        except AwsError as error:
            return error

    def render(self, template: str, status: int = 200, /, **values: Any) -> Response:
        """A page."""
        return self.site.render(template, status, path=path_of(self.request), **self._common, **values)

    def fragment(self, template: str, /, **values: Any) -> str:
        """A part of a page, as text."""
        return self.site.fragment(template, **self._common, **values)

    @property
    def _common(self) -> dict[str, Any]:
        return {"session": self.session, "root": root_of(self.request)}


def root_of(request: Request) -> str:
    """What the console's paths begin with: nothing on its own host, /console where it shares the server's."""
    return str(request.scope.get("root_path", ""))


def path_of(request: Request) -> str:
    """The path of a page, the same wherever the console is."""
    return str(request.scope["path"]).removeprefix(root_of(request)) or "/"


def go(path: str, at: str = "") -> Response:
    """Send the browser to one of our own pages after a change, to a place on it; SafeHeaders puts the root before."""
    return RedirectResponse(quote(path, safe="/:@?=&%") + (f"#{at}" if at else ""), 303)


async def read_form(request: Request, most: int = MOST_FORM) -> dict[str, str]:
    """The posted fields (application/x-www-form-urlencoded); raises HTTPException for what no form of ours sends."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415, "Forms are sent as application/x-www-form-urlencoded.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, "This form is too large.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=100))
    except ValueError:
        raise HTTPException(400, "This form cannot be read.") from None


def from_here(request: Request) -> bool:
    """Whether a change comes from a page of this very host and port: browsers say so by Origin or Sec-Fetch-Site."""
    origin = request.headers.get("origin")
    if origin is not None:
        there = urlsplit(origin)
        return (there.scheme, there.netloc) == (request.url.scheme, request.url.netloc)
    return request.headers.get("sec-fetch-site") == "same-origin"


def cookie_name(request: Request) -> str:
    """The session cookie's name. It holds the port, for browsers keep one jar for all ports of a host."""
    return f"{COOKIE}-{request.url.port or 0}"


def cookie(request: Request) -> str:
    """The session's secret that the browser sent, or nothing."""
    return request.cookies.get(cookie_name(request), "")


def origin_of(request: Request) -> Origin:
    """Where the visitor's calls come from, for policies and the trail. No endpoint: the console's host is not one."""
    return Origin(
        source_ip=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        secure=request.url.scheme == "https",
        protocol="console",
    )


def _sign_in_first(request: Request) -> Response:
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response("signed out", 401)
    wanted = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
    onward = f"?next={quote(wanted, safe='')}" if request.method == "GET" and wanted != "/" else ""
    return RedirectResponse(f"/signin{onward}", 303)

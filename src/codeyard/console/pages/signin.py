"""Signing in: as an IAM user with a password, or by the link that `codeyard console` prints."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from codeyard.console.web import COOKIE, HEADERS, Site, from_here
from codeyard.contract import Principal
from codeyard.gateway.ports import Identity

_WRONG = "Your authentication information is incorrect. Please try again."


class SignIn:
    """The pages that need no session."""

    def __init__(self, site: Site, identity: Identity) -> None:
        self._site, self._identity = site, identity

    async def form(self, request: Request) -> Response:
        """The sign-in form."""
        return self._form(request, "")

    async def enter(self, request: Request) -> Response:
        """Check account, user and password."""
        form = await request.form()
        if not from_here(request):
            return self._form(request, "Sign in from this page, please.", 403)
        given = [str(form.get(name, "")) for name in ("account", "user", "password")]
        principal = await run_in_threadpool(self._identity.console_login, *given)
        if principal is None:
            return self._form(request, _WRONG, 403)
        return self._welcome(request, principal, str(form.get("next", "/")))

    async def once(self, request: Request) -> Response:
        """Ask for a click: a link that a scanner opens must not be used up by it."""
        token = request.query_params.get("token", "")
        return self._site.render("once.html", session=None, path="", token=token)

    async def redeem(self, request: Request) -> Response:
        """Use a one-time link."""
        form = await request.form()
        principal = self._site.sessions.redeem(str(form.get("token", ""))) if from_here(request) else None
        if principal is None:
            return self._form(request, "This link was used or is too old. Run `codeyard console` for a new one.", 403)
        return self._welcome(request, principal, "/")

    async def leave(self, request: Request) -> Response:
        """Sign out."""
        if from_here(request):
            self._site.sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/signin", 303, HEADERS)
        answer.delete_cookie(COOKIE)
        return answer

    def _form(self, request: Request, problem: str, status: int = 200) -> Response:
        onward = request.query_params.get("next", "/")
        values = {"problem": problem, "account": self._site.account, "onward": onward}
        return self._site.render("signin.html", status, session=None, path="", **values)

    def _welcome(self, request: Request, principal: Principal, onward: str) -> Response:
        here = onward if onward.startswith("/") and not onward.startswith(("//", "/\\")) else "/"
        answer = RedirectResponse(here, 303, HEADERS)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, self._site.sessions.open(principal), httponly=True, samesite="strict", secure=secure)
        return answer

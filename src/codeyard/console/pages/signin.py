"""Signing in: as an IAM user with a password, or by the link that `codeyard console` prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from codeyard.console import record
from codeyard.console.web import Site, cookie, cookie_name, from_here, origin_of, read_form, root_of
from codeyard.contract import Principal
from codeyard.gateway.attempts import Attempts
from codeyard.gateway.ports import Identity

_WRONG = "Your authentication information is incorrect. Please try again."
_WAIT = "Too many wrong passwords for this user. Wait a moment, then try again."
_OLD = "This link was used or is too old. Run `codeyard console` for a new one."
_ELSEWHERE = "Sign in from this page, please."
_OUR_PAGE = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_LONGEST = 128
Make = Callable[[record.Visit], dict[str, Any]]


class SignIn:
    """The pages that need no session."""

    def __init__(self, site: Site, identity: Identity) -> None:
        self._site, self._identity = site, identity
        self._attempts = Attempts(site.gateway.clock)
        self._limit: CapacityLimiter | None = None

    async def form(self, request: Request) -> Response:
        """The sign-in form; who is signed in goes on at once."""
        onward = request.query_params.get("next", "/")
        if self._site.sessions.find(cookie(request)) is not None:
            return RedirectResponse(our_page(onward), 303)
        return self._form(request, "", onward=onward)

    async def enter(self, request: Request) -> Response:
        """Check account, user and password."""
        form = await read_form(request)
        account, user = form.get("account", "")[:_LONGEST], form.get("user", "")[:_LONGEST]
        onward = form.get("next", "/")
        if not from_here(request):
            return self._form(request, _ELSEWHERE, 403, account=account, user=user)
        tried = f"{account}/{user}", origin_of(request).source_ip
        if not self._attempts.may_try(*tried):
            return self._form(request, _WAIT, 429, account=account, user=user, onward=onward)
        password = form.get("password", "")[:_LONGEST]
        code = form.get("code", "").strip()[:_LONGEST]
        principal = await self._slowly(partial(self._identity.console_login, account, user, password, code))
        if principal is None:
            await self._slowly(partial(self._note_refused, request, account, user))
            self._attempts.wrong(*tried)
            return self._form(request, _WRONG, 403, account=account, user=user, onward=onward)
        self._attempts.right(*tried)
        await self._note(request, principal, partial(record.signed_in, by="password"))
        return self._welcome(request, principal, onward)

    async def once(self, request: Request) -> Response:
        """Ask for a click: a link that a scanner opens must not be used up by it."""
        token = request.query_params.get("token", "")
        return self._site.render("once.html", session=None, root=root_of(request), path="", token=token)

    async def redeem(self, request: Request) -> Response:
        """Use a one-time link."""
        form = await read_form(request)
        if not from_here(request):
            return self._form(request, _ELSEWHERE, 403)
        principal = self._site.sessions.redeem(form.get("token", ""))
        if principal is None:
            await self._note(request, None, partial(record.turned_away, by="one-time link"))
            return self._form(request, _OLD, 403)
        await self._note(request, principal, partial(record.signed_in, by="one-time link"))
        return self._welcome(request, principal, "/")

    async def leave(self, request: Request) -> Response:
        """Sign out; another site's page cannot, nor take the cookie away."""
        answer = RedirectResponse("/signin", 303)
        if not from_here(request):
            return answer
        session = self._site.sessions.find(cookie(request))
        if session is not None:
            self._site.sessions.end(cookie(request))
            await self._note(request, session.principal, record.signed_out)
        answer.delete_cookie(cookie_name(request), path=root_of(request) or "/", httponly=True, samesite="strict")
        return answer

    async def _slowly(self, work: partial[Principal | None] | partial[None]) -> Principal | None:
        """Run on few threads of our own: password hashes are slow, and strangers may ask for many."""
        self._limit = self._limit or CapacityLimiter(2)
        return await to_thread.run_sync(work, limiter=self._limit)

    def _note_refused(self, request: Request, account: str, user: str) -> None:
        """A wrong password: on the trail of the account that was meant, of the user if there is one of that name."""
        known = self._identity.account_named(account)
        who = self._identity.user_named(known, user) if known else None
        self._write(request, who, known or self._site.account, partial(record.turned_away, by="password"))

    async def _note(self, request: Request, who: Principal | None, make: Make) -> None:
        account = who.account if who is not None else self._site.account
        await self._slowly(partial(self._write, request, who, account, make))

    def _write(self, request: Request, who: Principal | None, account: str, make: Make) -> None:
        gateway, page = self._site.gateway, f"{request.url.scheme}://{request.url.netloc}{root_of(request)}/"
        place = (account, self._site.region, origin_of(request), page)
        now = gateway.clock.now()
        visit = record.Visit(who, *place, gateway.ids.ordered_uuid(now), now)
        gateway.auditor.now(partial(make, visit))

    def _form(
        self, request: Request, problem: str, status: int = 200, *, account: str = "", user: str = "", onward: str = "/"
    ) -> Response:
        values = {"problem": problem, "account": account or self._site.account, "user": user, "onward": onward}
        return self._site.render("signin.html", status, session=None, root=root_of(request), path="", **values)

    def _welcome(self, request: Request, principal: Principal, onward: str) -> Response:
        self._site.sessions.end(cookie(request))
        answer = RedirectResponse(our_page(onward), 303)
        secret, secure = self._site.sessions.open(principal), request.url.scheme == "https"
        name, path = cookie_name(request), root_of(request) or "/"
        answer.set_cookie(name, secret, path=path, httponly=True, samesite="strict", secure=secure)
        return answer


def our_page(onward: str) -> str:
    """The path if it is one of this host's, else the first page: nobody is sent elsewhere after signing in."""
    return onward if _OUR_PAGE.fullmatch(onward) else "/"

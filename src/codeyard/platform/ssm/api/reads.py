"""Parameters are read: one, several, below a path, through their history."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from codeyard.contract import AwsError, Context, Params
from codeyard.formats import page_tokens
from codeyard.formats.moments import moment
from codeyard.platform.ssm import model, secure
from codeyard.platform.ssm.api.base import Base, arn_of
from codeyard.platform.ssm.errors import invalid, not_found
from codeyard.platform.ssm.model import Parameter
from codeyard.platform.ssm.store import Place


class Reads(Base):
    """Values and what is known about them."""

    def get_parameter(self, ctx: Context, req: Params) -> dict[str, Any]:
        """One parameter by name, ARN, name:version or name:label."""
        found = self._kit.db.read(lambda tx: self._find(ctx, tx, req["Name"]))
        return {"Parameter": self._shown(ctx, found, req, req["Name"])}

    def get_parameters(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Several parameters; those that are not there are listed as invalid."""
        names = list(dict.fromkeys(req["Names"]))
        if len(names) != len(req["Names"]):
            raise invalid("Duplicate parameter names are not allowed.")

        def read(tx: Any) -> tuple[list[tuple[str, Parameter]], list[str]]:
            good, bad = [], []
            for name in names:
                try:
                    good.append((name, self._find(ctx, tx, name)))
                except AwsError:
                    bad.append(name)
            return good, bad

        good, bad = self._kit.db.read(read)
        return {"Parameters": [self._shown(ctx, one, req, name) for name, one in good], "InvalidParameters": bad}

    def get_parameters_by_path(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The parameters under a path, at any depth with Recursive."""
        path = req["Path"]
        if not path.startswith("/"):
            raise invalid(
                "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a "
                'forward slash "/". It can\'t be prefixed with "aws" or "ssm" (case-insensitive).'
            )
        tests = model.compile_filters(req.get("ParameterFilters") or (), by_path=True)
        recursive = bool(req.get("Recursive"))
        asked = (path, recursive, repr(req.get("ParameterFilters")))
        below = path.rstrip("/") + "/" if path != "/" else ""
        matches = self._matches(
            ctx, req, asked, below, lambda p, tags: model.under(p.name, path, recursive) and _all(tests, p, tags)
        )
        page, token = _page(matches, req.get("MaxResults") or 10, lambda p: p.name, asked)
        return _with_token({"Parameters": [self._shown(ctx, p, req, p.name) for p in page]}, token)

    def describe_parameters(self, ctx: Context, req: Params) -> dict[str, Any]:
        """The parameters' metadata, without values."""
        if req.get("Shared"):
            return {"Parameters": []}
        if req.get("Filters") and req.get("ParameterFilters"):
            raise invalid("You can use either Filters or ParameterFilters in a single request.")
        filters = req.get("ParameterFilters") or [{**one, "Option": _old(one)} for one in req.get("Filters") or ()]
        tests = model.compile_filters(filters, by_path=False)
        asked = (repr(filters),)
        matches = self._matches(ctx, req, asked, "", lambda p, tags: _all(tests, p, tags))
        page, token = _page(matches, req.get("MaxResults") or 50, lambda p: p.name, asked)
        return _with_token({"Parameters": [{**_metadata(p), "ARN": arn_of(ctx, p)} for p in page]}, token)

    def get_parameter_history(self, ctx: Context, req: Params) -> dict[str, Any]:
        """Every kept version, oldest first."""
        name, asked = self._own_name(ctx, req["Name"]), ("history", req["Name"])
        after = _place(req.get("NextToken"), int, asked) or 0
        found = self._kit.db.read(lambda tx: Place(ctx.account, ctx.region).history(tx, name))
        if not found:
            raise not_found()
        rest = [p for p in found if p.version > after]
        page, token = _page(rest, req.get("MaxResults") or 50, lambda p: p.version, asked)
        shown = [{**_metadata(p), "Value": self._value(ctx, p, req), "Labels": list(p.labels)} for p in page]
        return _with_token({"Parameters": shown}, token)

    def _matches(self, ctx: Context, req: Params, asked: tuple[Any, ...], below: str, holds: Any) -> list[Parameter]:
        after = _place(req.get("NextToken"), str, asked) or ""
        rows = self._kit.db.read(lambda tx: Place(ctx.account, ctx.region).listing(tx, after, below))
        return [p for p, tags in rows if holds(p, tags)]

    def _shown(self, ctx: Context, found: Parameter, req: Params, given: str) -> dict[str, Any]:
        selector = model.split_selector(given)[1]
        shown = {
            "Name": found.name,
            "Type": found.type,
            "Value": self._value(ctx, found, req),
            "Version": found.version,
            "LastModifiedDate": moment(found.modified),
            "ARN": arn_of(ctx, found),
            "DataType": found.data_type,
        }
        return {**shown, "Selector": f":{selector}"} if selector else shown

    def _value(self, ctx: Context, found: Parameter, req: Params) -> str:
        if not found.secure:
            return found.value.decode()
        if not req.get("WithDecryption"):
            return base64.b64encode(found.value).decode()
        return secure.unseal(ctx, self._kit.sealer, found, arn_of(ctx, found))


def _metadata(found: Parameter) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Name": found.name,
        "Type": found.type,
        "LastModifiedDate": moment(found.modified),
        "LastModifiedUser": found.user,
        "Version": found.version,
        "Tier": found.tier,
        "Policies": [],
        "DataType": found.data_type,
    }
    optional = {"KeyId": found.key_id, "Description": found.description, "AllowedPattern": found.allowed_pattern}
    return {**shown, **{name: value for name, value in optional.items() if value}}


def _old(one: Mapping[str, Any]) -> str:
    return "BeginsWith" if one["Key"] == "Name" else "Equals"


def _all(tests: list[model.Test], found: Parameter, tags: Mapping[str, str]) -> bool:
    return all(test(found, tags) for test in tests)


def _place(token: str | None, kind: type, asked: tuple[Any, ...]) -> Any:
    place = page_tokens.resume(token, (kind,), AwsError("InvalidNextToken", "The specified token isn't valid."), *asked)
    return None if place is None else place[0]


def _page(found: list[Parameter], limit: int, key: Any, asked: tuple[Any, ...]) -> tuple[list[Parameter], str | None]:
    page = found[:limit]
    return page, page_tokens.encode((key(page[-1]),), *asked) if len(found) > limit else None


def _with_token(answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    return {**answer, "NextToken": token} if token else answer

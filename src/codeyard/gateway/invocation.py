"""One call as it enters the gateway, whichever door it came through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from codeyard.contract import INTERNAL, Origin, Principal


class Invocation(NamedTuple):
    """Who calls what, with which parameters, from where. `via` are the services on the way (aws:CalledVia)."""

    service: str
    operation: str
    params: Mapping[str, Any]
    principal: Principal
    account: str
    region: str
    request_id: str
    origin: Origin = INTERNAL
    via: tuple[str, ...] = ()
    source_arn: str = ""

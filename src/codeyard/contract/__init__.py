"""The small vocabulary that every room shares. Imports nothing else of ours."""

from codeyard.contract.access import Access, Check, Params, Scope, anywhere, on, pass_role, request_tags, text
from codeyard.contract.bodies import BlobRange, Follow, GitPipe, Staged
from codeyard.contract.context import INTERNAL, Context, Origin
from codeyard.contract.errors import AwsError, access_denied, not_implemented
from codeyard.contract.events import Event
from codeyard.contract.part import Part, Violation
from codeyard.contract.ports import Client, Clients, Clock, Ids, Sealer
from codeyard.contract.principal import ANONYMOUS, Principal, service_principal

__all__ = [
    "ANONYMOUS",
    "INTERNAL",
    "Access",
    "AwsError",
    "BlobRange",
    "Check",
    "Client",
    "Clients",
    "Clock",
    "Context",
    "Event",
    "Follow",
    "GitPipe",
    "Ids",
    "Origin",
    "Params",
    "Part",
    "Principal",
    "Scope",
    "Sealer",
    "Staged",
    "Violation",
    "access_denied",
    "anywhere",
    "not_implemented",
    "on",
    "pass_role",
    "request_tags",
    "service_principal",
    "text",
]

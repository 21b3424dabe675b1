"""The one error that a client may see. Everything else that is raised is a fault of ours (HTTP 500)."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An error of the service's model, raised by name; the wire gives it its form and its HTTP status.

    `status` is needed only where the model has none; `members` are further members of the modelled shape.
    """

    def __init__(self, code: str, message: str = "", *, status: int | None = None, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members


def not_implemented(service: str, what: str) -> AwsError:
    """The answer for what AWS knows and Codeyard has not built: HTTP 501, never a made-up success."""
    return AwsError("NotImplemented", f"Codeyard does not implement {service}:{what} yet.", status=501)


def access_denied(message: str, code: str = "AccessDeniedException") -> AwsError:
    """A refusal by policy (HTTP 403, unless the model says otherwise)."""
    return AwsError(code, message, status=403)

"""The columns of fresh users and roles, and what their keys are sealed to."""

from __future__ import annotations

from typing import Any


def key_context(key_id: str) -> str:
    """What an access key's secret is sealed to."""
    return f"iam.access-key:{key_id}"


def new_user(user_id: str, account: str, name: str, path: str, now: int) -> dict[str, Any]:
    """The columns of a fresh user."""
    return {
        "id": user_id,
        "account": account,
        "name": name,
        "path": path,
        "created": now,
        "boundary": "",
        "tags": (),
        "password": "",
        "password_created": 0,
        "password_reset": 0,
        "password_used": 0,
    }


def new_role(role_id: str, account: str, name: str, path: str, trust: str, now: int) -> dict[str, Any]:
    """The columns of a fresh role."""
    return {
        "id": role_id,
        "account": account,
        "name": name,
        "path": path,
        "created": now,
        "boundary": "",
        "trust": trust,
        "description": "",
        "max_session": 3600,
        "used": 0,
        "used_region": "",
        "tags": (),
    }

"""S3: objects in rows, bytes in sealed blobs, events to EventBridge."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.platform.s3.access import access
from codeyard.platform.s3.api import S3
from codeyard.platform.s3.errors import error_for


def part(kit: Kit, reserved: frozenset[str] = frozenset()) -> Part:
    """The S3 service; `reserved` names are refused as taken (paths that the server itself answers)."""
    return Part("s3", S3(kit, reserved), access(kit), error_for)

"""SNS: topics, and signed messages to HTTP and HTTPS endpoints."""

from __future__ import annotations

from codeyard.contract import Part
from codeyard.engine import Kit
from codeyard.outbound import Outbound
from codeyard.platform.sns.access import access
from codeyard.platform.sns.api import Sns
from codeyard.platform.sns.delivery import CERTIFICATE_PATH, DELIVER, EXPIRE, Delivery
from codeyard.platform.sns.errors import error_for
from codeyard.platform.sns.signing import Signing

__all__ = ["CERTIFICATE_PATH", "certificate_pem", "part"]


def part(kit: Kit, outbound: Outbound | None = None) -> Part:
    """SNS over the database, sending through the one outbound client."""
    signing = Signing(kit)
    delivery = Delivery(kit, signing, outbound or Outbound(allow_private=kit.settings.allow_private_outbound))
    return Part(
        service="sns",
        api=Sns(kit),
        access=access(kit.db, kit.clock),
        errors=error_for,
        doors=frozenset({"PublishOnce"}),
        reconcilers={EXPIRE: delivery.expire},
        effects={DELIVER: delivery.deliver},
    )


def certificate_pem(kit: Kit) -> str:
    """The certificate that messages are signed under, to be served at CERTIFICATE_PATH."""
    return Signing(kit).certificate_pem()

"""Messages as e-mail: what they look like, and handing them to the administrator's mail server (SMTP)."""

from __future__ import annotations

import hashlib
import logging
import smtplib
import ssl
from collections.abc import Mapping
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from codeyard.engine.settings import Smtp
from codeyard.outbound import OutboundError
from codeyard.platform.sns.model import Subscription, Topic

_TIMEOUT_S = 15.0
_SUBJECTS = {
    "Notification": "AWS Notification Message",
    "SubscriptionConfirmation": "AWS Notification - Subscription Confirmation",
    "UnsubscribeConfirmation": "AWS Notification - Unsubscribe Confirmation",
}
log = logging.getLogger(__name__)


def compose(
    sender: str, topic: Topic, subscription: Subscription, subject: str, envelope: Mapping[str, Any], body: str
) -> EmailMessage:
    """A mail from the topic to the subscription's address. ValueError where a header would hold a line break.

    Its Message-ID follows from the message and the subscription: sent again after a crash, it is the same mail.
    """
    name, domain = topic.attributes.get("DisplayName") or topic.name, sender.rpartition("@")[2]
    identity = hashlib.sha256(f"{envelope['MessageId']}\n{subscription.arn}".encode()).hexdigest()[:40]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name=name, addr_spec=sender)
    mail["To"] = Address(addr_spec=subscription.endpoint)
    mail["Subject"] = subject
    mail["Message-ID"] = f"<{identity}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body, cte="quoted-printable")
    return mail


def subject_of(envelope: Mapping[str, Any]) -> str:
    """The publisher's subject, or the one of the kind of message."""
    return str(envelope.get("Subject") or _SUBJECTS[envelope["Type"]])


def text_of(envelope: Mapping[str, Any]) -> str:
    """A message for people to read: with the link that confirms, or the one that ends the subscription."""
    if envelope["Type"] == "SubscriptionConfirmation":
        return (
            f"You were subscribed to the topic {envelope['TopicArn']}.\n\n"
            f"Open this link to confirm that you want its messages:\n{envelope['SubscribeURL']}\n\n"
            "If you did not ask for this, do nothing: nothing more will be sent to you.\n"
        )
    if envelope["Type"] == "UnsubscribeConfirmation":
        return f"{envelope['Message']}\n\nSubscribeURL: {envelope['SubscribeURL']}\n"
    return (
        f"{envelope['Message']}\n\n--\nYou have this message by the topic {envelope['TopicArn']}.\n"
        f"Open this link to have no more of them:\n{envelope['UnsubscribeURL']}\n"
    )


class Postman:
    """Hands mails to the mail server that the administrator set, if there is one."""

    def __init__(self, server: Smtp | None) -> None:
        self._server = server

    @property
    def sender(self) -> str:
        """The address that mails come from; OutboundError while no mail server is set."""
        if self._server is None:
            raise OutboundError("no mail server is set: codeyard serve --smtp-host")
        return self._server.sender

    def post(self, mail: EmailMessage, recipient: str) -> None:
        """Send one. What the server refuses for good is dropped, anything else raises OutboundError: to be tried again.

        Answers of the server are told by their number alone, so that nothing of a login stands in an error.
        """
        sender = self.sender
        try:
            with self._connected() as server:
                server.send_message(mail, sender, [recipient])
        except smtplib.SMTPRecipientsRefused as problem:
            _refused([code for code, _ in problem.recipients.values()])
        except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as problem:
            _refused([problem.smtp_code])
        except smtplib.SMTPResponseException as problem:
            raise OutboundError(f"the mail server answered {problem.smtp_code}") from None
        except (MessageError, UnicodeError, smtplib.SMTPNotSupportedError, smtplib.SMTPException, OSError) as problem:
            raise OutboundError(f"a mail could not be sent: {type(problem).__name__}") from None

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        assert server is not None
        if server.security == "tls":
            made: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=_TIMEOUT_S, context=ssl.create_default_context()
            )
        else:
            made = smtplib.SMTP(server.host, server.port, timeout=_TIMEOUT_S)
        try:
            if server.security == "starttls":
                made.starttls(context=ssl.create_default_context())
            if server.user:
                made.login(server.user, server.password)
        except BaseException:
            made.close()
            raise
        return made


def _refused(codes: list[int]) -> None:
    if all(500 <= code < 600 for code in codes):
        log.warning("the mail server refused a message for good: %s", codes)
        return
    raise OutboundError(f"the mail server answered {codes}")

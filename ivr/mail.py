"""Mail by the centre's SMTP server: the one way by which the programs of the line send any."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

from ivr.config import MailSettings

PATIENCE_SECONDS = 20.0


class NotSent(Exception):
    """The server did not take it; says why, for the operator."""


def send(
    mail: MailSettings,
    to: Sequence[str],
    subject: str,
    text: str,
    attachments: Mapping[str, bytes] | None = None,
) -> None:
    """One mail to all of them; blocks for as long as the server takes. Raises NotSent.

    `attachments`: file name → content.
    """
    if mail.server is None:
        raise NotSent("没有设 mail.server · mail.server is not set")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, mail.sender, ", ".join(to)
    message.set_content(text)
    for name, content in (attachments or {}).items():
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name
        )
    try:
        _deliver(mail, mail.server, message)
    except (OSError, smtplib.SMTPException) as refused:
        raise NotSent(f"{mail.server}: {type(refused).__name__}: {refused}") from refused


def _deliver(mail: MailSettings, server: str, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    if mail.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server, mail.port, timeout=PATIENCE_SECONDS, context=context
        )
    else:
        connection = smtplib.SMTP(server, mail.port, timeout=PATIENCE_SECONDS)
    with connection:
        if mail.security == "starttls":
            connection.starttls(context=context)
        if mail.user is not None and mail.password is not None:
            connection.login(mail.user, mail.password.get_secret_value())
        connection.send_message(message)

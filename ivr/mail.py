"""Mail by the centre's SMTP server: the one way by which the programs of the line send any."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid

from ivr.config import MailSettings

PATIENCE_SECONDS = 20.0


class NotSent(Exception):
    """The server did not take it; says why, for the operator."""


class PerhapsSent(NotSent):
    """The connection was lost while the server took it: nobody can tell whether it has."""


def send(
    mail: MailSettings,
    to: Sequence[str],
    subject: str,
    text: str,
    attachments: Mapping[str, bytes] | None = None,
) -> Sequence[str]:
    """One mail to all of them; blocks for as long as the server takes. Raises NotSent.

    `attachments`: file name → content. Returned are those whom the server refused while it took
    the mail for others.
    """
    if mail.server is None:
        raise NotSent("没有设 mail.server · mail.server is not set")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, mail.sender, ", ".join(to)
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2] or "localhost")
    message.set_content(text)
    for name, content in (attachments or {}).items():
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name
        )
    try:
        with _connected(mail, mail.server) as connection:
            return _handed_over(connection, message)
    except NotSent:
        raise
    except (OSError, smtplib.SMTPException) as refused:
        raise NotSent(f"{mail.server}: {type(refused).__name__}: {refused}") from refused


@contextmanager
def _connected(mail: MailSettings, server: str) -> Iterator[smtplib.SMTP]:
    """Encrypted and signed in, as the settings want it."""
    context = ssl.create_default_context()
    if mail.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(
            server, mail.port, timeout=PATIENCE_SECONDS, context=context
        )
    else:
        connection = smtplib.SMTP(server, mail.port, timeout=PATIENCE_SECONDS)
    try:
        if mail.security == "starttls":
            connection.starttls(context=context)
        if mail.user is not None and mail.password is not None:
            connection.login(mail.user, mail.password.get_secret_value())
        yield connection
        with suppress(OSError, smtplib.SMTPException):  # it has the mail, however it says goodbye
            connection.quit()
    finally:
        connection.close()


def _handed_over(connection: smtplib.SMTP, message: EmailMessage) -> tuple[str, ...]:
    """Who was refused; raises PerhapsSent where the connection was lost meanwhile."""
    try:
        return tuple(connection.send_message(message))
    except (
        smtplib.SMTPResponseException,
        smtplib.SMTPRecipientsRefused,
        smtplib.SMTPNotSupportedError,
    ):  # it has answered, and said no
        raise
    except OSError as lost:  # as are all exceptions of smtplib
        raise PerhapsSent("交信时断线，可能已经发出 · the connection was lost meanwhile") from lost

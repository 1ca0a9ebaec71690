"""Notifications by mail, over SMTP with TLS."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from trailhouse.queries.alerts.message import Message
from trailhouse.queries.alerts.outgoing import Undelivered
from trailhouse.queries.alerts.settings import MailSettings


def mail_of(message: Message, sender: str, to: Sequence[str]) -> EmailMessage:
    """The mail. Its Message-ID is the notification's, so a repeat is known as one."""
    mail = EmailMessage()
    mail["Subject"] = f"[{message.org}] {message.title}"
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(datetime.fromtimestamp(message.notice.at / 1000, UTC))
    mail["Message-ID"] = f"<{message.notice.notice_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Trailhouse-Notification"] = message.notice.notice_id
    mail.set_content(
        message.to_text() + "\n\nTrailhouse sends this because of an alert of your organization.\n"
    )
    return mail


@dataclass(frozen=True, slots=True)
class Mailer:
    """Sends mails; `timeout_s` for each answer of the server."""

    settings: MailSettings
    timeout_s: float = 10.0

    def send(self, message: Message, to: Sequence[str]) -> None:
        """Hand a mail to the server for everybody in `to`; raises `Undelivered` unless it takes all of them."""
        settings = self.settings
        if not settings.host:
            raise Undelivered("there is no mail server: set TRAILHOUSE_ALERTS_SMTP_HOST")
        mail = mail_of(message, settings.sender, to)
        try:
            with self._connect() as server:
                if settings.username:
                    server.login(settings.username, settings.password.reveal())
                if refused := server.send_message(mail, settings.sender, list(to)):
                    raise Undelivered(f"the mail server refused {len(refused)} of {len(to)} addresses")
        except smtplib.SMTPResponseException as error:
            # Its text may quote an address.
            raise Undelivered(f"the mail server answered {error.smtp_code}") from None
        except smtplib.SMTPRecipientsRefused:
            raise Undelivered("the mail server refused every address") from None
        except ssl.SSLError as error:
            raise Undelivered(f"no TLS with the mail server: {error.reason}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"the mail server does not answer: {type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        settings = self.settings
        # Looking up this machine's own name may take seconds.
        trust, own = None, settings.sender.rpartition("@")[2]
        if settings.tls != "none":
            trust = ssl.create_default_context(cafile=settings.ca or None)
        if settings.tls == "tls":
            return smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=self.timeout_s, context=trust, local_hostname=own
            )
        server = smtplib.SMTP(settings.host, settings.port, own, timeout=self.timeout_s)
        if settings.tls == "starttls":
            try:
                server.starttls(context=trust)
            except BaseException:
                server.close()
                raise
        return server

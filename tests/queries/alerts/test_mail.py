"""Mail over a real SMTP server with TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.queries.alerts.receivers import MailServer, certificate_for, free_port, mailing

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.alert import read_alert
from trailhouse.queries.alerts.evaluation import Notice
from trailhouse.queries.alerts.mail import Mailer, mail_of
from trailhouse.queries.alerts.message import message_of
from trailhouse.queries.alerts.outgoing import Undelivered
from trailhouse.queries.alerts.settings import MailSettings

TO = ["mia@example.org", "leo@example.org"]
MESSAGE = message_of(
    read_alert({"name": "Naïve ☃", "channels": ["c"]}, org="acme", alert_id="al_1"),
    Notice("0190c0de-0000-7000-8000-000000000001", "event", 1_772_442_000_000, count=1),
    "https://t.example.org",
)


def mailer(server: MailServer, **more: Any) -> Mailer:
    return Mailer(MailSettings(host="127.0.0.1", port=server.port, sender="alerts@example.org", **more), 10)


def test_a_mail_arrives_encrypted_for_everybody(tmp_path: Path) -> None:
    """STARTTLS with a certificate that is checked, signed in, under the notification's id."""
    certificate, key = certificate_for(tmp_path)
    with mailing(certificate, key) as server:
        mailer(server, ca=str(certificate), username="u", password=Secret("pw")).send(MESSAGE, TO)
        assert server.secured == [True]
        assert server.users == ["\0u\0pw"]
        ((to, text),) = server.mails
        assert to == TO
        assert "Message-ID: <0190c0de-0000-7000-8000-000000000001@example.org>" in text
        assert "https://t.example.org/org/dashboard/log?org=3Dacme" in text or "log?org=acme" in text


def test_a_certificate_nobody_vouches_for_gets_no_mail(tmp_path: Path) -> None:
    """And a server without STARTTLS gets none in the open."""
    certificate, key = certificate_for(tmp_path)
    with mailing(certificate, key) as server:
        with pytest.raises(Undelivered, match="TLS"):
            mailer(server).send(MESSAGE, TO)
        assert server.mails == []
    with mailing() as server:
        with pytest.raises(Undelivered):
            mailer(server).send(MESSAGE, TO)
        assert server.mails == []
        mailer(server, tls="none").send(MESSAGE, TO)
        assert len(server.mails) == 1


def test_what_the_server_refuses_is_told_without_addresses() -> None:
    """One of two, both, or nobody there."""
    with mailing() as server:
        server.refuses = "leo"
        with pytest.raises(Undelivered, match="refused 1 of 2") as caught:
            mailer(server, tls="none").send(MESSAGE, TO)
        assert "leo" not in str(caught.value)
        server.refuses = "@"
        with pytest.raises(Undelivered, match="every address"):
            mailer(server, tls="none").send(MESSAGE, TO)
        with pytest.raises(Undelivered, match="does not answer"):
            mailer(MailServer(free_port()), tls="none").send(MESSAGE, TO)
    with pytest.raises(Undelivered, match="SMTP_HOST"):
        Mailer(MailSettings()).send(MESSAGE, TO)


def test_names_cannot_add_headers() -> None:
    """A subject is one line, also where alerts are told apart by what an event says: else nobody would be told of it."""
    mail = mail_of(MESSAGE, "alerts@example.org", TO)
    assert mail["Subject"] == "[acme] Naïve ☃"
    assert mail["To"] == "mia@example.org, leo@example.org"
    alert = read_alert(
        {"name": "n", "channels": ["c"], "group_by": "entity_asset"}, org="acme", alert_id="al_1"
    )
    message = message_of(alert, Notice("1", "event", 0, group="a\r\nBcc: x@y.example", count=1), "")
    mail = mail_of(message, "alerts@example.org", TO)
    assert mail["Subject"] == "[acme] n · a  Bcc: x@y.example"
    assert mail["Bcc"] is None

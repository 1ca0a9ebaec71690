"""A sign-in that is under way."""

from __future__ import annotations

from trailhouse.queries.dashboard.session import Sessions
from trailhouse.queries.dashboard.ticket import LIFE_S, new_ticket, read_ticket


def test_a_ticket_is_this_servers_and_lasts_ten_minutes() -> None:
    """Changed, of another server, or old, it is none."""
    now = [1_700_000_000.0]
    sessions = Sessions("s" * 32, lambda: now[0])
    ticket = new_ticket(sessions, "/org/dashboard/log?org=acme")
    text = ticket.to_text(sessions)
    assert read_ticket(sessions, text) == ticket
    assert read_ticket(Sessions("t" * 32, lambda: now[0]), text) is None
    assert read_ticket(sessions, text.replace(".", ".A", 2)) is None
    assert read_ticket(sessions, None) is None
    now[0] += LIFE_S + 1
    assert read_ticket(sessions, text) is None


def test_what_is_asked_is_the_tickets_own_and_not_in_it() -> None:
    """Whoever reads the cookie learns neither state nor nonce nor verifier; two tickets share none."""
    sessions = Sessions("s" * 32)
    one, two = (new_ticket(sessions, "/org/dashboard/") for _ in range(2))
    asks = [each.ask(sessions, "back") for each in (one, two)]
    told = [text for ask in asks for text in (ask.state, ask.nonce, ask.verifier)]
    assert len(set(told)) == 6
    assert all(43 <= len(text) <= 128 for text in told)
    assert not [text for text in told if text in one.to_text(sessions) + two.to_text(sessions)]
    assert one.ask(sessions, "back") == asks[0]


def test_it_leads_nowhere_else() -> None:
    """Even where somebody could sign it, and however long it is."""
    sessions = Sessions("s" * 32)
    for to in ("https://evil.example/", "//evil.example", "/org/dashboard/" + "a" * 3_000):
        found = read_ticket(sessions, new_ticket(sessions, to).to_text(sessions))
        assert found is not None
        assert found.to == "/org/dashboard/"

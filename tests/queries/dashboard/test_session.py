"""Sessions: what a cookie is worth, and to whom a form was given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trailhouse.queries.dashboard.person import Person
from trailhouse.queries.dashboard.session import LIFE_S, Sessions, is_nonce, mark_of, new_nonce

KEY = "0123456789ab"


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_cookie_is_read_until_it_is_too_old_or_ended() -> None:
    """It names the key; ending it ends every copy."""
    clock = Clock()
    sessions = Sessions(clock=clock)
    session, cookie = sessions.begin(KEY)
    _, other = sessions.begin(KEY)
    assert sessions.read(cookie) == session
    assert session.key_id == KEY
    clock.now += LIFE_S
    assert sessions.read(cookie) == session
    clock.now += 1.5
    assert sessions.read(cookie) is None
    clock.now -= LIFE_S
    sessions.end(session)
    assert sessions.read(cookie) is None
    assert sessions.read(other) is not None


@given(st.data())
def test_no_other_text_is_a_session(data: st.DataObject) -> None:
    """Not one with a character changed, not one of another process."""
    sessions = Sessions()
    _, cookie = sessions.begin(KEY)
    place = data.draw(st.integers(0, len(cookie) - 1))
    letter = data.draw(
        st.sampled_from([each for each in "0123456789abcdef. \u0660" if each != cookie[place]])
    )
    assert sessions.read(cookie[:place] + letter + cookie[place + 1 :]) is None
    assert Sessions().read(cookie) is None
    assert sessions.read(None) is None


def test_processes_with_one_secret_share_sessions() -> None:
    """As a dashboard behind a balancer needs."""
    secret = "x" * 32
    _, cookie = Sessions(secret).begin(KEY)
    assert Sessions(secret).read(cookie) is not None


def test_what_another_process_ended_is_ended() -> None:
    """By a mark that says nothing of the nonce, which signs forms; the last word of others is all of them."""
    sessions = Sessions("x" * 32)
    session, cookie = Sessions("x" * 32).begin(KEY)
    sessions.learn({mark_of(session.nonce)})
    assert sessions.read(cookie) is None
    assert sessions.is_ended(session.nonce)
    assert session.nonce not in mark_of(session.nonce)
    sessions.learn(frozenset())
    assert sessions.read(cookie) == session


def test_a_form_belongs_to_the_browser_it_was_given_to() -> None:
    """Another token each time, each good for its own browser alone."""
    sessions, mine, theirs = Sessions(), new_nonce(), new_nonce()
    first, second = sessions.token(mine), sessions.token(mine)
    assert first != second
    assert sessions.is_token(mine, first)
    assert sessions.is_token(mine, second)
    assert not sessions.is_token(theirs, first)
    assert not sessions.is_token(mine, first[:-1] + ("0" if first[-1] != "0" else "1"))
    assert not sessions.is_token(mine, "")
    assert is_nonce(mine)
    assert not any(map(is_nonce, (None, "", "x" * 32, mine + "0")))


def test_a_persons_session_ends_when_it_is_said_and_is_read_back_whole() -> None:
    """Never later than a key's, however it is set; a cookie with another person in it is none."""
    clock = Clock()
    sessions = Sessions("s" * 32, clock, person_life_s=600)
    person = Person("oidc:" + "0" * 24, "ann@example.org", ("1" * 24,))
    session, cookie = sessions.begin(person)
    found = sessions.read(cookie)
    assert found == session
    assert found is not None
    assert found.person == person
    other = Person("oidc:" + "0" * 24, "bob@example.org", ("1" * 24,))
    assert sessions.read(cookie.replace(person.to_text(), other.to_text())) is None
    clock.now += 600
    assert sessions.read(cookie) == session
    clock.now += 1.5
    assert sessions.read(cookie) is None
    assert Sessions(person_life_s=10**9).person_life_s == LIFE_S


def test_what_can_be_used_once_is_used_once() -> None:
    """A ticket, and the token of a form that must not be sent again."""
    sessions = Sessions()
    assert sessions.spend("a")
    assert not sessions.spend("a")
    assert sessions.spend("b")

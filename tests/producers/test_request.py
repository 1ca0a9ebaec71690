"""What a request says about who acts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.context import Scope
from trailhouse.producers.request import RequestFields


def headers(**given: str) -> Callable[[str], str | None]:
    return lambda name: given.get(name.replace("-", "_"))


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "address"),
    [
        (0, "192.0.2.7", "10.9.9.9", "192.0.2.7"),
        (0, "testclient", "", None),
        (0, None, "", None),
        (0, "2001:db8::7", "", "2001:db8::7"),
        (1, "10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),
        (2, "10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.2", "192.0.2.7"),
        (3, "10.0.0.1", "192.0.2.7", "192.0.2.7"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        (1, "10.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
        (1, "10.0.0.1", "unknown", None),
    ],
)
def test_the_address_is_the_connections_or_what_our_own_proxies_saw(
    proxies: int, peer: str | None, forwarded: str, address: str | None
) -> None:
    """What a client writes into X-Forwarded-For itself is never believed."""
    fields = RequestFields(proxies).read(peer, headers(x_forwarded_for=forwarded), None)
    assert fields.get("actor_ip") == address


def test_the_id_is_the_requests_its_traces_or_a_new_one() -> None:
    """So that the events of one request are found together."""
    read = RequestFields().read
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert read(None, headers(x_request_id="r-1"), None)["correlation_id"] == "r-1"
    traced = headers(x_request_id="\x00", traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert read(None, traced, None)["correlation_id"] == trace
    made = [read(None, headers(x_request_id="x" * 10_000), None)["correlation_id"] for _ in range(2)]
    assert made[0] != made[1]
    assert all(uuid.UUID(each) for each in made)


def test_extra_fields_come_from_the_request_itself() -> None:
    """And win: a service may know the address better."""
    fields = RequestFields(describe=lambda request: {"org_id": request, "actor_ip": "192.0.2.9"})
    read: dict[str, Any] = fields.read("192.0.2.7", headers(user_agent="curl/8"), "acme")
    assert (read["org_id"], read["actor_ip"], read["user_agent"]) == ("acme", "192.0.2.9", "curl/8")


@given(st.text(), st.text(), st.text(), st.text(), st.text())
def test_no_request_makes_an_event_impossible(
    peer: str, forwarded: str, agent: str, given_id: str, trace: str
) -> None:
    """Whatever a client sends, what is bound keeps the contract."""
    header = headers(x_forwarded_for=forwarded, user_agent=agent, x_request_id=given_id, traceparent=trace)
    Scope(RequestFields(1).read(peer, header, None))

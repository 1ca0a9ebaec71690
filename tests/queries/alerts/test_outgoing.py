"""HTTP to addresses that customers name: never into our own network, never for longer than allowed."""

from __future__ import annotations

import ipaddress
import time
from typing import Any

import pytest
from tests.queries.alerts.receivers import free_port, port_of, receiving

from trailhouse.queries.alerts.outgoing import Outgoing, Undelivered, is_public

LOOPBACK = "127.0.0.0/8"


def post(url: str, *, timeout_s: float = 10, **more: Any) -> bytes:
    return Outgoing(timeout_s=timeout_s, **more).post(url, b"{}", {"Content-Type": "application/json"})


def test_what_is_taken_is_delivered() -> None:
    """Body, headers, path and the host's own name arrive."""
    with receiving() as receiver:
        assert post(receiver.url + "/a/b?c=d", allow=LOOPBACK) == b"ok"
    (request,) = receiver.requests
    assert (request.path, request.body) == ("/a/b?c=d", b"{}")
    assert request.headers["host"] == f"127.0.0.1:{port_of(receiver.url)}"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (500, "answered 500"),
        (404, "answered 404"),
        (429, "answered 429"),
        ("redirect", "redirects are not followed"),
    ],
)
def test_anything_but_2xx_is_no_delivery(answer: Any, why: str) -> None:
    """A redirect to the cloud's metadata is not followed; Retry-After is told."""
    with receiving(answer) as receiver, pytest.raises(Undelivered, match=why) as caught:
        post(receiver.url, allow=LOOPBACK)
    assert caught.value.wait_s == (120 if answer == 429 else 0)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_a_receiver_gets_its_time_and_no_more(answer: str) -> None:
    """Whether it says nothing, or a byte now and then."""
    with receiving(answer) as receiver:
        started = time.monotonic()
        with pytest.raises(Undelivered, match=r"within 0\.5 s"):
            post(receiver.url, allow=LOOPBACK, timeout_s=0.5)
        assert time.monotonic() - started < 8


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "fec0::1", "3fff::1", "192.0.0.192", "192.88.99.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1",
        "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_private_address_is_reached(address: str) -> None:
    """By its own name, by another name, or inside an IPv6 address."""
    for found in ([address], ["93.184.216.34", address]):
        with pytest.raises(Undelivered, match="private"):
            post("https://innocent.example/", resolve=lambda *_, found=found: found)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://[::1]:9/", "http://localhost:9/", "https://2130706433/"]
)
def test_spellings_of_this_machine_are_refused(url: str) -> None:
    """Whatever the resolver takes."""
    with pytest.raises(Undelivered, match=r"private|resolved"):
        post(url)


def test_the_address_that_was_checked_is_the_one_that_is_reached() -> None:
    """A name that leads elsewhere the second time is not asked a second time."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiving() as receiver:
        post(f"http://rebinding.example:{port_of(receiver.url)}/", allow=LOOPBACK, resolve=resolve)
    assert asked == ["rebinding.example"]
    assert receiver.requests[0].headers["host"].startswith("rebinding.example")


def test_plain_http_goes_to_allowed_networks_alone() -> None:
    """A public receiver gets https or nothing."""
    with pytest.raises(Undelivered, match="only https"):
        post("http://innocent.example/", resolve=lambda *_: ["93.184.216.34"])


def test_who_is_away_is_told_without_the_address() -> None:
    """Reasons are shown to people; URLs hold tokens."""
    with pytest.raises(Undelivered) as caught:
        post(f"http://127.0.0.1:{free_port()}/token", allow=LOOPBACK)
    assert str(caught.value) == "nothing listens there"
    with pytest.raises(Undelivered, match="cannot be resolved"):
        post("https://nowhere.invalid/token")
    with receiving() as receiver, pytest.raises(Undelivered, match=r"failed|certificate"):
        post(receiver.url.replace("http:", "https:"), allow=LOOPBACK)


def test_the_internet_is_public() -> None:
    """Both families."""
    assert is_public(ipaddress.ip_address("93.184.216.34"))
    assert is_public(ipaddress.ip_address("2606:2800:220:1:248:1893:25c8:1946"))

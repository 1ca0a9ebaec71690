"""`networks`: what kind of network an address belongs to."""

from __future__ import annotations

import pytest

from trailhouse.stream.networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.8", "public"),
        ("8.8.8.8:443", "public"),
        ("2606:4700:4700::1111", "public"),
        ("[2606:4700:4700::1111]:443", "public"),
        ("[2606:4700:4700::1111]", "public"),
        ("10.0.0.1", "private"),
        ("192.168.1.1", "private"),
        ("fd00::1", "private"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("169.254.0.1", "link_local"),
        ("fe80::1", "link_local"),
        ("::ffff:8.8.8.8", "public"),
        ("::ffff:10.0.0.1", "private"),
        ("240.0.0.1", "reserved"),
        ("224.0.0.1", "reserved"),
        ("ff02::1", "reserved"),
        ("0.0.0.0", "reserved"),
        ("::", "reserved"),
        ("256.0.0.1", "invalid"),
        ("example.com", "invalid"),
        ("", "invalid"),
        ("[::1", "loopback"),
        ("[::z]", "invalid"),
        (":", "invalid"),
    ],
)
def test_kinds_of_network(address: str, network: str) -> None:
    """By the ranges of the IANA, with or without a port."""
    assert network_of(address) == network

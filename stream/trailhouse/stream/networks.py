"""What kind of network an address belongs to: a fact about the event that says nothing about the person."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


@lru_cache(maxsize=65_536)
def network_of(address: str) -> str:
    """`public`, `private`, `loopback`, `link_local`, `reserved` or `invalid`; a port behind the address is ignored."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        host = address[1:].partition("]")[0] if address.startswith("[") else address.rpartition(":")[0]
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            return "invalid"
    ip = getattr(ip, "ipv4_mapped", None) or ip  # how servers that listen on both write `::ffff:10.0.0.1`
    for kind in ("loopback", "link_local", "unspecified", "multicast", "reserved", "private"):
        if getattr(ip, f"is_{kind}"):
            return "reserved" if kind in {"multicast", "unspecified"} else kind
    return "public"

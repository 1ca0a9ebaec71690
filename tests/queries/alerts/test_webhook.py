"""A webhook's signature, as a receiver checks it: by our function, and by the snippet in the docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.channel import new_secret
from trailhouse.queries.alerts.webhook import headers, is_signed

NOW = 1_770_000_000
DOCS = Path(__file__).parents[3] / "docs" / "alerts.md"


def lower(given: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in given.items()}


def test_a_signature_holds_for_its_body_its_id_its_time_and_its_secret() -> None:
    """Anything else of another request breaks it."""
    secret, body = Secret(new_secret()), b'{"type":"alert.event"}'
    sent = lower(headers(secret, "id-1", body, NOW))
    assert is_signed(secret, sent, body, NOW + 299)
    assert not is_signed(secret, sent, body + b" ", NOW)
    assert not is_signed(secret, sent | {"webhook-id": "id-2"}, body, NOW)
    assert not is_signed(secret, sent | {"webhook-timestamp": str(NOW + 1)}, body, NOW)
    assert not is_signed(secret, sent, body, NOW + 301)
    assert not is_signed(Secret(new_secret()), sent, body, NOW)
    assert not is_signed(secret, {}, body, NOW)


def test_the_standard_webhooks_own_example() -> None:
    """The published vector: https://github.com/standard-webhooks/standard-webhooks."""
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    sent = headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, 1614265330)
    assert sent["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_snippet_of_the_docs_says_the_same() -> None:
    """What people copy verifies what we send, and nothing else."""
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    exec(snippet, found)
    secret, body = new_secret(), b"{}"
    sent = lower(headers(Secret(secret), "id-1", body, NOW))
    assert found["is_from_trailhouse"](secret, sent, body, NOW)
    assert not found["is_from_trailhouse"](secret, sent, b"[]", NOW)
    assert not found["is_from_trailhouse"](secret, sent, body, NOW + 1000)

"""Commands in tests send nothing of their own: what they record stays in memory."""

from __future__ import annotations

import pytest
from tests.queries.recording import Recorded

from trailhouse.queries import self_audit


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """What the commands of a test record, by whichever way they do."""
    recorded = Recorded()
    monkeypatch.setattr(self_audit, "open_self_audit", lambda *_args, **_kwargs: recorded.open_again())
    return recorded

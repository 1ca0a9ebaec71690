"""Following the audit log live: an event that is stored stands in the open page without anybody's doing."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from tests.house import EVERYTHING, House
from tests.sinks.lines import enriched

from trailhouse.sinks.clickhouse import insert_lines

ORG = "followed"


def store(company: House, epoch: str, page: str) -> str:
    """One page view of `ORG`; its id."""
    now, event_id = datetime.now(UTC), str(uuid.uuid4())
    event = {
        "event_id": event_id, "occurred_at": now.isoformat(), "org_id": ORG, "action": "page:view",
        "actor_user_id": "ann", "attributes": {"page": page},
    }  # fmt: skip
    insert_lines(company.database, "landing", enriched([event], epoch=epoch, received=now))
    return event_id


def test_what_is_stored_arrives_in_pages_that_are_followed(company: House, visiting: Any) -> None:
    """In the whole log marked as new and said aloud; in a search that it is the first to hit; not in another search."""
    before = store(company, "epoch-live-1", "/before")
    with ExitStack() as stack:
        whole, hit, missed = (stack.enter_context(visiting(EVERYTHING, (ORG,))) for _ in range(3))
        for visit, search in ((whole, ""), (hit, "/needle"), (missed, "/before")):
            visit.page.set_default_timeout(60_000)
            visit.go(f"log?org={ORG}&live=1&q={search}")
            assert visit.page.locator("[data-live]").count() == 1
        assert "No event passes" in hit.page.inner_text("main")
        event_id = store(company, "epoch-live-2", "/needle")
        row = f"table.log tr:has(a[href*='{event_id}'])"
        whole.page.wait_for_selector(f"{row}.arrived")
        assert whole.page.locator(".arrived").count() == 1
        assert whole.page.text_content("#live") == "1 new event"
        assert whole.page.locator(f"table.log a[href*='{before}']").count() == 1
        hit.page.wait_for_selector(row)
        assert hit.page.locator("table.log tbody tr").count() == 1
        # A whole turn of following that began when the event was to be had.
        with missed.page.expect_response(lambda got: "live=1" in got.url):
            pass
        with missed.page.expect_response(lambda got: "live=1" in got.url):
            pass
        assert missed.page.locator("table.log tbody tr").count() == 1
        assert missed.page.locator(f"table.log a[href*='{before}']").count() == 1
        assert [whole.complaints, hit.complaints, missed.complaints] == [[], [], []]

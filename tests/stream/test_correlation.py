"""What a line of the log belongs to."""

from __future__ import annotations

import asyncio
import re
import threading
from contextvars import copy_context

from trailhouse.stream.correlation import NAMED_MAX, about, begin, current, fresh, name_of


def test_what_is_done_inside_belongs_to_the_name() -> None:
    """The innermost holds; afterwards what held before."""
    seen = [current()]
    with about("outer"):
        with about("inner"):
            seen.append(current())
        seen.append(current())
    assert [*seen, current()] == ["", "inner", "outer", ""]


def test_tasks_have_their_own() -> None:
    """A task begins with what held where it was made; what it begins is its own. So do threads that copy the context."""

    async def work(name: str) -> list[str]:
        before = current()
        begin(name)
        await asyncio.sleep(0)
        return [before, current(), await asyncio.to_thread(current)]

    async def all_of_them() -> list[list[str]]:
        with about("request"):
            return await asyncio.gather(*(work(name) for name in "ab"))

    assert asyncio.run(all_of_them()) == [["request", name, name] for name in "ab"]
    seen: list[str] = []
    with about("request"):
        for target in (copy_context().run, lambda call: call()):
            thread = threading.Thread(target=target, args=(lambda: seen.append(current()),))
            thread.start()
            thread.join()
    assert seen == ["request", ""]


def test_what_has_no_name_gets_one() -> None:
    """Its kind, and what nothing else has."""
    assert re.fullmatch(r"look/[0-9a-f]{12}", fresh("look"))
    assert fresh("look") != fresh("look")


def test_the_name_of_a_batch() -> None:
    """Every stretch in full, and of very many the first."""
    assert name_of([]) == ""
    assert name_of([("topic", 0, 5, 9), ("topic", 11, 0, 0)]) == "topic/0/5-9 topic/11/0-0"
    many = name_of(("topic", number, 0, 9) for number in range(NAMED_MAX + 3))
    assert many.endswith(f"topic/{NAMED_MAX - 1}/0-9 and 3 more")

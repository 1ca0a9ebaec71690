"""Who reads takes turns with the processors."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from trailhouse.deploy.clickhouse.turns import Turns, cores


def test_who_reads_alone_has_every_processor_and_others_a_share() -> None:
    """Threads of all together are hardly more than there are cores."""

    async def read() -> list[int]:
        turns, found = Turns(4), []
        async with AsyncExitStack() as taken:
            found = [await taken.enter_async_context(turns.take()) for _ in range(5)]
        async with turns.take() as again:
            return [*found, again]

    assert asyncio.run(read()) == [4, 2, 1, 1, 1, 4]


def test_one_more_than_cores_at_a_time_in_the_order_they_came() -> None:
    """Who waits is let in as others end, the first first; who is cancelled meanwhile takes no turn."""

    async def read() -> list[int]:
        turns, begun = Turns(1), []

        async def one(number: int, end: asyncio.Event) -> None:
            async with turns.take():
                begun.append(number)
                await end.wait()

        ends = [asyncio.Event() for _ in range(5)]
        tasks = [asyncio.create_task(one(number, end)) for number, end in enumerate(ends)]
        await asyncio.sleep(0.01)
        assert begun == [0, 1]
        tasks[2].cancel()
        for end in ends:
            end.set()
            await asyncio.sleep(0.01)
        await asyncio.gather(*tasks, return_exceptions=True)
        return begun

    assert asyncio.run(read()) == [0, 1, 3, 4]


def test_cores() -> None:
    """At least the one this runs on."""
    assert cores() >= 1

"""aiokafka's `send` of ready bytes, all in one coroutine: idempotent, lz4, a linger.

A call of it is a coroutine, so what is timed is its way to the buffer, waiting for room included.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from bench.job import Call, read_job, report

YIELD_EVERY = 500

if __name__ == "__main__":
    job = read_job()
    loop = asyncio.new_event_loop()
    pending: list[asyncio.Future[object]] = []

    async def begin() -> AIOKafkaProducer:
        made = AIOKafkaProducer(
            bootstrap_servers=job.bootstrap,
            acks="all",
            enable_idempotence=True,
            compression_type="lz4",
            linger_ms=50,
            max_batch_size=256 * 1024,
        )
        await made.start()
        return made

    async def send(calls: Sequence[Call]) -> list[int]:
        clock, taken = time.perf_counter_ns, []
        for call in calls:
            begun = clock()
            pending.append(await producer.send(job.topic, value=call.value.encode()))
            taken.append(clock() - begun)
            if len(pending) % YIELD_EVERY == 0:
                await asyncio.sleep(0)  # a buffer with room never waits, and its sender would never run
        return sorted(taken)

    async def end() -> None:
        await asyncio.gather(*pending)
        await producer.stop()

    producer = loop.run_until_complete(begin())
    report(
        job,
        print,
        lambda: loop.run_until_complete(end()),
        make=lambda calls: loop.run_until_complete(send(calls)),
    )

"""Stream, sink and ClickHouse killed in the middle of a stream, again and again: the same numbers as without."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

from tests.e2e.pipeline import Pipeline
from tests.e2e.stream import imagine, wrong_reports
from tests.roles import running, wait_for
from tests.sinks.rig import Rig

from trailhouse.deploy.clickhouse import LocalClickHouse


def test_kills_of_everything_change_no_number(
    rig: Rig, tmp_path: Path, clickhouse_server: LocalClickHouse
) -> None:
    """SIGKILL of worker, sink and engine at random moments: reports equal brute force, nothing is unaccounted."""
    random = Random(41)
    stream = imagine(11, people=25, days=60, history=800)
    pipeline = Pipeline(rig, tmp_path)
    roles = (pipeline.stream, pipeline.sink)
    with running(*roles), pipeline.fed(stream.records, 20, 11) as done:
        wait_for(lambda: rig.landed() > 0, 60, "the first events", *roles)
        while not done.is_set():
            time.sleep(random.random())
            victim = random.choice((pipeline.stream, pipeline.stream, pipeline.sink, pipeline.sink, None))
            if victim is None:
                clickhouse_server.kill()
                clickhouse_server.restart()
            else:
                victim.kill()
                time.sleep(random.random() * 0.3)
                victim.start()
            time.sleep(random.random())
        wait_for(lambda: pipeline.is_settled(len(stream.records)), 120, "all stored", *roles)
        found = rig.balance()
        distinct = len({(each["org_id"], each["event_id"]) for each in stream.events})
        assert (found.unaccounted, found.rejected, found.stored) == (0, stream.rejected, distinct)
    assert wrong_reports(rig.client, stream) == []

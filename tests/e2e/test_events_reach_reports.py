"""From raw records to reports, through the real broker, worker, sink and engine: every number is exact."""

from __future__ import annotations

from tests.e2e.pipeline import Pipeline
from tests.e2e.stream import imagine, wrong_reports
from tests.roles import running, wait_for


def test_every_event_is_counted_once(pipeline: Pipeline) -> None:
    """Late, repeated, broken and fifteen years old: reports equal brute force in three time zones, the books close."""
    stream = imagine(7, people=60, days=90, history=5000)
    assert 38_000 < len(stream.records) < 70_000
    with running(pipeline.stream, pipeline.sink), pipeline.fed(stream.records, 1, 7) as done:
        wait_for(done.is_set, 60, "all published", pipeline.stream, pipeline.sink)
        wait_for(
            lambda: pipeline.is_settled(len(stream.records)),
            120,
            "all stored",
            pipeline.stream,
            pipeline.sink,
        )
        found = pipeline.rig.balance()
        distinct = len({(each["org_id"], each["event_id"]) for each in stream.events})
        assert (found.unaccounted, found.rejected, found.stored) == (0, stream.rejected, distinct)
        assert found.repeats == len(stream.events) - distinct
        assert pipeline.stream.terminate(20) == 0
        assert pipeline.sink.terminate(20) == 0
    assert wrong_reports(pipeline.rig.client, stream) == []
    letters = pipeline.rig.read_all(pipeline.rig.kafka.rejected_topic)
    assert len(letters) == stream.rejected

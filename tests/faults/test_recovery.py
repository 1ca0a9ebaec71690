"""How long after a kill, or a restart, events are stored again; and that a restart of any role stops nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.e2e.pipeline import Pipeline
from tests.faults.evidence import Evidence
from tests.faults.pulse import Pulse
from tests.faults.storm import ENDS
from tests.roles import PATIENCE, Role, running, wait_for
from tests.sinks.rig import Rig

from trailhouse.deploy.clickhouse import LocalClickHouse
from trailhouse.deploy.kafka import LocalKafka

SESSION_S = 6
RECOVERY_S = 10
SUPERVISOR_S = 1.0  # supervisord looks at its processes once a second


def settle(pulse: Pulse, *roles: Role) -> None:
    """Until all that was confirmed is stored, once each, and the books close."""
    wait_for(
        lambda: (
            int(pulse.rig.client.query("SELECT count() FROM events FINAL").result_rows[0][0])
            == pulse.confirmed
            == len(pulse.sent)
        ),
        60,
        "all stored",
        *roles,
    )
    wait_for(lambda: pulse.rig.balance().in_flight == 0, 60, "all committed", *roles)
    assert pulse.rig.balance().unaccounted == 0
    times = "SELECT uniqExact(event_id), count() FROM events FINAL"
    (found,) = pulse.rig.client.query(times).result_rows
    assert found == (len(pulse.sent), len(pulse.sent))


def measure(pulse: Pulse, what: str, act: Callable[[], object], *tended: Role) -> float:
    """Seconds the newest stored event was old at most, until events sent after `act` are stored.

    Of `tended`, what ends by itself for want of Kafka is started again, as by a supervisor.
    """
    pulse.begin()
    act()
    after = time.monotonic()

    def is_fresh() -> bool:
        for role in tended:
            if role.status is not None:
                assert role.status in ENDS, role.log.read_text()[-3000:]
                time.sleep(SUPERVISOR_S)
                role.start()
        return pulse.is_fresh(after)

    wait_for(is_fresh, RECOVERY_S + SESSION_S, f"fresh again after {what}")
    print(f"{what}: stale for {pulse.stalest_s:.1f} s at most")
    return pulse.stalest_s


def restart(role: Role) -> None:
    """As a deployment does it: told to stop, and started again."""
    assert role.terminate(20) == 0
    role.start()


@pytest.mark.faults
def test_a_restart_of_each_role_stops_nothing(rig: Rig, tmp_path: Path) -> None:
    """Two of a kind, restarted one after the other: events go on, nothing is lost, and how stale the tables get."""
    pipeline, pulse = Pipeline(rig, tmp_path, workers=2, sinks=2), Pulse(rig)
    roles = (*pipeline.streams, *pipeline.sinks)
    with running(*roles):
        with pulse.beating():
            wait_for(lambda: pulse.is_fresh(0), 60, "the first events", *roles)
            for role in (pipeline.streams[0], pipeline.sinks[0]):
                measure(pulse, f"restart of {role.log.stem}", lambda role=role: restart(role))  # type: ignore[misc]
        settle(pulse, *roles)


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_recovery_after_each_kill(
    rig: Rig,
    tmp_path: Path,
    clickhouse_server: LocalClickHouse,
    kafka_broker: LocalKafka,
    evidence: Evidence,
) -> None:
    """SIGKILL, a second of a supervisor's leisure, start: under 10 s plus the session timeout until events are stored."""
    pipeline, pulse = Pipeline(rig, tmp_path), Pulse(rig)
    stream, sink = pipeline.stream, pipeline.sink
    nameless = {"TRAILHOUSE_STREAM_INSTANCE": "", "TRAILHOUSE_SINK_INSTANCE": ""}

    def killed(store: Role | LocalClickHouse | LocalKafka) -> Callable[[], None]:
        def act() -> None:
            store.kill()
            time.sleep(SUPERVISOR_S)
            store.start()

        return act

    found = {}
    with running(stream, sink):
        with pulse.beating():
            wait_for(lambda: pulse.is_fresh(0), 60, "the first events", stream, sink)
            for name, victim in (
                ("stream", stream),
                ("sink", sink),
                ("clickhouse", clickhouse_server),
                ("broker", kafka_broker),
            ):
                found[name] = measure(pulse, f"kill of {name}", killed(victim), stream, sink)
                evidence.count({name: 1})
            for name, role in (("stream", stream), ("sink", sink)):
                restart_nameless(role, nameless)
                measure(pulse, f"start of {name} without a static name", bool)
                found[f"{name} without a static name"] = measure(
                    pulse, f"kill of {name} without a static name", killed(role), stream, sink
                )
                evidence.count({name: 1})
        settle(pulse, stream, sink)
    print({name: round(seconds, 1) for name, seconds in found.items()})
    assert max(found.values()) < (RECOVERY_S + SESSION_S) * PATIENCE


def restart_nameless(role: Role, environ: dict[str, str]) -> None:
    role.terminate(20)
    role.environ.update(environ)
    role.start()

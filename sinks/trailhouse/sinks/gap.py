"""What a sink does about raw offsets that are missing from its log: says so, has them refilled, waits.

Two signs of a loss: a record that lies beyond missing ones (the first of all lies beyond where its raw log starts), and a stream that has committed raw offsets of which the
enriched log, read to its end, knows nothing. Where the raw data are gone as well, only `trailhouse gap accept` ends
the waiting.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Final

from trailhouse.sinks.lookout import Lookout, Sight
from trailhouse.sinks.marks import Mark
from trailhouse.sinks.metrics import SinkMetrics
from trailhouse.stream.gaps import Range

ALARM_EVERY_S: Final = 60.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Gap:
    """Raw offsets up to `last` of topic id `epoch` are missing before the record at `position` of the enriched log."""

    position: int
    epoch: str
    last: int
    alarmed_at: float = 0.0


@dataclass(slots=True)
class Partition:
    """What the sink knows of one partition it owns: its mark, where to read on, and a gap it waits behind."""

    number: int
    mark: Mark
    position: int
    gap: Gap | None = None

    @property
    def missing(self) -> Range | None:
        """What the gap still lacks."""
        if self.gap is None:
            return None
        return Range(self.gap.epoch, self.number, self.mark.hwm(self.gap.epoch) + 1, self.gap.last)


class Gaps:
    """Opens and closes gaps of partitions, and watches them; the caller moves the consumer."""

    def __init__(self, lookout: Lookout, metrics: SinkMetrics) -> None:
        self._lookout, self._metrics = lookout, metrics

    def open(self, state: Partition, position: int, epoch: str, last: int) -> None:
        """Nothing beyond `last` is stored from here on until everything up to it is."""
        state.gap = Gap(position, epoch, last)
        missing = state.missing
        assert missing is not None
        log.critical(
            "GAP: raw offsets %d..%d of partition %d (topic id %s) are missing from the enriched topic; nothing beyond "
            "them is stored until the stream has written them again, which it is asked for now",
            missing.first,
            missing.last,
            state.number,
            epoch,
        )
        self._metrics.gaps.labels("opened").inc()
        self._show(state)

    def shrink(self, state: Partition) -> None:
        """The mark moved inside the gap."""
        self._show(state)

    def close(self, state: Partition, how: str) -> int:
        """The gap is `filled` or `lost` to its end; returns the position to read on from."""
        gap = state.gap
        assert gap is not None
        log.warning("gap in partition %d is %s up to offset %d", state.number, how, gap.last)
        state.gap = None
        self._metrics.gaps.labels(how).inc()
        self._show(state)
        return gap.position

    def forget(self) -> None:
        """After any change of assignment: what was said of partitions that went away would stay said."""
        self._lookout.forget()
        self._metrics.gap.clear()
        self._metrics.gone.clear()

    def look(self, state: Partition, position: int) -> int | None:
        """Judge a partition by the last sight; `position` = where the consumer stands in the enriched log.

        Returns where to read on from when an accepted loss closed its gap.
        """
        sight = self._lookout.sight
        if state.gap is None:
            if lost := lost_end(state, position, sight):
                self.open(state, position, lost.epoch, lost.last)
            return None
        missing = state.missing
        assert missing is not None
        for each in sight.lost:
            if each[:2] == missing[:2] and each.first <= missing.first <= each.last:
                last = min(each.last, missing.last)
                log.warning("raw offsets %s were accepted as lost; going on", missing._replace(last=last))
                state.mark = state.mark.advanced(missing.epoch, last)
                if last == missing.last:
                    return self.close(state, "lost")
                self.shrink(state)
                return None
        self._alarm(state.gap, missing, sight)
        return None

    def _alarm(self, gap: Gap, missing: Range, sight: Sight) -> None:
        lost = gone(missing, sight)
        self._metrics.gone.labels(missing.partition).set(lost.records if lost else 0)
        if lost and time.monotonic() - gap.alarmed_at > ALARM_EVERY_S:
            gap.alarmed_at = time.monotonic()
            log.critical(
                "LOST: raw offsets %s are missing, and the raw topic does not hold them any more; partition %d waits "
                "until they arrive or `trailhouse gap accept %s --reason …` says they are lost",
                lost,
                lost.partition,
                lost,
            )

    def _show(self, state: Partition) -> None:
        missing = state.missing
        self._metrics.gap.labels(state.number).set(missing.records if missing else 0)
        if missing is None:
            self._metrics.gone.labels(state.number).set(0)
        self._lookout.ask(state.number, missing)


def baseline(state: Partition, epoch: str, from_offset: int, starts: Sight) -> int:
    """The first raw offset that a partition with nothing stored yet can hold, when its first record covers `from_offset`.

    It is where the raw log starts now: records between that and `from_offset` are missing, and can be refilled. Of what
    is on no raw log any more, nobody can tell whether it was lost or expired; such a partition starts with its record.
    """
    start = starts.starts.get(state.number) if starts.epoch == epoch else None
    return from_offset if start is None else min(start, from_offset)


def lost_end(state: Partition, position: int, sight: Sight) -> Range | None:
    """What the stream committed and the enriched log, read to where it ended after that, does not hold."""
    end, written = sight.ends.get(state.number), sight.written.get(state.number, 0)
    if not sight.epoch or end is None or position < end:
        return None
    hwms = state.mark.hwms
    # A partition never seen before starts where its raw log does now; a new topic id starts at 0 (`Mark.judge`).
    first = state.mark.hwm(sight.epoch) + 1 if hwms else sight.starts.get(state.number, 0)
    return Range(sight.epoch, state.number, first, written - 1) if first < written else None


def gone(missing: Range, sight: Sight) -> Range | None:
    """The front part of a range that the raw topic does not hold any more."""
    if sight.epoch is None:
        return None
    if sight.epoch != missing.epoch or missing.partition not in sight.starts:
        return missing
    last = min(missing.last, sight.starts[missing.partition] - 1)
    return missing._replace(last=last) if last >= missing.first else None

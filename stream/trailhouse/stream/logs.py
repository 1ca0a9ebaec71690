"""How every role logs: one line an event on stderr, where the supervisor or the container collects it."""

from __future__ import annotations

import logging
import sys


def log_to_stderr() -> None:
    """One line an event on stderr; the drivers speak up from warnings on."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    for driver in ("kafka", "aiokafka", "faust", "mode", "urllib3", "clickhouse_connect"):
        logging.getLogger(driver).setLevel(logging.WARNING)
    # A busy worker's commit timer runs late; lag shows that better than a line each time.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)

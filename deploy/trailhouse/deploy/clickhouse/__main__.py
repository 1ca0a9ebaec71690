"""`python -m trailhouse.deploy.clickhouse FOLDER PORT CREDENTIALS [MEMORY_BYTES]`: the engine on FOLDER, on loopback.

With `TRAILHOUSE_LOCAL_TLS` (a PEM file with key and certificates) it speaks HTTPS.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import uvicorn

from trailhouse.deploy.clickhouse.engine import Engine
from trailhouse.deploy.clickhouse.identities import Passwords
from trailhouse.deploy.clickhouse.protocol import create_app
from trailhouse.deploy.clickhouse.pulse import Pulse
from trailhouse.deploy.credentials import load_credentials
from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.ports import LOOPBACK
from trailhouse.deploy.runfile import record
from trailhouse.deploy.tether import die_with_parent


def main(folder: Path, port: int, credentials: Path, memory_bytes: int | None) -> None:
    die_with_parent()
    record(os.environ)
    engine = Engine(folder, memory_bytes=memory_bytes)
    pulse = Pulse(engine.beat)
    app = create_app(engine, Passwords(load_credentials(credentials).clickhouse), lambda: pulse.is_beating)
    # uvicorn raises the signal that stopped it once more when it is done; the engine has to be closed first.
    signal.signal(signal.SIGTERM, lambda _signum, _frame: None)
    signal.signal(signal.SIGINT, lambda _signum, _frame: None)
    pulse.start()
    uvicorn.run(
        app,
        host=LOOPBACK,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=os.environ.get("TRAILHOUSE_LOCAL_TLS"),
    )
    if pulse.stop():
        engine.close()
    os._exit(0)  # a query that outlived the grace time runs in a thread that nothing can stop


if __name__ == "__main__":
    try:
        bound = int(sys.argv[4]) if len(sys.argv) > 4 else None
        main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), bound)
    except DeployError as error:
        sys.exit(f"error: {error}")

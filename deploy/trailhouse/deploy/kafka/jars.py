"""Kafka's jars: resolved once from Maven Central into a user cache folder, offline afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from trailhouse.deploy.errors import DeployError, MissingPackage

VERSION: Final = "4.1.0"
# Without a logging backend Kafka is silent even about the error that ends it.
ENDPOINT: Final = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where files are kept that every stack of this user shares and that can be fetched again."""
    home = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".cache")
    return Path(home) / "trailhouse"


def find_jars(environ: Mapping[str, str]) -> Path | None:
    """The folder with Kafka's jars if it is on this machine; None when it has to be fetched.

    `TRAILHOUSE_KAFKA_JARS` names a folder of one's own; raises `DeployError` when that holds no Kafka.
    """
    if own := environ.get("TRAILHOUSE_KAFKA_JARS"):
        if not any(Path(own).glob("kafka_2.13-*.jar")):
            raise DeployError(
                f"TRAILHOUSE_KAFKA_JARS is {own!r}, a folder without kafka_2.13-*.jar",
                hint="name the `libs` folder of a Kafka 4 release",
            )
        return Path(own)
    folder = cache_folder(environ) / f"kafka-{VERSION}"
    return folder if folder.is_dir() else None


def fetch_jars(environ: Mapping[str, str]) -> Path:
    """The folder with Kafka's jars, fetched from Maven Central (43 MB) when it is not there yet.

    Two processes may ask at once: one fetches, the other waits. Raises `DeployError` when it cannot be fetched.
    """
    if found := find_jars(environ):
        return found
    if importlib.util.find_spec("jgo") is None:
        raise MissingPackage("jgo", "local")
    cache = cache_folder(environ)
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "kafka.lock"):
        if found := find_jars(environ):
            return found
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            jars = Path(scratch) / "jars"
            jars.mkdir()
            for jar in _resolve(Path(scratch) / "jgo"):
                shutil.copy2(jar, jars / jar.name)
            return jars.rename(cache / f"kafka-{VERSION}")


def _resolve(scratch: Path) -> list[Path]:
    import jgo  # noqa: PLC0415 - optional, and needed once per machine

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            environment = jgo.build(ENDPOINT, cache_dir=scratch)
    except Exception as error:  # whatever a resolver written by others raises
        raise DeployError(
            f"Kafka {VERSION} could not be fetched from Maven Central",
            cause=f"{type(error).__name__}: {error}",
            hint="the first start needs the network; or set TRAILHOUSE_KAFKA_JARS to the `libs` folder of a Kafka 4 release",
        ) from error
    jars = sorted(Path(environment.path).rglob("*.jar"))
    if not any(jar.name.startswith("kafka_2.13-") for jar in jars):
        raise DeployError(f"Maven Central gave no Kafka {VERSION}", cause=said.getvalue()[-2000:])
    return jars


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""The supervisor's configuration, as text."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from trailhouse.deploy.credentials import IDENTITIES, load_credentials, with_secrets
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.programs import STORES, WORKERS, Program, programs, workers
from trailhouse.deploy.state import ROLES
from trailhouse.deploy.supervisor import Supervisor, supervisor_config
from trailhouse.sinks.settings import ClickHouseSettings

PORTS = {role: 20_000 + number for number, role in enumerate(ROLES)}


@pytest.fixture
def folder(tmp_path: Path) -> StackFolder:
    """A state folder with a name that needs quoting."""
    folder = StackFolder.at(tmp_path / "it's mine, a=b")
    folder.make()
    return folder


def test_every_process_is_restarted_and_killed_after_its_grace_time(folder: StackFolder) -> None:
    """Stores start at once, workers when told; whatever ends comes back."""
    text = supervisor_config(folder, programs(folder, PORTS))
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    for name in (*STORES, *WORKERS):
        section = parsed[f"program:{name}"]
        assert section["autorestart"] == "true"
        assert section["autostart"] == ("true" if name in STORES else "false")
        assert 1 <= int(section["stopwaitsecs"]) <= 3
        assert section["stdout_logfile_maxbytes"] == "10MB"
    assert parsed["unix_http_server"]["chmod"] == "0600"
    assert int(parsed["group:workers"]["priority"]) > int(parsed["group:stores"]["priority"])  # stopped first


def test_what_is_written_holds_no_secret_and_leads_each_role_to_its_own(folder: StackFolder) -> None:
    """The configuration names the file of secrets; each role finds its own identity's password in it."""
    credentials = load_credentials(folder.credentials)
    made = {program.name: program for program in programs(folder, PORTS)}
    text = supervisor_config(folder, list(made.values()))
    assert credentials.pepper.reveal() not in text
    assert not any(credentials.clickhouse[name].reveal() in text for name in IDENTITIES)
    assert with_secrets(made["stream"].environ)["TRAILHOUSE_PEPPER"] == credentials.pepper.reveal()
    for role, identity in (("sink", "ingest"), ("api", "api")):
        settings = ClickHouseSettings.from_env(with_secrets(made[role].environ))
        assert (settings.username, settings.password) == (identity, credentials.clickhouse[identity])
        assert (settings.host, settings.port) == ("127.0.0.1", PORTS["clickhouse"])


def test_supervisord_reads_what_was_written(folder: StackFolder) -> None:
    """Blanks, apostrophes, commas and percent signs reach the process as they are."""
    nasty = "it's 100% $HOME, c=d {e} 🙂"
    program = Program("kafka", ("/bin/echo", nasty), {"NASTY": nasty})
    others = [Program(name, ("/bin/true",)) for name in (*STORES, *WORKERS) if name != "kafka"]
    folder.supervisor_config.write_text(supervisor_config(folder, [program, *others]))
    options = ServerOptions()
    options.realize(["-c", str(folder.supervisor_config)])
    groups = {group.name: group for group in options.process_group_configs}
    read = {each.name: each for group in groups.values() for each in group.process_configs}
    assert read["kafka"].environment["NASTY"] == nasty
    assert shlex.split(read["kafka"].command) == ["/bin/echo", nasty]
    assert groups["stores"].priority < groups["workers"].priority


def test_a_folder_without_a_supervisor(folder: StackFolder) -> None:
    """Nothing runs, nothing answers, and stopping is no error."""
    supervisor = Supervisor(folder)
    assert supervisor.pid is None
    assert not supervisor.answers()
    assert supervisor.processes() == []
    supervisor.stop(0.1)


def test_restarts_are_counted_since_the_supervisor_began(folder: StackFolder) -> None:
    """A first start is none; what an earlier supervisor restarted is forgotten."""
    assert Supervisor(folder).restarts() == {}
    lines = [
        "supervisord started with pid 1",
        *["spawned: 'stream' with pid 2"] * 9,
        "supervisord started with pid 3",
        "spawned: 'kafka' with pid 4",
        "spawned: 'stream' with pid 5",
        "spawned: 'stream' with pid 6",
    ]
    text = "".join(f"2026-01-31 12:00:00,000 INFO {line}\n" for line in lines)
    (folder.logs / "supervisord.log").write_text(text)
    assert Supervisor(folder).restarts() == {"kafka": 0, "stream": 1}


def test_the_archive_runs_where_a_target_is_set(folder: StackFolder) -> None:
    """As `archive`, who sees no personal data; without a target there is no such process, and no group that names it."""
    without = supervisor_config(folder, programs(folder, PORTS))
    assert "program:archive" not in without
    assert f"programs={','.join(WORKERS)}\n" in without
    made = programs(folder, {**PORTS, "archive": 21_000}, has_archive=True)
    parsed = configparser.RawConfigParser()
    parsed.read_string(supervisor_config(folder, made))
    assert parsed["group:workers"]["programs"] == ",".join((*WORKERS, "archive"))
    assert made[-1].argv[-2:] == ("archive", "run")
    assert "archive@" in made[-1].environ["TRAILHOUSE_CLICKHOUSE_DSN"]
    assert workers({}) == WORKERS
    assert workers({"TRAILHOUSE_ARCHIVE_TARGET": "/x"}) == (*WORKERS, "archive")

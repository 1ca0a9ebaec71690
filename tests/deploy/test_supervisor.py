"""The supervisor's configuration, as text."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from trailhouse.deploy.credentials import Credentials
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.programs import STORES, WORKERS, Program, programs
from trailhouse.deploy.state import ROLES
from trailhouse.deploy.supervisor import Supervisor, supervisor_config
from trailhouse.producers.settings import Secret

PORTS = {role: 20_000 + number for number, role in enumerate(ROLES)}


@pytest.fixture
def folder(tmp_path: Path) -> StackFolder:
    """A state folder with a name that needs quoting."""
    folder = StackFolder.at(tmp_path / "it's mine, a=b")
    folder.make()
    return folder


def test_every_process_is_restarted_and_killed_after_its_grace_time(folder: StackFolder) -> None:
    """Stores start at once, workers when told; whatever ends comes back."""
    text = supervisor_config(folder, programs(folder, PORTS, Credentials.generate()))
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


def test_secrets_are_in_the_environment_of_who_needs_them(folder: StackFolder) -> None:
    """No secret is on a command line; the pepper is the stream's, each role has its own identity."""
    credentials = Credentials.generate()
    made = {program.name: program for program in programs(folder, PORTS, credentials)}
    secrets = [credentials.pepper.reveal(), *(secret.reveal() for secret in credentials.clickhouse.values())]
    for program in made.values():
        assert not any(secret in word for word in program.argv for secret in secrets)
        assert not any(secret in repr(program) for secret in secrets)
    holders = {
        secret: {
            name
            for name, each in made.items()
            if any(secret in value.reveal() for value in each.environ.values())
        }
        for secret in secrets
    }
    assert [holders[secret] for secret in secrets] == [{"stream"}, set(), {"sink"}, {"api"}]


def test_supervisord_reads_what_was_written(folder: StackFolder) -> None:
    """Blanks, apostrophes, commas and percent signs reach the process as they are."""
    nasty = "it's 100% $HOME, c=d {e} 🙂"
    program = Program("kafka", ("/bin/echo", nasty), {"NASTY": Secret(nasty)})
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

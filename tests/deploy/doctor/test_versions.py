"""Versions: of Python, and of what must be exactly one."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from trailhouse.deploy.doctor.versions import look


def test_what_is_installed_here_is_well() -> None:
    """The lock sees to it; aiokafka stands there once, though several extras want it."""
    found = list(look())
    assert {each.level for each in found} == {"ok"}
    assert [(each.name, each.found) for each in found if each.name == "aiokafka"] == [
        ("aiokafka", version("aiokafka"))
    ]


def test_another_version_is_named_with_the_one_wanted() -> None:
    """The bundled transport stands on one aiokafka alone; what is not installed is no ill."""

    def installed(name: str) -> str:
        if name == "faust-streaming":
            raise PackageNotFoundError
        return "0.15.0"

    wanted = ["aiokafka==0.14.0 ; extra == 'stream'", "faust-streaming==0.15.3", "rich>=13"]
    *_, found = look(wanted=wanted, installed=installed)
    assert (found.level, found.name, found.found) == ("fail", "aiokafka", "0.15.0; wanted 0.14.0")
    assert found.advice == "pip install aiokafka==0.14.0"


def test_an_old_python_is_too_old() -> None:
    """With the one that is needed."""
    first = next(look(python=(3, 10, 9)))
    assert (first.level, first.found, first.advice) == ("fail", "3.10.9", "use 3.11 or newer")

"""What is checked before a stack starts."""

from __future__ import annotations

import pytest

from trailhouse.deploy.checks import NEEDED_MEMORY, PACKAGES, check_memory, check_packages, check_python
from trailhouse.deploy.errors import DeployError, MissingPackage
from trailhouse.deploy.invocation import install_line


def test_an_old_python_is_named() -> None:
    """The message says which version is needed and how to get an environment with it."""
    check_python((3, 11))
    with pytest.raises(DeployError, match=r"Python 3\.10 is too old") as caught:
        check_python((3, 10))
    assert "venv" in caught.value.hint


def test_a_missing_package_comes_with_its_pip_line() -> None:
    """The line can be pasted."""
    check_packages(PACKAGES)
    with pytest.raises(MissingPackage, match="'no_such_package' is not installed") as caught:
        check_packages(["no_such_package"])
    assert caught.value.hint == install_line("local")


def test_short_memory_is_named() -> None:
    """The message says how much there is and how much it takes."""
    check_memory(NEEDED_MEMORY)
    with pytest.raises(DeployError, match=r"only 0\.2 GB of memory are free") as caught:
        check_memory(200_000_000)
    assert "1.5 GB" in caught.value.cause

"""Errors of the local stack and the command.

DeployError
├── MissingPackage     an optional package is not installed
├── PortTaken          another process listens on a port we were told to use
├── StartFailed        a process ended, or did not answer in time, while starting
├── StackRunning       a stack runs in that folder already
├── StackStarting      somebody else is starting the stack in that folder
└── StackNotFound      no running stack could be found
"""

from __future__ import annotations

from trailhouse.deploy.invocation import install_line


class DeployError(Exception):
    """Root; the message says what happened, `cause` why, `hint` what to do."""

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.cause, self.hint = cause, hint

    def __str__(self) -> str:
        lines = [
            str(self.args[0]),
            *(f"{name}: {text}" for name, text in (("cause", self.cause), ("hint", self.hint)) if text),
        ]
        return "\n".join(lines)


class MissingPackage(DeployError):
    """The optional package `package` is not installed; `extra` of ours brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"the package {package!r} is not installed", hint=install_line(extra))
        self.package, self.extra = package, extra


class PortTaken(DeployError):
    """Another process listens on `port`, which `role` was told to use."""

    def __init__(self, role: str, port: int) -> None:
        super().__init__(
            f"port {port} for {role} is taken",
            cause="another process listens on it",
            hint="stop that process, or let free ports be chosen: --ports auto",
        )
        self.role, self.port = role, port


class StartFailed(DeployError):
    """A process ended, or did not answer in time, while starting; the cause is the end of its log."""


class StackRunning(DeployError):
    """A stack runs in that folder already."""


class StackStarting(DeployError):
    """Somebody else is starting the stack in that folder."""


class StackNotFound(DeployError):
    """No running stack could be found."""

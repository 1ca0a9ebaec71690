"""Errors of the archive.

ArchiveError
├── TargetUnavailable  the target cannot be written or read now; trying again may help
├── TargetRefused      the target is not what the settings ask for: no lock, too short, not ours
└── ArchiveBroken      what the target holds is not what its manifests say
"""

from __future__ import annotations


class ArchiveError(Exception):
    """Root; the message says what happened, with which value, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class TargetUnavailable(ArchiveError):
    """The target did not do what was asked: away, full, refused, too slow."""


class TargetRefused(ArchiveError):
    """The target must not be used as the settings are."""


class ArchiveBroken(ArchiveError):
    """A file of the archive is missing, changed, or says what cannot be."""

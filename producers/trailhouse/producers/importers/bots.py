"""Which authors of commits are programs, told from their names and addresses."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# `name[bot]` is what GitHub appends to every app; `x-bot`, `xbot@` and `bot@` are what people call their own.
_BOT_NAME: Final = re.compile(
    r"\[bot\]|(?:^|[-_. ])bot(?:[-_ ]automation)?$|^(?:goreleaser|fossa|octokit|renovate)bot$", re.IGNORECASE
)
_BOT_LOCAL: Final = re.compile(
    r"\[bot\]|(?:^|[-_.+])bot$|(?:^|\+)(?:goreleaser|fossa|octokit|openmeter)bot$|service-account",
    re.IGNORECASE,
)

# Not by a first name alone: people are called Claude, too.
# fmt: off
_NAMES: Final = frozenset({
    "allcontributors", "bors", "circleci", "claude code", "copilot", "copilot-swe-agent", "cursor agent", "deepsource",
    "dependabot", "dependabot-preview", "github action", "github actions", "github-actions", "greenkeeper", "imgbot",
    "jenkins", "mergify", "pre-commit-ci", "pre-commit.ci", "renovate", "restyled.io", "transifex", "travis ci",
    "travis ci user", "weblate",
})
_EMAILS: Final = frozenset({
    "action@github.com", "actions@github.com", "actions@users.noreply.github.com", "builds@travis-ci.org",
    "copilot@github.com", "cursoragent@cursor.com", "noreply@anthropic.com", "noreply@dependabot.com",
    "noreply@github.com", "support@dependabot.com",
})
# fmt: on


@lru_cache(maxsize=65_536)
def is_bot(name: str, email: str) -> bool:
    """Whether a commit's author is a program: an app's `[bot]`, a name ending in `-bot`, or a known service."""
    email = email.lower()
    local = email.partition("@")[0]
    return (
        name.lower() in _NAMES
        or email in _EMAILS
        or local.rpartition("+")[2] in _NAMES
        or _BOT_NAME.search(name) is not None
        or _BOT_LOCAL.search(local) is not None
    )

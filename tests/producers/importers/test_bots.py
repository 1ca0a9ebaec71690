from __future__ import annotations

import pytest

from trailhouse.producers.importers.bots import is_bot


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
        ("pre-commit-ci[bot]", "66853113+pre-commit-ci[bot]@users.noreply.github.com"),
        ("renovate[bot]", "29139614+renovate[bot]@users.noreply.github.com"),
        ("Renovate Bot", "bot@renovateapp.com"),
        ("GitHub Action", "action@github.com"),
        ("github-actions", "github-actions@github.com"),
        ("GitHub", "noreply@github.com"),
        ("Somebody", "123+some-app[bot]@users.noreply.github.com"),
        ("example-bot", "ci@example.com"),
        ("Sentry Bot", ""),
        ("", "release-bot@example.com"),
        ("dependabot", "49699333+dependabot@users.noreply.github.com"),
    ],
)
def test_programs_are_recognised(name: str, email: str) -> None:
    """Apps, services and accounts that call themselves bots are no people."""
    assert is_bot(name, email)


@pytest.mark.parametrize(
    ("name", "email"),
    [
        ("Ada Talbot", "talbot@example.com"),
        ("Sylvain Rabot", "sylvain@example.com"),
        ("Alex Botello", "alex.botello@example.com"),
        ("Claude Monet", "claude@example.com"),
        ("Claude", "claude.m@example.com"),
        ("Bo Botic", "bo@botify.example"),
        ("Kim", "kim@robotics.example"),
        ("Tobias Abbott", "abbott@example.com"),
        ("", ""),
    ],
)
def test_people_with_such_names_stay_people(name: str, email: str) -> None:
    """A name that merely contains the letters makes nobody a program."""
    assert not is_bot(name, email)

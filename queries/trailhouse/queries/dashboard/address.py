"""Addresses of the dashboard: where each page is, and a page's state as its query. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

ROOT: Final = "/org/dashboard/"
#: What stays when somebody goes to another page.
LASTING: Final = ("org", "company", "timezone")
_INSIDE: Final = re.compile(r"/org/dashboard/[\w./~-]*(\?[\w.~%&=+:,*@-]*)?(#[\w.-]*)?", re.ASCII)


def link(path: str, params: Mapping[str, str | None], **changes: str | None) -> str:
    """The address of a page of the dashboard with these parameters; what is None or '' is left out.

    Several organisations, with commas between them, are a parameter each.
    """
    kept = [
        (name, part)
        for name, value in {**params, **changes}.items()
        if value
        for part in (value.split(",") if name == "org" else [value])
    ]
    return f"{ROOT}{quote(path)}" + (f"?{urlencode(kept)}" if kept else "")


def lasting(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters that go along to another page."""
    return {name: params[name] for name in LASTING if params.get(name)}


def inside(text: str | None) -> str:
    """The address if it is one of the dashboard's, else its first page: nobody is sent elsewhere after signing in."""
    is_ours = text is not None and _INSIDE.fullmatch(text) and "//" not in text.partition("?")[0]
    return text if is_ours and text is not None and ".." not in text.partition("?")[0] else ROOT

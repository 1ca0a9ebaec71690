"""A page of the docs: what stands between two marks is made from the code it speaks of.

    <!-- metrics: begin -->
    …
    <!-- metrics: end -->

`make docs` writes the blocks anew; a test fails while a page says anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from trailhouse.deploy.reference.contract import actions, enriched_fields, event_fields, rejections, verbs
from trailhouse.deploy.reference.running import commands, metrics, settings
from trailhouse.deploy.reference.storage import reports, tables

BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "actions": actions,
    "commands": commands,
    "enriched_fields": enriched_fields,
    "event_fields": event_fields,
    "metrics": metrics,
    "rejections": rejections,
    "reports": reports,
    "settings": settings,
    "tables": tables,
    "verbs": verbs,
}
_BLOCK: Final = re.compile(r"(<!-- (\w+): begin -->\n).*?(<!-- \2: end -->)", re.DOTALL)


def fill(page: str) -> str:
    """The page with every generated block made anew; raises `KeyError` for a block nobody makes."""
    return _BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match[2]]().strip()}\n{match[3]}", page)

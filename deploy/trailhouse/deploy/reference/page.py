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
from trailhouse.deploy.reference.report import report, reports
from trailhouse.deploy.reference.running import commands, metrics, settings
from trailhouse.deploy.reference.storage import tables

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
#: Blocks about one thing of many, which the mark names: `<!-- report active_users: begin -->`.
BLOCKS_OF: Final[Mapping[str, Callable[[str], str]]] = {"report": report}
_BLOCK: Final = re.compile(r"(<!-- (\w+(?: \w+)?): begin -->\n).*?(<!-- \2: end -->)", re.DOTALL)


def fill(page: str) -> str:
    """The page with every generated block made anew; raises `KeyError` for a block nobody makes."""
    return _BLOCK.sub(lambda match: f"{match[1]}{_made(match[2]).strip()}\n{match[3]}", page)


def _made(mark: str) -> str:
    block, _, name = mark.partition(" ")
    return BLOCKS_OF[block](name) if name else BLOCKS[block]()

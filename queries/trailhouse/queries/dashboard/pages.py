"""All pages that are made of reports, in the order of the navigation. Pure."""

from __future__ import annotations

from typing import Final

from trailhouse.queries.dashboard.page import ACTIVITY, MEMBERS
from trailhouse.queries.dashboard.statistics_page import SECURITY, STATISTICS
from trailhouse.queries.dashboard.usage_page import USAGE

PAGES: Final = (ACTIVITY, MEMBERS, USAGE, STATISTICS, SECURITY)

"""Parameters of questions: what they are, what is allowed, how a caller's text is read, what OpenAPI says of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trailhouse.queries.errors import BadParameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """A report's own parameter; `choices` or `minimum`/`maximum` say what is allowed, the default always is."""

    name: str
    type: str
    default: str | int
    text: str
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 0

    def parse(self, text: str) -> str | int:
        """Read a caller's text; raises `BadParameter`."""
        if self.choices:
            if text not in self.choices:
                raise BadParameter(self.name, text, "one of " + ", ".join(self.choices))
            return text
        if not re.fullmatch(r"[0-9]{1,9}", text) or not self.minimum <= int(text) <= self.maximum:
            raise BadParameter(self.name, text, f"a whole number from {self.minimum} to {self.maximum}")
        return int(text)

    def to_schema(self) -> dict[str, Any]:
        """What is allowed, as JSON Schema."""
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


def in_query(described: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Optional query parameters for OpenAPI, from (name, text, schema)."""
    return [
        {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
        for name, text, schema in described
    ]

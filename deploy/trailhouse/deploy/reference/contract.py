"""Blocks about what goes through Kafka: the event, its actions, the enriched line, the rejections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from trailhouse.deploy.reference.table import table
from trailhouse.producers.actions import OURS, OWN, VERBS, WANDB, Action, Crud
from trailhouse.producers.field import FIELDS, Field
from trailhouse.stream.enriched import Enriched
from trailhouse.stream.rejected import EXPLANATIONS

_KINDS: Final = {
    "id": "UUID",
    "time": "RFC 3339",
    "org": "text",
    "action": "text",
    "text": "text",
    "integer": "integer",
    "choice": "text",
    "object": "JSON object",
    "scalars": "map of scalars",
}


def actions() -> str:
    """The catalogue, W&B's part and ours."""
    titles = ("action", "definition", "class", "category", "activity", "notes")
    parts = (
        (f"### W&B's {len(WANDB)} audit actions", WANDB),
        (f"### {len(OURS)} more", OURS),
        (f"### {len(OWN)} that Trailhouse records of itself", OWN),
    )
    return "\n\n".join(
        f"{title}\n\n{table(titles, [_action(each) for each in group])}" for title, group in parts
    )


def verbs() -> str:
    """How an action outside the catalogue is classified by the first word of its verb."""
    rows = [
        (crud.value, ", ".join(f"`{verb}`" for verb, each in VERBS.items() if each is crud))
        for crud in Crud
        if crud in VERBS.values()
    ]
    return table(("class", "first word of the verb"), [*rows, (Crud.OTHER.value, "anything else")])


def event_fields() -> str:
    """The contract's keys."""
    rows = [
        (
            f"`{each.name}`",
            _kind(each),
            "yes" if each.required else "",
            "yes" if each.is_pii else "",
            each.text,
        )
        for each in FIELDS
    ]
    return table(("key", "type", "required", "personal data", "meaning"), rows)


def enriched_fields() -> str:
    """The keys of a line on the enriched topic; those with a default are left out while they have it."""
    rows = [
        (f"`{each.encode_name}`", f"`{_type(each.type)}`", "yes" if each.required else "")
        for each in msgspec.structs.fields(Enriched)
    ]
    return table(("key", "type", "always present"), rows)


def rejections() -> str:
    """Every reason a record can be rejected for."""
    rows = [(f"`{reason.value}`", text) for reason, text in EXPLANATIONS.items()]
    return table(("reason", "meaning, and what to do"), rows)


def _action(action: Action) -> Sequence[str]:
    notes = [
        *(["one event for many objects"] if action.is_batch else []),
        *(["login"] if action.is_login else []),
        *([] if action.on_saas else ["W&B's SaaS does not always collect it"]),
    ]
    return (
        f"`{action.name}`",
        action.definition,
        action.crud.value,
        action.category.value,
        "yes" if action.is_activity else "no",
        ", ".join(notes),
    )


def _kind(field: Field) -> str:
    if field.choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in field.choices)
    if field.bounds:
        low, high = field.bounds
        return f"integer, {low} to {high}" if low < high else f"`{low}`"
    return _KINDS[field.kind]


def _type(kind: Any) -> str:
    """How the type is written in the code: `str`, `list[int]`."""
    return str(kind) if hasattr(kind, "__args__") else str(kind.__name__)

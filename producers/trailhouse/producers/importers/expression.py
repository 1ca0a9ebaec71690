r"""Expressions of a mapping: where in a row a value is found.

    userIdentity.arn|userIdentity.type      the first alternative that is present (not missing, null or empty)
    Parameters.0.Name                       into nested objects, by index into lists, into JSON text inside a cell
    eventSource~^[^.]+                      the part that matches a regular expression (its first group, if any)
    InvoiceNo~^C=>cancel                    this text instead, when the expression before it is present
    {eventSource~^[^.]+}:{eventName}        text with values in it; present when all of them are

`|` separates alternatives outside of brackets only, so a regular expression writes its own as `(?:a|b)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from trailhouse.producers.importers.errors import BadMapping

Row = Mapping[str, Any]
Getter = Callable[[Row], Any]

_BRACKETS: Final = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression; calling it with a row gives the value, or None when nothing is present.

    `paths` are the paths it may read, for checking them against a header.
    """

    text: str
    alternatives: tuple[Getter, ...]
    paths: tuple[str, ...]

    @classmethod
    def parse(cls, source: str | Sequence[str]) -> Expression:
        """Compile one text with `|` between its alternatives, or a list of alternatives; raises `BadMapping`."""
        texts = list(_split(source)) if isinstance(source, str) else list(source)
        paths: list[str] = []
        alternatives = tuple(_alternative(text.strip(), paths) for text in texts)
        return cls("|".join(texts), alternatives, tuple(paths))

    def __call__(self, row: Row) -> Any:
        for get in self.alternatives:
            value = get(row)
            if value is not None and value != "":
                return value
        return None


def as_text(value: Any) -> str:
    """A JSON value as text: text as it is, anything else as JSON writes it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@lru_cache(maxsize=4)
def read_json(text: str) -> Any:
    """The JSON inside a cell, or None; several paths into the same cell read it once."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _split(text: str) -> Iterator[str]:
    """Cut at every `|` that no bracket holds; a backslash guards the character after it."""
    closing: list[str] = []
    start = position = 0
    while position < len(text):
        letter = text[position]
        if letter == "\\":
            position += 1
        elif closing and letter == closing[-1]:
            closing.pop()
        elif letter in _BRACKETS and (not closing or closing[-1] != "]"):
            closing.append(_BRACKETS[letter])
        elif letter == "|" and not closing:
            yield text[start:position]
            start = position + 1
        position += 1
    yield text[start:]


def _alternative(text: str, paths: list[str]) -> Getter:
    brace, tilde = text.find("{"), text.find("~")
    if brace >= 0 and (tilde < 0 or brace < tilde):
        return _template(text, paths)
    head, arrow, replacement = text.partition("=>")
    path, tilde_found, pattern = head.partition("~")
    if not path:
        raise BadMapping(
            f"{text!r} names no path", "write a path such as user.id, alternatives with |: user.id|user.name"
        )
    paths.append(path)
    get = _path(path)
    if tilde_found:
        get = _match(get, pattern)
    return _replace(get, replacement) if arrow else get


def _path(path: str) -> Getter:
    keys = path.split(".")
    if len(keys) == 1:
        return lambda row: row.get(path)
    rests = [".".join(keys[index:]) for index in range(len(keys))]

    def get(row: Row) -> Any:
        value: Any = row
        for key, rest in zip(keys, rests, strict=True):
            if isinstance(value, str):
                value = read_json(value)
            if isinstance(value, Mapping):
                if rest in value:  # a key that holds dots itself
                    return value[rest]
                value = value.get(key)
            elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                return None
        return value

    return get


def _match(get: Getter, pattern: str) -> Getter:
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise BadMapping(
            f"{pattern!r} is no regular expression: {error}", "see https://docs.python.org/3/library/re.html"
        ) from None

    def matched(row: Row) -> Any:
        value = get(row)
        found = search(as_text(value)) if value is not None else None
        if found is None:
            return None
        return found[1] if found.re.groups else found[0]

    return matched


def _replace(get: Getter, replacement: str) -> Getter:
    # Present means matched here, even when what matched is empty: `Note~^$=>none` tells an empty cell.
    return lambda row: None if get(row) is None else replacement


def _template(text: str, paths: list[str]) -> Getter:
    parts: list[str | Expression] = []
    for piece, is_expression in _pieces(text):
        if is_expression:
            expression = Expression.parse(piece)
            paths.extend(expression.paths)
            parts.append(expression)
        else:
            parts.append(piece)

    def fill(row: Row) -> Any:
        texts: list[str] = []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
            elif (value := part(row)) is None:
                return None
            else:
                texts.append(as_text(value))
        return "".join(texts)

    return fill


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The literal and the braced pieces of a template, in order; braces inside braces belong to the inner text."""
    depth = start = 0
    for position, letter in enumerate(text):
        if letter == "{":
            if depth == 0 and position > start:
                yield text[start:position], False
            depth += 1
            start = position + 1 if depth == 1 else start
        elif letter == "}" and depth:
            depth -= 1
            if depth == 0:
                yield text[start:position], True
                start = position + 1
    if depth:
        raise BadMapping(f"{text!r} has an open brace", "close every {path} with }")
    if start < len(text):
        yield text[start:], False

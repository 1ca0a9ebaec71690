"""E-mail addresses in text: where they stand, and every address that what stands there may mean.

An address may be written with another sign or a code for its @, and punctuation next to it may belong to it: `-a@b.example`
is an address, and so is `a@b.example`. Whoever looks for a person finds both.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final
from urllib.parse import unquote

#: What stands for @. U+FF20 and U+FE6B are it to whoever reads them (NFKC); URLs and HTML write it as a code.
AT: Final = re.compile(r"[@\uff20\ufe6b]|%(?:25){0,2}40|&(?:#0{0,4}64|#[xX]0{0,4}40|commat);")
#: An @ and what follows it. The last label begins with a letter: `react@18.2.0` is a version.
ADDRESS_END: Final = re.compile(
    rf"(?:{AT.pattern})[^\W_][\w-]{{0,62}}+(?:\.[^\W_][\w-]{{0,62}}+){{0,7}}\.[^\W\d_][\w-]{{0,62}}+"
)
LOCAL_MAX: Final = 64
# Read backwards from the @, which takes as long as the name is.
_LOCAL: Final = re.compile(rf"[^\s@\uff20\ufe6b<>\"',;:()\[\]]{{1,{LOCAL_MAX}}}+")

# `mail=a@b.example` may be an address as it stands, but rather `a@b.example` is one.
_BEFORE_ADDRESS: Final = re.compile(r".*[=/?&|{}\\]", re.DOTALL)
# So may `**a@b.example`; and of `to:**a@b.example` or `…a@b.example` only what follows the last such sign.
_LEADING: Final = re.compile(r"^[\W_]+")
_BEFORE_NAME: Final = re.compile(r".*[^\w.+-][\W_]*", re.DOTALL)


def may_hold_address(text: str) -> bool:
    """Whether a search is worth its time: False where there is no @, nor anything that may stand for one."""
    return "@" in text or "%" in text or "&" in text or not text.isascii()


def without_addresses(text: str) -> tuple[str, list[str]]:
    """`text` with `<email>` for every address, and the addresses as they stand there."""
    found: list[str] = []
    parts: list[str] = []
    done = 0
    for match in ADDRESS_END.finditer(text):
        start = match.start()
        local = _LOCAL.match(text[max(done, start - LOCAL_MAX) : start][::-1])
        if local is None:
            continue
        start -= local.end()
        parts += (text[done:start], "<email>")
        found.append(text[start : match.end()])
        done = match.end()
    return ("".join(parts) + text[done:], found) if found else (text, found)


def readings(found: str) -> tuple[str, ...]:
    """Every address that `found`, a stretch of text with one @, may mean, each once; one alone where it is ordinary."""
    plain = AT.sub("@", found)
    spellings = [found, plain]
    if "%" in plain:
        spellings.append(unquote(unquote(plain)))
    if "&" in plain:
        spellings.append(html.unescape(plain))
    if not plain.isascii():
        spellings.append(unicodedata.normalize("NFKC", plain))
    meant = dict.fromkeys(spellings)
    for each in spellings[1:]:
        local, _, domain = each.rpartition("@")
        bare = _BEFORE_ADDRESS.sub("", local)
        for name in (bare, _LEADING.sub("", bare), _BEFORE_NAME.sub("", bare)):
            if name:
                meant[f"{name}@{domain}"] = None
                meant[f"{name}@{domain.rstrip('_-')}"] = None
    return tuple(meant)

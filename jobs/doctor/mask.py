"""No password on a screen or in a ticket."""

from __future__ import annotations

import re

SECRET = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@]*@", re.IGNORECASE)
WORD = re.compile(r"(?P<name>\b(?:password|passwd|secret|token)\s*[=:]\s*)\S+", re.IGNORECASE)


def bare(address: str) -> str:
    """An address without who signs in there."""
    return mask(address).replace("***@", "")


def mask(text: str) -> str:
    """The text with who signs in and with what left out of every address."""
    return WORD.sub(r"\g<name>***", SECRET.sub(r"\g<scheme>***@", text))

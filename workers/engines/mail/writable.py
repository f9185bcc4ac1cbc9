"""What may stand in a message: every text passes here before it becomes bytes."""

from __future__ import annotations

import re

from jobs.errors import Rejected
from jobs.mail.address import ADDRESS_BYTES, CONTROL, LOCAL_BYTES
from workers.engines.addresses import LOCAL

DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f.:]+\]|\[IPv6:[0-9A-Fa-f.:]+\]")
MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w!#$&^.+-]{0,126}/[A-Za-z0-9][\w!#$&^.+-]{0,126}", re.ASCII)
MESSAGE_ID = re.compile(r"<[\w!#$%&'*+/=?^`{|}~.-]+@[\w.\[\]:-]+>", re.ASCII)
CONTENT_ID = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]+(@[\w.-]+)?", re.ASCII)
URL = re.compile(r"(?:https?://|mailto:)[!-;=?-~]+")
URL_CHARACTERS = 900


class Unwritable(Rejected):
    """A message cannot be written as asked: `field` says which part, `why` what is wrong with it."""

    def __init__(self, field: str, why: str) -> None:
        self.field, self.why = field, why
        super().__init__(f"The {field} {why}.")


def line(field: str, text: str) -> str:
    """Text for one header line: no line break, no control character, no half of a surrogate pair."""
    if CONTROL.search(text):
        raise Unwritable(field, "contains a line break or another control character")
    return whole(field, text)


def whole(field: str, text: str) -> str:
    """Text of any number of lines that UTF-8 can carry, without NUL."""
    if "\x00" in text:
        raise Unwritable(field, "contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unwritable(field, "contains half of a surrogate pair, which no mail can carry") from None
    return text


def address(field: str, text: str) -> str:
    """A bare address whose domain is ASCII."""
    local, _, domain = line(field, text).rpartition("@")
    is_short = len(text.encode()) <= ADDRESS_BYTES and len(local.encode()) <= LOCAL_BYTES
    if not (is_short and local.isprintable() and LOCAL.fullmatch(local) and DOMAIN.fullmatch(domain)):
        raise Unwritable(field, f"is no mail address: {text!r}")
    return text


def media_type(field: str, text: str) -> str:
    """`type/subtype` without parameters."""
    return _matching(field, text, MEDIA_TYPE, "is no media type like image/png")


def message_id(field: str, text: str) -> str:
    """`<left@right>`, ASCII."""
    return _matching(field, text, MESSAGE_ID, "is no message id like <left@right>")


def content_id(field: str, text: str) -> str:
    """What `cid:` in the HTML names, ASCII."""
    return _matching(field, text, CONTENT_ID, "is no content id like logo or logo@example.org")


def url(field: str, text: str) -> str:
    """An address of a web page or mailbox, in ASCII, short enough for one line."""
    if len(text) > URL_CHARACTERS:
        raise Unwritable(field, f"is longer than {URL_CHARACTERS} characters")
    return _matching(field, text, URL, "is no link that a header can carry: use https:// or mailto:")


def _matching(field: str, text: str, pattern: re.Pattern[str], why: str) -> str:
    if not pattern.fullmatch(text):
        raise Unwritable(field, why)
    return text

"""What a mail server's answer says: whether an address is dead, or that too much was sent.

Two codes say it: the reply's own (RFC 5321) and the enhanced one (RFC 3463, `5.1.1`). Only when both call it
permanent and the subject is the address (`5.1.x`) is it dead. A full mailbox, a policy (`5.7.x`), a bare 550
without an enhanced code say something about today's mail, not about the address.

Too much has no code of its own: providers say it by 421, by 4.7.x and others, and in words. A mailbox that is
full or written to too quickly (`4.1.x`, `4.2.x`), and greylisting, are about one recipient alone.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PERMANENT, PASSING = 5, 4
ADDRESSING, MAILBOX = 1, 2
GOING_AWAY = 421
SENDERS_OWN = frozenset({5, 7, 8, 9})
"""5.1.7 and 5.1.8 are about the sender's address; 5.1.9 about a relay, and 5.1.5 is a good address."""
# At the beginning, where RFC 2034 puts it: a policy may quote somebody else's 5.1.1 in its words.
ENHANCED = re.compile(r"\s*(?:[245]\d\d[ -]\s*)?#?([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")

TOO_MUCH = frozenset({(4, 5), (5, 3), (7, 28)})
"""Congestion; too many recipients, of which each of our mails has one; and Gmail's word for too much."""
TOO_MUCH_WORDS = re.compile(
    r"too (many|much|fast|quickly|often)|rate.?limit|throttl|slow down|unusual rate|unexpected volume"
    r"|(limit|quota|rate|maximum|number)\b.{0,40}\b(exceed|reached)|exceed.{0,40}\b(limit|quota|rate|maximum)"
    r"|concurrent connections|server (is )?(too )?busy",
    re.IGNORECASE,
)
GREY = re.compile(r"gr[ea]y.?list", re.IGNORECASE)


class Status(NamedTuple):
    """An enhanced status code."""

    severity: int
    subject: int
    detail: int

    def __str__(self) -> str:
        return f"{self.severity}.{self.subject}.{self.detail}"


def read_status(text: str) -> Status | None:
    """The enhanced code that the text begins with (after a reply's own code, if that is there); or None."""
    found = ENHANCED.match(text)
    return Status(*map(int, found.groups())) if found else None


def is_dead(status: Status | None, code: int | None = None) -> bool:
    """Whether this address is not to be written to again; `code` is the reply's own, where there was one."""
    return (
        status is not None
        and (code is None or code // 100 == PERMANENT)
        and status.severity == PERMANENT
        and status.subject == ADDRESSING
        and status.detail not in SENDERS_OWN
    )


def is_dead_by_reply(code: int, text: str) -> bool:
    """The same for what an SMTP server answered: `550, "5.1.1 no such user"`."""
    return is_dead(read_status(text), code)


def says_too_much(code: int, text: str) -> bool:
    """Whether it asks for less mail, or none for a while, rather than for this one again later."""
    if code // 100 != PASSING or GREY.search(text):
        return False
    status = read_status(text)
    if status is not None and status.subject in {ADDRESSING, MAILBOX}:
        return False
    if status is not None and (status.subject, status.detail) in TOO_MUCH:
        return True
    return code == GOING_AWAY or TOO_MUCH_WORDS.search(text) is not None

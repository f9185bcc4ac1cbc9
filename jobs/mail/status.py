"""What a mail server's answer says about an address: whether it is dead, and so not to be written to again.

Two codes say it: the reply's own (RFC 5321) and the enhanced one (RFC 3463, `5.1.1`). Only when both call it
permanent and the subject is the address (`5.1.x`) is it dead. A full mailbox, a policy (`5.7.x`), a bare 550
without an enhanced code say something about today's mail, not about the address.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PERMANENT, ADDRESSING = 5, 1
SENDERS_OWN = frozenset({5, 7, 8, 9})
"""5.1.7 and 5.1.8 are about the sender's address; 5.1.9 about a relay, and 5.1.5 is a good address."""
# At the beginning, where RFC 2034 puts it: a policy may quote somebody else's 5.1.1 in its words.
ENHANCED = re.compile(r"\s*(?:[245]\d\d[ -]\s*)?#?([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")


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

"""What a mail server's answer says: whether an address is dead, or that too much was sent.

Two codes say it: the reply's own (RFC 5321) and the enhanced one (RFC 3463, `5.1.1`). Only when both call it
permanent, and the second means the recipient's mailbox or its domain, is it dead. A full mailbox, a policy
(`5.7.x`), a bare 550 without an enhanced code say something about today's mail, not about the address. The
sender is refused in the same answers, mostly to each recipient: who believed those would lose a whole list.

Too much has no code of its own: providers say it by 421, by 4.7.x and others, and in words. A mailbox that is
full or written to too quickly (`4.1.x`, `4.2.x`), and greylisting, are about one recipient alone; a size,
hops, and what a scanner found about one message. Of words only those are believed that are plainly about a
rate, or about how many mails or connections.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PERMANENT, PASSING = 5, 4
ADDRESSING, MAILBOX = 1, 2
GOING_AWAY = 421
DEAD = frozenset({1, 2, 6, 10})
"""No such mailbox (5.1.1) or domain (5.1.2), moved without a word where (5.1.6), a domain that takes no mail
(5.1.10). 5.1.0 does not say whose address it means; 5.1.3 and 5.1.4 are what one server makes of its syntax;
5.1.5 is a good address, 5.1.7 and 5.1.8 are the sender's, 5.1.9 is a relay."""
SENDERS_OWN = frozenset({7, 8})
SENDER = re.compile(
    r"\b(sender|originator|mail[ -]?from|from[ -]address|return[ -]?path|reverse[ -]?path)\b", re.IGNORECASE
)
# At the beginning, where RFC 2034 puts it: a policy may quote somebody else's 5.1.1 in its words.
ENHANCED = re.compile(r"\s*(?:[245]\d\d[ -]\s*)?#?([245])\.(\d{1,3})\.(\d{1,3})(?![.\d])")
OF_ONE_MESSAGE = frozenset({500, 502, 503, 504, 552, 555})
"""Too large, or the words or the order of a command are not understood; …"""
SUBJECTS_OF_ONE = frozenset({3, 5, 6})
"""… as enhanced codes say it: limits of the system, protocol, content."""

CONGESTED = frozenset({(4, 5), (7, 28)})
"""Congestion, and Gmail's word for too much."""
TOO_MANY_RECIPIENTS = (5, 3)
"""Of which each of our mails has one."""
MANY = r"(mails?|e-?mails?|messages|connections?|sessions|requests|deliveries|recipients)"
SORT = r"((smtp|concurrent|simultaneous|open|new|recent|parallel|incoming|of your) )*"
OFTEN = rf"({MANY}|sending|hourly|daily|per (second|minute|hour|day))"
TOO_MUCH_WORDS = re.compile(
    rf"too (many|much) {SORT}{MANY}\b|(send|connect)\w* .{{0,30}}\btoo (fast|quickly|often|frequently)"
    r"|rate.?limit|throttl|slow down|unusual rate|unexpected volume|concurrent connections"
    r"|\brate\b.{0,40}\b(exceed|reached)|exceed.{0,40}\brate\b"
    rf"|\b{OFTEN}\b.{{0,20}}\b(limit|quota|maximum)\b.{{0,40}}\b(exceed|reached)"
    rf"|\b(limit|maximum|number)\b.{{0,20}}\b{OFTEN}\b.{{0,40}}\b(exceed|reached)"
    rf"|(exceed|reached).{{0,40}}\b{OFTEN}\b",
    re.IGNORECASE,
)
BUSY_WORDS = re.compile(r"server (is )?(too )?busy", re.IGNORECASE)
ONE = re.compile(
    r"(?<![.@-])\b(mail ?box|inbox|storage|disk|size|bytes|hops?|loops?|headers?|parts|levels|archives?"
    r"|scanner)\b(?!\.\w|[@-])",
    re.IGNORECASE,
)
"""What is about one recipient, or one message, whatever else is said of it; no host's name."""
QUOTA = re.compile(r"\b(over)?quota", re.IGNORECASE)
OF_SENDING = re.compile(
    r"\b(sending|you (have )?sen[dt]|hourly|daily|monthly|rate|per[ -](second|minute|hour|day|month))\b",
    re.IGNORECASE,
)
"""A quota is a mailbox's, also one that is counted in messages, unless it says that it is one of sending."""
GREY = re.compile(r"gr[ea]y.?list", re.IGNORECASE)
ADDRESS = re.compile(r"[^\s<>()\"':;,]+@[^\s<>()\"':;,]+")


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


def is_dead(status: Status | None, code: int | None = None, words: str = "") -> bool:
    """Whether this address is not to be written to again.

    `code` is the reply's own, where there was one; `words` are those that were said with it.
    """
    return (
        status is not None
        and (code is None or code // 100 == PERMANENT)
        and status.severity == PERMANENT
        and status.subject == ADDRESSING
        and status.detail in DEAD
        and not names_sender(words)
    )


def is_dead_by_reply(code: int, text: str) -> bool:
    """The same for what an SMTP server answered: `550, "5.1.1 no such user"`."""
    return is_dead(read_status(text), code, text)


def names_sender(text: str) -> bool:
    """Whether an answer is about whom the mail comes from, by its code or its words."""
    status = read_status(text)
    if status is not None and status.subject == ADDRESSING and status.detail in SENDERS_OWN:
        return True
    return SENDER.search(ADDRESS.sub("", text)) is not None


def refuses_sender(code: int, text: str) -> bool:
    """Whether an answer to MAIL is final, and not about what one message is, or how it was asked."""
    if code // 100 != PERMANENT or code in OF_ONE_MESSAGE:
        return False
    status = read_status(text)
    return status is None or status.subject not in SUBJECTS_OF_ONE


def says_too_much(code: int, text: str, *, is_of_message: bool = False) -> bool:
    """Whether it asks for less mail, or none for a while, rather than for this one again later.

    `is_of_message`: it was said to a whole message, of which nobody but its author knows what is in it; so
    a server that is merely busy with it, or goes away over it, says nothing of others.
    """
    if code // 100 != PASSING or GREY.search(text):
        return False
    status = read_status(text)
    if status is not None and status.subject in {ADDRESSING, MAILBOX}:
        return False
    if status is not None and status[1:] in CONGESTED:
        return True
    if not is_of_message and (
        code == GOING_AWAY or (status is not None and status[1:] == TOO_MANY_RECIPIENTS)
    ):
        return True
    if ONE.search(text) or (QUOTA.search(text) and not OF_SENDING.search(without_addresses(text))):
        return False
    found = TOO_MUCH_WORDS.search(text) or (None if is_of_message else BUSY_WORDS.search(text))
    return found is not None


def codes(code: int, text: str) -> str:
    """What everybody may read of an answer: its words may name somebody, or be somebody's own."""
    return f"{code} {read_status(text) or ''}".strip()


def without_addresses(text: str) -> str:
    """The same words, naming nobody."""
    return ADDRESS.sub("…", text)

"""What became of one recipient of one message, as far as the server's own words say."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from jobs.mail.status import says_too_much
from jobs.text import printable

SHOWN_CHARACTERS = 300
ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
GOING_AWAY = 421


class Verdict(StrEnum):
    """How it ended; all but `undecided` are certain."""

    TAKEN = "taken"
    """The server answers for it from now on."""
    PUT_OFF = "put_off"
    """A 4xx: not now, perhaps later."""
    REFUSED = "refused"
    """A 5xx, or what this server cannot carry: not this way, ever."""
    UNSENT = "unsent"
    """The server was away, or went, before it had the message."""
    UNDECIDED = "undecided"
    """It was handed over, and no answer came: only the server knows."""


class Reply(NamedTuple):
    """What the server said: a code of three digits and its words, on one line."""

    code: int
    text: str

    @property
    def is_good(self) -> bool:
        """2xx."""
        return 200 <= self.code < 300

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 3463), such as 5.1.1; empty if there is none."""
        found = ENHANCED.match(self.text)
        return found[0] if found else ""

    @property
    def is_too_much(self) -> bool:
        """Whether it asks for less, or nothing for a while."""
        return says_too_much(self.code, self.text)

    @property
    def stops_all(self) -> bool:
        """The same of an answer to a whole message."""
        return says_too_much(self.code, self.text, is_of_message=True)

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


class Outcome(NamedTuple):
    """One recipient's verdict, with the server's code (0 = it gave none), status and words."""

    recipient: str
    verdict: Verdict
    code: int
    status: str
    text: str
    is_of_message: bool = False
    """Whether the answer was one to the message, and not to its recipient."""

    @property
    def is_too_much(self) -> bool:
        """Whether the server asks for less, or nothing for a while."""
        return says_too_much(self.code, self.text, is_of_message=self.is_of_message)

    @property
    def reply(self) -> Reply:
        """What the server said; 0 if it was nothing."""
        return Reply(self.code, self.text)

    @classmethod
    def of(cls, recipient: str, reply: Reply, *, is_of_message: bool = False) -> Outcome:
        """As a reply that was the last word about this recipient says."""
        verdict = Verdict.PUT_OFF
        if reply.is_good:
            verdict = Verdict.TAKEN
        elif 500 <= reply.code < 600:
            verdict = Verdict.REFUSED
        return cls(recipient, verdict, reply.code, reply.status, reply.text, is_of_message)

    def instead_of(self, meant: str) -> Outcome:
        """The same, told of whom the message was meant for: another mailbox got it in their place."""
        return self._replace(recipient=meant, text=f"{self.text} (redirected)".strip())

    @classmethod
    def without_reply(cls, recipient: str, verdict: Verdict, why: str, *, status: str = "") -> Outcome:
        """Where the server said nothing about it."""
        return cls(recipient, verdict, 0, status, why)


def shown(text: str) -> str:
    """A server's words, fit for a log line and a page."""
    return printable(text)[:SHOWN_CHARACTERS].strip()

"""What comes back: reports of delivery (RFC 3464) and of complaint (RFC 5965), read and not yet believed.

Anybody can send us anything and call it a report. Reading one says what it claims; bounces.py asks whether it
may claim that.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from jobs.errors import BadReport
from jobs.mail.part import Part, read_blocks, read_part
from jobs.mail.status import Status, read_status

MOST_BYTES = 10 * 1024 * 1024
MOST_RECIPIENTS = 1_000
WORDS_CHARACTERS = 300
RETURNED = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
STATUS = ("message/delivery-status", "message/global-delivery-status")
FEEDBACK = "message/feedback-report"
COMPLAINTS = frozenset({"abuse", "fraud", "opt-out"})
"""Kinds of feedback by which a reader says: no more of this. `virus` and `other` do not, `not-spam` least."""
COMMENT = re.compile(r"\([^()]*\)")
REPLY = re.compile(r"\b([245]\d\d)[ -]")


class Action(StrEnum):
    """What became of a mail for one recipient, in the words of the two standards."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    COMPLAINED = "complained"
    REMARKED = "remarked"
    """Feedback that is no complaint."""


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What a report says of one recipient; `addresses` are the one we used and the one it ended at."""

    addresses: tuple[str, ...]
    action: Action
    status: Status | None = None
    code: int | None = None
    words: str = ""


@dataclass(frozen=True)
class Report:
    """What it is about (`message_id`, as the returned mail has it) and what it says of each recipient."""

    message_id: str
    fates: tuple[Fate, ...]
    identity: str
    """The same for every copy of the same report, whatever way it came."""


def read_report(raw: bytes) -> Report:
    """What it says; raises BadReport if it is none, too large, or returns nothing of the mail."""
    if len(raw) > MOST_BYTES:
        raise BadReport(
            f"This is larger than the {MOST_BYTES // (1024 * 1024)} MB that are read of a report."
        )
    whole = read_part(raw)
    if whole.media_type != "multipart/report":
        raise BadReport(
            f"This is no report: its type is {whole.media_type[:100] or 'not told'}, not multipart/report."
        )
    parts = whole.parts()
    fates = _fates(parts)
    returned = next((part for part in parts if part.media_type in RETURNED), None)
    message_id = read_part(returned.decoded()).headers.get("message-id", "") if returned else ""
    if not message_id:
        raise BadReport(
            "This report does not return the mail's headers, so nobody knows which mail it means."
        )
    told = "\x1f".join([whole.headers.get("message-id", ""), message_id, *map(repr, fates)])
    return Report(message_id, fates, hashlib.sha256(told.encode("utf-8", "replace")).hexdigest())


def _fates(parts: list[Part]) -> tuple[Fate, ...]:
    for part in parts:
        if part.media_type in STATUS:
            blocks = read_blocks(part.decoded(), MOST_RECIPIENTS + 1)
            found = tuple(fate for fate in map(_delivered, blocks) if fate)
        elif part.media_type == FEEDBACK:
            found = tuple(map(_complained, read_blocks(part.decoded(), 1)))
        else:
            continue
        if found:
            return found
        raise BadReport("This report says of no recipient what became of the mail.")
    raise BadReport(
        "This report has no part that a program could read (message/delivery-status or feedback)."
    )


def _delivered(block: dict[str, str]) -> Fate | None:
    """One recipient of a delivery report; None for the block about the message as a whole."""
    addresses = _addresses(block, "original-recipient", "final-recipient")
    action = COMMENT.sub("", block.get("action", "")).strip().lower()
    if not addresses or action not in set(Action) - {Action.COMPLAINED, Action.REMARKED}:
        return None
    words = block.get("diagnostic-code", "").partition(";")[2].strip()
    code = REPLY.match(words)
    status = read_status(block.get("status", ""))
    if status is None or status[1:] == (0, 0):
        # "Other": the server's own words may be more exact.
        status = read_status(words) or status
    return Fate(
        addresses=addresses,
        action=Action(action),
        status=status,
        code=int(code[1]) if code else None,
        words=words[:WORDS_CHARACTERS],
    )


def _complained(block: dict[str, str]) -> Fate:
    kind = COMMENT.sub("", block.get("feedback-type", "")).strip().lower()
    return Fate(
        addresses=_addresses(block, "original-rcpt-to"),
        action=Action.COMPLAINED if kind in COMPLAINTS else Action.REMARKED,
        words=kind[:WORDS_CHARACTERS],
    )


def _addresses(block: dict[str, str], *names: str) -> tuple[str, ...]:
    """`rfc822; <ada@example.org>` is ada@example.org."""
    values = (block.get(name, "").rpartition(";")[2].strip().strip("<>") for name in names)
    return tuple(dict.fromkeys(value for value in values if "@" in value))

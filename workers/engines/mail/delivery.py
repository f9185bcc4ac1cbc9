"""A job's recipients, chunk by chunk of the ledger: claimed before they are sent to, settled after.

If we die between the two, no more than one chunk is undecided, and the job's policy says what becomes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.errors import Failed
from jobs.items import ClaimedItem, Ended
from jobs.mail.suppression import Reply
from jobs.models.suppression import Suppressed
from jobs.states import ItemState
from workers.context import Context
from workers.engines.mail.posting import Posting
from workers.engines.mail.redirect import redirect_address
from workers.engines.mail.transport import Transport
from workers.engines.smtp.outcome import Outcome, Verdict

CHUNK = 20
ENDS = (ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.UNCERTAIN)
TOLD = 20
"""So many examples of what went wrong are told; the ledger has them all."""


@dataclass
class Delivered:
    """The first of what went wrong in this attempt, in words."""

    refused: list[str] = field(default_factory=list)
    put_off: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def deliver(
    context: Context,
    transport: Transport,
    write: Callable[[ClaimedItem], Posting],
    *,
    chunk: int = CHUNK,
    most_tries: int = 0,
    leave_out: Collection[Suppressed] = (),
) -> Delivered:
    """Send to every recipient that is pending; raises Failed if the server is away.

    `leave_out`: who is suppressed for one of these reasons is `skipped`, and who turns out to be dead is
    suppressed (nothing named = everybody is written to).
    `most_tries`: so often a recipient may be put off, then the item is `failed` (0 = as often as the job is
    tried).
    """
    found = Delivered()
    total = sum(context.items.counts().values())
    seen = 0
    ended: list[Ended] = []
    while True:
        # A job that is to stop leaves nobody behind of whom it is known how it ended.
        room = 0 if context.is_cancelled or transport.stopped else chunk
        claimed = context.items.exchange(ended, room)
        if not claimed:
            context.check()
            break
        context.progress(seen / max(total, 1), claimed[0].key)
        seen += len(claimed)
        postings = {item.id: write(item) for item in claimed}
        left = context.mailing.left_out([each.address for each in postings.values()], leave_out)
        skipped = [item for item in claimed if postings[item.id].address in left]
        sent = [item for item in claimed if postings[item.id].address not in left]
        outcomes = send_chunk(transport, [postings[item.id] for item in sent])
        ended = [_skipped(found, item, postings[item.id].address, left) for item in skipped] + [
            _ended(context, found, item, outcome, most_tries)
            for item, outcome in zip(sent, outcomes, strict=True)
        ]
        if leave_out and not transport.redirect:  # whose mail was redirected was not called dead
            context.mailing.take_refusals(
                Reply(each.recipient, each.code, each.text)
                for each in outcomes
                if each.verdict is Verdict.REFUSED
            )
    if transport.stopped is not None:
        raise transport.stopped
    return found


def send_chunk(transport: Transport, postings: Sequence[Posting]) -> list[Outcome]:
    """Hand over, and hear about each."""
    return list(transport.send(postings)) if postings else []


def finish(context: Context, found: Delivered) -> dict[ItemState, int]:
    """The counts, once nobody is left to be sent to; as long as somebody is, raises Failed."""
    counts = context.items.counts()
    if counts[ItemState.PENDING]:
        some = found.put_off or [f"{counts[ItemState.PENDING]} are to be sent to again."]
        raise Failed("; ".join(some))
    return counts


def summary(counts: Mapping[ItemState, int], problems: Sequence[str]) -> dict[str, Any]:
    """What became of all of them, as a result tells it."""
    values: dict[str, Any] = {"accepted": sum(counts.values())} | {
        state.value: counts[state] for state in ENDS
    }
    values |= redirected()
    if counts[ItemState.UNCERTAIN]:
        values["note"] = (
            "Whether the uncertain ones got the mail cannot be known from here. Ask before sending again."
        )
    return values | ({"problems": list(problems)} if problems else {})


def redirected() -> dict[str, str]:
    """Where all mail went instead, as a result tells it; for good, also once mail is let out again."""
    redirect = redirect_address()
    return {"redirected_to": redirect} if redirect else {}


def _tell(told: list[str], why: str) -> None:
    """A list may have a million who are refused."""
    if len(told) < TOLD:
        told.append(why)


def _skipped(found: Delivered, item: ClaimedItem, address: str, left: Mapping[str, Suppressed]) -> Ended:
    """Nothing was sent: the owner's list says so."""
    reason = left[address].value
    words = reason.replace("_", " ")
    _tell(found.left_out, f"{address} gets no mail of yours: it is suppressed ({words}).")
    return Ended(item.id, ItemState.SKIPPED, {"suppressed": reason})


def _ended(context: Context, found: Delivered, item: ClaimedItem, outcome: Outcome, most_tries: int) -> Ended:
    """What the ledger is told, and people."""
    reply = f"{outcome.code or ''} {outcome.text}".strip()
    match outcome.verdict:
        case Verdict.TAKEN:
            return Ended(item.id, ItemState.DONE)
        case Verdict.UNSENT:
            return Ended(item.id, ItemState.PENDING)
        case Verdict.UNDECIDED:
            why = f"The mail server may or may not have taken the mail to {outcome.recipient}: {reply}"
            context.log.warning("mail_uncertain", recipient=outcome.recipient, error=why)
            return Ended(item.id, context.items.undecided_state, {"uncertain": context.attempt, "error": why})
        case Verdict.REFUSED:
            by = "was refused by the mail server" if outcome.code else "cannot be sent to"
            why = f"{outcome.recipient} {by}: {reply}"
            _tell(found.refused, why)
            return Ended(item.id, ItemState.FAILED, {"error": why, "status": outcome.status})
        case Verdict.PUT_OFF:
            why = f"{outcome.recipient} was put off by the mail server: {reply}"
            tries = 1 + (item.detail or {}).get("tries", 0)
            detail = {"error": why, "status": outcome.status, "tries": tries}
            if tries == most_tries:
                _tell(found.refused, why)
                return Ended(item.id, ItemState.FAILED, detail)
            _tell(found.put_off, why)
            return Ended(item.id, ItemState.PENDING, detail)

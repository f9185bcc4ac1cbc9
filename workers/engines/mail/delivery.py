"""A job's recipients, chunk by chunk of the ledger: claimed before they are sent to, settled after.

If we die between the two, no more than one chunk is undecided, and the job's policy says what becomes of it.
Who only has to stop (the worker does, somebody cancels, time is up) leaves off between two mails and settles
what it heard. If it is interrupted in the middle of one, that one is undecided and no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jobs.errors import Failed, NotYet
from jobs.items import ClaimedItem, Ended, Held
from jobs.mail.status import codes
from jobs.mail.suppression import Reply
from jobs.mail.traffic import Hold, Off
from jobs.models.suppression import Suppressed
from jobs.states import ItemState
from workers.context import Context
from workers.engines.mail.posting import Posting
from workers.engines.mail.transport import Transport, may_have_gone
from workers.engines.mail.waits import LATER, Waits
from workers.engines.smtp.connection import Unreachable, left_alone
from workers.engines.smtp.outcome import GOING_AWAY, Outcome, Verdict
from workers.limits import Interrupted
from workers.shared import FLAGS, Drain

CHUNK = 20
MOVED = frozenset({Verdict.TAKEN, Verdict.REFUSED, Verdict.UNDECIDED})
GONE = frozenset({Verdict.TAKEN, Verdict.UNDECIDED})
ENDS = (ItemState.DONE, ItemState.FAILED, ItemState.SKIPPED, ItemState.UNCERTAIN)
KEPT_SHARE = 0.1
"""Of its time an attempt keeps so much: who got on is handed back before the limit would interrupt a mail."""
TOLD = 20
"""So many examples of what went wrong are told; the ledger has them all."""


@dataclass
class Delivered:
    """The first of what went wrong in this attempt, in words."""

    refused: list[str] = field(default_factory=list)
    put_off: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    again_in: timedelta | None = None
    """When the first of those who were put off may be tried again, where that is known."""
    redirected_to: str = ""
    """Which mailbox got this attempt's mails, where it was not their recipients'."""


@dataclass
class Sending:
    """A chunk on its way, and what was heard of it so far, in its order."""

    items: Sequence[ClaimedItem]
    postings: Sequence[Posting]
    heard: list[Outcome] = field(default_factory=list)


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
    Raises NotYet while those who are left wait for a limit, or for who wants to be left alone; and if it has
    to leave off before all were tried, for its worker stops or its time is nearly up.
    """
    delivery = Delivery(context, transport, write, chunk=chunk, most_tries=most_tries, leave_out=leave_out)
    try:
        while delivery.turn():
            pass
    except Interrupted:
        try:
            delivery.cut_off()
        except Exception as error:  # noqa: BLE001 - it is to stop, whatever the database still has to get over
            context.log.warning("mail_cut_off", error=str(error).strip())
        raise
    if context.mailing.traffic.closes:
        transport.rest()
    return delivery.found


class Delivery:
    """One attempt's way through its recipients."""

    def __init__(
        self,
        context: Context,
        transport: Transport,
        write: Callable[[ClaimedItem], Posting],
        *,
        chunk: int,
        most_tries: int,
        leave_out: Collection[Suppressed],
    ) -> None:
        self.found = Delivered()
        self._context = context
        self._transport = transport
        self._write = write
        self._chunk = chunk
        self._most_tries = most_tries
        self._leave_out = leave_out
        self._traffic = context.mailing.traffic
        began = time.monotonic()
        counts = context.items.counts()
        self._total = sum(counts.values())
        held = context.items.resume() if context.attempt > 1 else {}
        self._waits = Waits(held, account=self._traffic.account, spent_seconds=time.monotonic() - began)
        self._is_passed_over = bool(held)
        """Whether an earlier attempt may have left somebody behind in the common line."""
        self._seen = self._total - counts[ItemState.PENDING]
        self._tried = self._moved = 0
        self._claimed: Sequence[ClaimedItem] | None = ()
        """The chunk at hand; None while one is being claimed."""
        self._sending: Sending | None = None
        self._ended: list[Ended] = []
        """How those ended who are not settled yet; with what `_sending` heard it is all that is known."""
        self._is_cut_short = False
        """Whether some of a chunk were given back because it had to stop."""
        self._kept_seconds = KEPT_SHARE * context.kind.timeout.total_seconds()
        self._goes_on: tuple[str, int] | None = None
        """What the present chunk waited for, where others may wait for it still, and how many were taken."""

    def turn(self) -> bool:
        """One chunk, or one wait; False once nobody is left for this attempt."""
        self._claimed = None
        claimed, waited = self._claim()
        self._claimed = claimed
        if claimed:
            self._do(claimed, waited=waited)
            return True
        self._context.check()
        if self._transport.stopped is not None:
            raise self._sent_away(self._transport.stopped)
        if self._has_to_stop:
            self._stop()
        if not self._waits.is_only(LATER):
            self._wait()
            return True
        later = self._waits.hold(LATER)
        if later and not self._tried:
            raise self._waits.not_yet(LATER, later.seconds)
        self.found.again_in = timedelta(seconds=later.seconds) if later else None
        return False

    def cut_off(self) -> None:
        """Interrupted, wherever: what was heard is settled, and who was not begun is pending again.

        The next interruption is a second away. If we die before this is done, a chunk is undecided.
        """
        if self._sending is not None:
            self._take_in(self._sending, is_interrupted=True)
        known = {end.id for end in self._ended}
        rest = [item.id for item in self._claimed or () if item.id not in known]
        items = self._context.items
        items.leave_off([*self._ended, *(Ended(number, ItemState.PENDING) for number in rest)])
        if self._claimed is None:
            items.give_back_rest()  # nobody is begun before it is known who was claimed

    @property
    def _has_to_stop(self) -> bool:
        """Whether to leave off after the mail at hand.

        For want of time alone only who got on: who gets nobody anywhere is to be charged with that.
        """
        if self._context.is_cancelled or FLAGS.drain is not Drain.NONE:
            return True
        if self._context.seconds_left > self._kept_seconds:
            return False
        heard = self._sending.heard if self._sending else []
        return self._moved > 0 or any(outcome.verdict in MOVED for outcome in heard)

    def _stop(self) -> None:
        """Raises NotYet where somebody is left for whom this attempt would have gone on."""
        if self._is_passed_over:
            self._context.items.rewind()
        if self._is_cut_short or self._context.items.has_more():
            raise NotYet("Another attempt goes on from here.", again_in=timedelta())
        if not self._waits.is_only(LATER):
            raise self._waits.first_not_yet()

    def _claim(self) -> tuple[list[ClaimedItem], bool]:
        """Whose turn it is, and whether they have waited for it; what has ended is settled."""
        items = self._context.items
        # A job that is to stop leaves nobody behind of whom it is known how it ended.
        room = 0 if self._has_to_stop or self._transport.stopped else self._chunk
        while room and (due := self._waits.due()):
            if self._ended:
                items.exchange(self._ended, 0)
                self._ended = []
            if claimed := self._claim_held(*due):
                return claimed, True
        if self._waits and self._waits.hold(self._traffic.account):
            room = 0
        claimed = items.exchange(self._ended, room) if room or self._ended else []
        self._ended = []
        if room and not claimed and self._is_passed_over:
            self._is_passed_over = False
            items.rewind()
            claimed = items.exchange([], room)
        return claimed, False

    def _claim_held(self, key: str, many: int) -> list[ClaimedItem]:
        """Some of those who wait for this, whose time has come."""
        items = self._context.items
        if key == LATER:
            claimed = items.claim_held(key, self._chunk, early=False)
            self._waits.put(key, items.due_in(key))
            return claimed
        many = min(many, self._chunk)
        claimed = items.claim_held(key, many)
        self._waits.put(key, None)
        self._goes_on = (key, many) if len(claimed) == many else None
        return claimed

    def _do(self, claimed: Sequence[ClaimedItem], *, waited: bool) -> None:
        """Hand over what may go, and note how each ended."""
        self._context.progress(self._seen / max(self._total, 1), claimed[0].key)
        postings = {item.id: self._write(item) for item in claimed}
        addresses = [each.address for each in postings.values()]
        left = self._context.mailing.left_out(addresses, self._leave_out)
        skipped = [item for item in claimed if postings[item.id].address in left]
        wanted = [item for item in claimed if postings[item.id].address not in left]
        sent = self._admit(wanted, postings, waited=waited)
        self._ended = [_skipped(self.found, item, postings[item.id].address, left) for item in skipped]
        self._seen += len(skipped)
        self._moved += len(skipped)
        self._sending = Sending(sent, [postings[item.id] for item in sent])
        send_chunk(self._transport, self._sending, lambda: self._has_to_stop)
        self._take_in(self._sending)

    def _take_in(self, sending: Sending, *, is_interrupted: bool = False) -> None:
        """What was heard of a chunk, and what follows from it."""
        outcomes = sending.heard
        if rest := sending.postings[len(outcomes) :]:
            self._is_cut_short = True
            outcomes = outcomes + _unheard(rest, self._transport, len(outcomes), is_interrupted)
        if any(outcome.verdict in GONE for outcome in outcomes):
            self.found.redirected_to = self._transport.redirect
        self._tried += len(sending.heard)
        self._seen += len(sending.heard)
        self._moved += sum(outcome.verdict in MOVED for outcome in outcomes)
        self._end(sending.items, outcomes)
        if self._leave_out and not self._transport.redirect:  # whose mail was redirected was not called dead
            self._context.mailing.take_refusals(
                Reply(each.recipient, each.code, each.text)
                for each in outcomes
                if each.verdict is Verdict.REFUSED and not each.is_of_message  # MAIL is about the sender
            )

    def _admit(
        self, items: Sequence[ClaimedItem], postings: Mapping[int, Posting], *, waited: bool
    ) -> list[ClaimedItem]:
        """Those who may go now; the others are pending again, until their time."""
        known: dict[int, Hold | None] = {}
        if self._waits:
            known = {item.id: self._waits.hold(self._key_of(postings[item.id].address)) for item in items}
        asked = [item for item in items if known.get(item.id) is None]
        addresses = [self._transport.redirect or postings[item.id].address for item in asked]
        answers = self._traffic.admit(addresses, waited=waited)
        holds = {item.id: hold for item, hold in zip(asked, answers, strict=True) if hold is not None}
        for hold in holds.values():
            self._waits.add(hold)
        holds |= {number: hold for number, hold in known.items() if hold is not None}
        if self._goes_on is not None:
            (key, many), self._goes_on = self._goes_on, None
            if key not in self._waits and self._context.items.due_in(key) is not None:
                self._waits.put(key, many * self._traffic.apart(key), many)
        self._context.items.hold([Held(number, hold.key, hold.seconds) for number, hold in holds.items()])
        return [item for item in items if item.id not in holds]

    def _end(self, sent: Sequence[ClaimedItem], outcomes: Sequence[Outcome]) -> None:
        """How each ended; who has to wait before they are tried again is held."""
        ends = [
            _ended(self._context, self.found, item, outcome, self._most_tries)
            for item, outcome in zip(sent, outcomes, strict=True)
        ]
        self._ended, self._sending = [*self._ended, *ends], None  # an interruption comes before or after both
        held: dict[int, Held] = {}
        put_off: dict[str, Hold] = {}
        for end, outcome in zip(ends, outcomes, strict=True):
            if end.state is ItemState.PENDING and (hold := self._hold_after(outcome, end, put_off)):
                held[end.id] = Held(end.id, hold.key, hold.seconds, end.detail)
        if held:
            self._context.items.hold(list(held.values()))
            self._ended = [end for end in self._ended if end.id not in held]
        if self._traffic.is_trying:
            usual = [each for each in outcomes if each.verdict in MOVED or _is_usual(each)]
            keys = {self._key_of(each.recipient) for each in usual}
            for key in self._traffic.heard(keys | ({self._traffic.account} if usual else set())):
                self._waits.call(key, self._chunk)

    def _hold_after(self, outcome: Outcome, end: Ended, put_off: dict[str, Hold]) -> Hold | None:
        """What one who is pending has to wait for; None if for nothing but the next attempt."""
        stopped = self._transport.stopped
        if outcome.verdict is Verdict.UNSENT and stopped is not None:
            key = self._traffic.account
            if key not in put_off:
                put_off[key] = self._leave_alone(stopped)
        elif outcome.verdict is not Verdict.PUT_OFF:
            return None
        elif (outcome.is_of_message and (stopped is not None or outcome.is_too_much)) or (
            outcome.code == GOING_AWAY and stopped is not None
        ):
            # Perhaps it was about this message, or recipient, alone: whoever tries next is another.
            off = self._leave_alone(stopped or left_alone(outcome.reply))
            self._waits.add(off)
            key = LATER
            delay = self._context.kind.retry.delay(end.detail["tries"])
            put_off[key] = Hold(key, off.seconds + delay.total_seconds(), self._chunk)
        elif outcome.is_too_much:
            key = self._key_of(outcome.recipient)
            if key not in put_off:
                self._context.log.warning("mail_domain_put_off", key=key, reply=str(outcome.text))
                put_off[key] = self._traffic.put_off(key, codes(outcome.code, outcome.text), Off.ASKED)
        elif self._waits or self._is_passed_over or self._traffic.is_watched:
            # The job may go on long before its next attempt after a failure would, or begin its line anew.
            key = LATER
            delay = self._context.kind.retry.delay(end.detail["tries"])
            put_off.setdefault(key, Hold(key, delay.total_seconds(), self._chunk))
        else:
            return None
        if key != LATER or self._waits.hold(LATER) is None:
            self._waits.add(put_off[key])
        return put_off[key]

    def _key_of(self, address: str) -> str:
        """The key of the domain that mail to this address really goes to."""
        return self._traffic.key_of(self._transport.redirect or address)

    def _leave_alone(self, stopped: Failed) -> Hold:
        """The account, all workers."""
        cause = Off.ASKED if stopped.again_in else Off.AWAY
        told = stopped.told if isinstance(stopped, Unreachable) else ""
        return self._traffic.put_off(self._traffic.account, told or str(stopped), cause)

    def _sent_away(self, stopped: Failed) -> Failed | NotYet:
        """The server is away: charged to the job if it got nobody anywhere in this attempt."""
        is_asked, again_in = bool(stopped.again_in), timedelta(seconds=self._leave_alone(stopped).seconds)
        if is_asked and self._moved:
            return NotYet(str(stopped), again_in=again_in)
        stopped.again_in = again_in
        return stopped

    def _wait(self) -> None:
        """Until somebody may go; meanwhile nobody's place is taken."""
        if self._traffic.closes:
            self._transport.rest()
        self._traffic.leave()
        try:
            self._waits.wait(self._context)
        except NotYet as error:
            if self._tried and not self._moved:
                raise Failed("; ".join(self.found.put_off) or str(error), again_in=error.again_in) from None
            raise


def _is_usual(outcome: Outcome) -> bool:
    """Whether who put one recipient off takes others."""
    return outcome.verdict is Verdict.PUT_OFF and not outcome.is_too_much and outcome.code != GOING_AWAY


def send_chunk(transport: Transport, sending: Sending, has_to_stop: Callable[[], bool]) -> None:
    """Hand over one after the other and note what is heard of each, until it has to stop."""
    if not sending.postings:
        return
    for outcome in transport.send(sending.postings):
        sending.heard.append(outcome)
        if len(sending.heard) < len(sending.postings) and has_to_stop():
            return


def _unheard(
    rest: Sequence[Posting], transport: Transport, place: int, is_interrupted: bool
) -> list[Outcome]:
    """Those of whom nothing was heard, from this place on: in doubt is at most the first of them."""
    doubtful = int(is_interrupted and may_have_gone(transport, place))
    verdicts = [Verdict.UNDECIDED] * doubtful + [Verdict.UNSENT] * (len(rest) - doubtful)
    why = "it was interrupted before the server answered"
    return [
        Outcome.without_reply(posting.address, verdict, why if verdict is Verdict.UNDECIDED else "")
        for posting, verdict in zip(rest, verdicts, strict=True)
    ]


def finish(context: Context, found: Delivered) -> dict[ItemState, int]:
    """The counts, once nobody is left to be sent to; as long as somebody is, raises Failed."""
    counts = context.items.counts()
    if counts[ItemState.PENDING]:
        some = found.put_off or [f"{counts[ItemState.PENDING]} are to be sent to again."]
        raise Failed("; ".join(some), again_in=found.again_in)
    return counts


def summary(counts: Mapping[ItemState, int], found: Delivered, problems: Sequence[str]) -> dict[str, Any]:
    """What became of all of them, as a result tells it."""
    values: dict[str, Any] = {"accepted": sum(counts.values())} | {
        state.value: counts[state] for state in ENDS
    }
    values |= redirected(found)
    if counts[ItemState.UNCERTAIN]:
        values["note"] = (
            "Whether the uncertain ones got the mail cannot be known from here. Ask before sending again."
        )
    return values | ({"problems": list(problems)} if problems else {})


def redirected(found: Delivered) -> dict[str, str]:
    """Where an attempt's mail went instead, as a result tells it for good."""
    return {"redirected_to": found.redirected_to} if found.redirected_to else {}


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
            return Ended(item.id, ItemState.FAILED, {"error": why, "status": outcome.status} | _doubt(item))
        case Verdict.PUT_OFF:
            why = f"{outcome.recipient} was put off by the mail server: {reply}"
            tries = 1 + (item.detail or {}).get("tries", 0)
            detail = {"error": why, "status": outcome.status, "tries": tries} | _doubt(item)
            if tries == most_tries:
                _tell(found.refused, why)
                return Ended(item.id, ItemState.FAILED, detail)
            _tell(found.put_off, why)
            return Ended(item.id, ItemState.PENDING, detail)


def _doubt(item: ClaimedItem) -> dict[str, Any]:
    """That they may have got it from an earlier attempt stays said, whatever comes after."""
    return {name: value for name, value in (item.detail or {}).items() if name == "uncertain"}

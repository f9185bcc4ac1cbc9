"""The judge of mail: the ledger beside the record of who received it, recipient by recipient.

A recipient was reached, or is named `uncertain` or `failed`. Two mails for one are of a campaign that sends
doubtful ones again, and each of these was named uncertain before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from jobs.states import ItemState
from tests.faults.account import Account, Answer
from tests.faults.judge import Budgets, JobRow, Verdict, judge

if TYPE_CHECKING:
    from tests.faults.mail import Look, Mail
    from tests.faults.mail_sink import Arrived

FAILURES = 9
"""As often a campaign's attempts may fail."""
OPEN = frozenset({ItemState.PENDING, ItemState.DOING})
SENT_NOTHING = frozenset({ItemState.FAILED, ItemState.SKIPPED})
CAMPAIGNS = "SELECT id, state, attempt, failures, crashes, payload -> 'again' = 'true' FROM millrace_job"
LEDGER = "SELECT id, job_id, key, state, detail FROM millrace_item ORDER BY id"


class Recipient(NamedTuple):
    """One line of the ledger."""

    item: int
    job: UUID
    address: str
    state: ItemState
    was_named: bool
    """Whether it is uncertain, or was."""

    @property
    def id(self) -> str:
        """The Message-ID of their mail, in every attempt."""
        from workers.engines.mail.ours import message_id

        return message_id(self.job, self.item)


class Found(NamedTuple):
    """The verdict, and how many were reached, and twice, in numbers for the page."""

    verdict: Verdict
    reached: int
    twice: int
    states: Counter[ItemState]

    @property
    def note(self) -> str:
        """How it ended, in words."""
        said = f"{self.reached} reached, {self.states[ItemState.UNCERTAIN]} end as uncertain,"
        said += f" {self.states[ItemState.FAILED]} as failed"
        return said + (f"; {self.twice} got two, each uncertain before" if self.twice else "")


def judge_mail(mail: Mail, look: Look, budgets: Budgets | None = None) -> Found:
    """Drain, judge the jobs, then hold ledger and record side by side."""
    lab = mail.lab
    lab.drain(meanwhile=mail.tend)
    account = Account()
    account.note_many([str(job) for job in mail.accepted], Answer.OK, 0.0)
    again, jobs = campaigns(mail)
    verdict = judge(
        account, jobs, Counter(f"{job}" for job in mail.accepted), lab.changes(),
        budgets=budgets or Budgets(failures=FAILURES), recovery=lab.recovery(), faults=len(lab.faults),
    )  # fmt: skip
    verdict.jobs = sum(mail.accepted.values())
    verdict.blame("ledger", "looks that did not add up", look.wrong)
    verdict.blame("ledger", "nobody looked", [] if look.answers else ["no answer"])
    ledger = [
        Recipient(item, job, key, ItemState(state), state == "uncertain" or "uncertain" in (detail or {}))
        for item, job, key, state, detail in lab.sql(LEDGER)
    ]
    return compare(verdict, mail.accepted, again, ledger, mail.record.read())


def campaigns(mail: Mail) -> tuple[dict[UUID, bool], list[JobRow]]:
    """Each campaign's policy, and the rows that the judge of jobs knows: without their items."""
    events: dict[Any, Counter[str]] = {}
    for job, event in mail.lab.sql("SELECT job_id, event FROM millrace_job_event"):
        events.setdefault(job, Counter())[event] += 1
    rows = mail.lab.sql(CAMPAIGNS)
    jobs = [
        JobRow(job, str(job), "email.campaign", *counts, events=events.get(job, {}))
        for job, *counts, _ in rows
    ]
    return {job: again for job, *_, again in rows}, jobs


def compare(
    verdict: Verdict,
    accepted: Mapping[UUID, int],
    again: Mapping[UUID, bool],
    ledger: Sequence[Recipient],
    arrived: Sequence[Arrived],
) -> Found:
    """The three books, recipient by recipient; `again`: whether a campaign sends doubtful ones again."""
    seen = Counter(each.id for each in arrived)
    owners = {each.id: each for each in ledger}
    listed = Counter(each.job for each in ledger)
    verdict.lost += verdict.blame(
        "ledger", "not as many recipients as were accepted",
        [job for job, count in accepted.items() if listed[job] != count],
    )  # fmt: skip
    verdict.lost += verdict.blame("ledger", "left open", [e.address for e in ledger if e.state in OPEN])
    verdict.lost += verdict.blame(
        "receiver", "said to be sent, and never came",
        [each.address for each in ledger if each.state is ItemState.DONE and not seen[each.id]],
    )  # fmt: skip
    verdict.doubled += verdict.blame(
        "receiver", "came, and is said not to have been sent",
        [e.address for e in ledger if e.state in SENT_NOTHING and seen[e.id] and not e.was_named],
    )  # fmt: skip
    twice = [each for each in ledger if seen[each.id] > 1]
    verdict.doubled += verdict.blame(
        "receiver", "came twice, and was never called uncertain",
        [each.address for each in twice if not each.was_named],
    )  # fmt: skip
    verdict.doubled += verdict.blame(
        "receiver", "came twice, though at most one was asked for",
        [each.address for each in twice if each.was_named and not again[each.job]],
    )  # fmt: skip
    verdict.doubled += verdict.blame("receiver", "heard under ids of nobody", set(seen) - set(owners))
    verdict.blame(
        "receiver", "somebody else's mail",
        [each.to for each in arrived if each.id in owners and owners[each.id].address != each.to],
    )  # fmt: skip
    verdict.uncertain = sum(each.was_named for each in ledger)
    states = Counter(each.state for each in ledger)
    return Found(verdict, sum(1 for each in ledger if seen[each.id]), len(twice), states)

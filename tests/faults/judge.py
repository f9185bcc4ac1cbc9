"""The judge: eleven invariants over a complete account, once the system has drained.

It believes the effect log about what happened, the audit about who moved a job, and the account about what
callers were told. Where two disagree, that is the finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from jobs.states import FINAL, ItemState, State
from tests.faults.account import Account, Answer
from tests.faults.audit import Change
from tests.faults.times import RECOVERY

ONCE = frozenset({"test.once"})
"""Kinds whose effect is guarded by `context.once`."""
ENDED = ("failed", "timed_out", "lost", "released", "cancelled")
"""What the timeline says of an attempt that did not succeed."""
FINISHED = frozenset({State.SUCCEEDED, State.FAILED, State.RETRYING, State.CANCELLED})
OPEN = {
    State.SUCCEEDED: frozenset({ItemState.PENDING, ItemState.DOING}),
    State.FAILED: frozenset({ItemState.DOING}),
    State.CANCELLED: frozenset({ItemState.DOING}),
}
"""How no item may stand once its job has ended so."""
SHOWN = 5
"""How many examples of one violation are named."""


@dataclass(frozen=True)
class JobRow:
    """A job after the drain; `events` counts what its timeline says, `items` is its ledger, key → state."""

    id: UUID
    key: str
    kind: str
    state: str
    attempt: int
    failures: int
    crashes: int
    events: Mapping[str, int] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)

    @property
    def was_retried(self) -> bool:
        return self.events.get("retried", 0) > 0

    @property
    def accounted(self) -> int:
        """Attempts that somebody wrote down: each has a row in the timeline, but the one that succeeded."""
        return sum(self.events.get(event, 0) for event in ENDED) + (self.state == State.SUCCEEDED)

    @property
    def uncharged(self) -> int:
        """Attempts that were begun for nothing: handed back, or lost as one of a batch."""
        return self.events.get("released", 0) + self.events.get("lost", 0) - self.crashes


@dataclass(frozen=True)
class Budgets:
    """What must not be exceeded: failures, worker deaths, seconds to recover, seconds a caller waits.

    A budget for the recovery that is not the promised one is argued: `why` stands on the page, beside the
    number or, where I9 is not about it, instead of one. So does a clock that starts later than the fault.
    `uncharged` is how often a job may run again without being charged: once for each fault if it is None.
    `undone` is how many claims of a job a failover may have lost: so many effects more than its attempts say.
    """

    failures: int = 3
    deaths: int = 3
    uncharged: int | None = None
    undone: int = 0
    recovery: float | None = RECOVERY
    why: str = ""
    caller: float = 2.0

    def __post_init__(self) -> None:
        if self.recovery != RECOVERY and not self.why:
            raise ValueError("A budget of one's own for the recovery says why.")

    @property
    def measure(self) -> str:
        """By what else than the promise the recovery is judged, or ''."""
        if self.recovery is None:
            return f"not judged: {self.why}"
        return f"of {self.recovery:g} s: {self.why}" if self.recovery != RECOVERY else self.why


@dataclass
class Verdict:
    """What the judge found; `violations` name the invariant, the number and some examples."""

    jobs: int = 0
    lost: int = 0
    doubled: int = 0
    uncertain: int = 0
    recovery: float | None = None
    measure: str = ""
    violations: list[str] = field(default_factory=list)

    def blame(self, invariant: str, what: str, examples: Iterable[object]) -> int:
        """Note a violation, if there are examples of it; how many."""
        found = [str(example) for example in examples]
        if found:
            shown = ", ".join(found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
            self.violations.append(f"{invariant}: {what}: {len(found)} ({shown})")
        return len(found)


def judge(
    account: Account,
    jobs: list[JobRow],
    effects: Counter[str],
    changes: list[Change],
    *,
    budgets: Budgets | None = None,
    recovery: float | None = None,
    faults: int = 0,
) -> Verdict:
    """The verdict over one case with so many faults. I10 is judged by what an onlooker saw: see honesty."""
    given = budgets or Budgets()
    given = given if given.uncharged is not None else replace(given, uncharged=faults)
    jobs_named = len({submit.key for submit in account.submits})
    verdict = Verdict(jobs=jobs_named, recovery=recovery, measure=given.measure)
    judge_submits(verdict, account, jobs, effects)
    judge_moves(verdict, changes, jobs)
    judge_attempts(verdict, jobs, given)
    judge_effects(verdict, jobs, effects, given)
    is_slow = given.recovery is not None and recovery is not None and recovery > given.recovery
    verdict.blame("I9", "seconds to recover", [f"{recovery:.1f} of {given.recovery:g}"] if is_slow else [])
    wait = account.p99()
    verdict.blame("I11", "a caller's p99 in seconds", [f"{wait:.1f}"] if wait > given.caller else [])
    return verdict


def judge_submits(verdict: Verdict, account: Account, jobs: list[JobRow], effects: Counter[str]) -> None:
    """I1, I2, I3, I6: what was promised to callers."""
    known: dict[str, list[JobRow]] = {}
    for job in jobs:
        known.setdefault(job.key, []).append(job)
    accepted = sorted(account.keys(Answer.OK))
    verdict.lost += verdict.blame("I1", "lost", [key for key in accepted if key not in known])
    refused = account.keys(Answer.FAILED)
    verdict.blame("I2", "phantoms", [key for key in refused if key in known or effects[key]])
    unknown = account.keys(Answer.UNKNOWN)
    verdict.blame(
        "I3", "effects without a job", [key for key in unknown if key not in known and effects[key]]
    )
    verdict.doubled += verdict.blame(
        "I3", "several jobs for one submit", [key for key, found in known.items() if len(found) > 1]
    )
    stuck = [f"{job.key} {job.state}" for job in jobs if State(job.state) not in FINAL]
    verdict.lost += verdict.blame("I6", "not ended", stuck)


def judge_moves(verdict: Verdict, changes: list[Change], jobs: list[JobRow]) -> None:
    """I4 and I7: who finished what."""
    finishes = Counter(
        (change.job, change.attempt, change.holder)
        for change in changes
        if change.before == State.RUNNING and change.after in FINISHED
    )
    verdict.doubled += verdict.blame(
        "I4", "attempts finished twice", [key[0] for key, count in finishes.items() if count > 1]
    )
    retried = {job.id for job in jobs if job.was_retried}
    back = [c.job for c in changes if State(c.before) in FINAL and c.job not in retried]
    verdict.doubled += verdict.blame("I7", "left a final state", back)


def judge_attempts(verdict: Verdict, jobs: list[JobRow], budgets: Budgets) -> None:
    """I5: attempts are bounded, also when the process died each time, and none begins and ends unseen."""
    verdict.blame(
        "I5",
        "budgets exceeded",
        [job.key for job in jobs if job.failures > budgets.failures or job.crashes > budgets.deaths],
    )
    verdict.blame(
        "I5",
        "attempts that nothing accounts for",
        [f"{job.key} {job.accounted} of {job.attempt}" for job in jobs if job.attempt > job.accounted],
    )
    most = budgets.uncharged or 0
    verdict.blame(
        "I5",
        f"run again uncharged more often than {most} faults explain",
        [f"{job.key} {job.uncharged}" for job in jobs if job.uncharged > most],
    )


def judge_effects(verdict: Verdict, jobs: list[JobRow], effects: Counter[str], budgets: Budgets) -> None:
    """I8: under one effect key once, or once and one named uncertain; I1: a success has its effect.

    A ledger is settled when its job is: nothing is `doing` in any end, nothing `pending` in a success.
    """
    twice: list[str] = []
    never: list[str] = []
    left: list[str] = []
    for job in jobs:
        verdict.uncertain += sum(state == "uncertain" for state in job.items.values())
        open_states = OPEN.get(State(job.state), frozenset())
        for name, state in job.items.items():
            key = job.key if job.kind in ONCE else f"{job.key}/{name}"
            left += [f"{key} {state}"] * (state in open_states)
            twice += [key] * (effects[key] > 1)
            never += [key] * (effects[key] == 0 and state == "done")
            twice += [f"{key} (pending)"] * (effects[key] > 0 and state == "pending")
        if not job.items:
            twice += [job.key] * (effects[job.key] > job.attempt + budgets.undone)
            never += [job.key] * (effects[job.key] == 0 and job.state == State.SUCCEEDED)
    verdict.doubled += verdict.blame("I8", "effects repeated", twice)
    verdict.lost += verdict.blame("I8", "effects that never happened", never)
    verdict.lost += verdict.blame("I8", "items left open by a job that ended", left)

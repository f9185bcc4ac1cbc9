"""I10: what pages and probes said while a fault was on, beside what the books say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from jobs.states import FINAL, State
from tests.faults.audit import Change

if TYPE_CHECKING:
    from tests.faults.judge import Verdict

ANSWER_SECONDS = 2.0
"""Whoever looks waits no longer, whatever is frozen: a probe with a limit of 2 s hears why."""
ANSWERS = frozenset({200, 500, 503})
"""A page, a page that says what broke, a probe that says that we are not ready."""


@dataclass(frozen=True)
class Look:
    """One answer: asked `at` (seconds since 1970), whole after so many seconds; a status of 0 is no answer.

    `states` is what a page says of jobs, `word` what `/readyz` says; `is_ours` is false for an error that no
    page of ours told.
    """

    path: str
    at: float
    seconds: float
    status: int
    states: Mapping[UUID, str] = field(default_factory=dict)
    word: str = ""
    is_ours: bool = True


@dataclass(frozen=True)
class Spell:
    """A time in which `/readyz` must say nothing but this."""

    begun: float
    ended: float
    word: str

    def holds(self, look: Look) -> bool:
        """Whether it was asked and answered in this time."""
        return bool(look.word) and self.begun <= look.at and look.at + look.seconds <= self.ended


def judge_looks(verdict: Verdict, looks: list[Look], spells: list[Spell], changes: list[Change]) -> None:
    """Nothing was said to be over that was not, nobody was left waiting, and who is ill says so."""
    ended: dict[tuple[UUID, str], float] = {}
    for change in changes:
        if State(change.after) in FINAL:
            ended.setdefault((change.job, change.after), change.at)

    def is_lie(look: Look, job: UUID, state: str) -> bool:
        # The change is noted before it is committed, and what is not committed nobody can see.
        return State(state) in FINAL and ended.get((job, state), float("inf")) > look.at + look.seconds

    lies = [
        f"{job} {state}" for look in looks for job, state in look.states.items() if is_lie(look, job, state)
    ]
    verdict.blame("I10", "said to be over, and was not", lies)
    hung = [f"{look.path} {look.seconds:.1f} s" for look in looks if look.seconds > ANSWER_SECONDS]
    verdict.blame("I10", "looks that hung", hung)
    odd = [f"{look.path} {look.status}" for look in looks if look.status not in ANSWERS or not look.is_ours]
    verdict.blame("I10", "answers that are none", odd)
    for spell in spells:
        heard = [look.word for look in looks if spell.holds(look)]
        verdict.blame(
            "I10", f"/readyz was to say {spell.word}", [word for word in heard if word != spell.word]
        )
        verdict.blame("I10", f"nobody heard /readyz say {spell.word}", [] if heard else ["silence"])

"""An early bell: rung beside the commit of one job, not after it, so that the way to a worker costs no time.

The bell names its job. Whoever hears it looks for that job until `GOOD_SECONDS` have passed, and whoever rang
it rings again unless its commit was known well before: so one of the two always comes late enough. Both ends
measure from the ringing on, each by its own clock, so that no two clocks need to agree.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from uuid import UUID

MARK = "early-"
GOOD_SECONDS = 0.02
"""So long a child looks for the job of an early bell; an ordinary commit takes a tenth of it."""
SURE_SECONDS = GOOD_SECONDS / 2
"""A commit known so soon was seen by a look in that time."""
STEP_SECONDS = 0.001
"""Between two looks for it: with 3 ms it is met later, with 0.5 ms the looks are in its way."""


class EarlyBell:
    """One that was rung for a job before its commit; `again` rings an ordinary one."""

    def __init__(self, job: UUID, again: Callable[[], object]) -> None:
        self.id = f"{MARK}{job}"
        self._again = again
        self._rung_at = time.monotonic()
        self._is_new: bool | None = None
        self._is_in_time: bool | None = None

    def hung(self, *, is_new: bool) -> None:
        """It lies in the broker; or another lay there already, which says nothing of this job."""
        self._is_new = is_new
        self._compare()

    def committed(self) -> None:
        """The job may be claimed from now on."""
        self._is_in_time = time.monotonic() - self._rung_at < SURE_SECONDS
        self._compare()

    def _compare(self) -> None:
        """Whoever comes second of the two knows whether the bell was enough; a lost one is the sweep's.

        Each writes before it reads, so that one of them knows both; if both do, a second ring is none more.
        """
        are_known = self._is_new is not None and self._is_in_time is not None
        if are_known and not (self._is_new and self._is_in_time):
            self._again()


class Awaited:
    """The job that an early bell named, as its hearer looks for it."""

    def __init__(self, bell: str) -> None:
        """`bell` is a message's id: any; a plain one awaits nothing."""
        self._job = bell.removeprefix(MARK) if bell.startswith(MARK) else None
        self._until = time.monotonic() + GOOD_SECONDS

    def saw(self, jobs: Iterable[UUID]) -> None:
        """These were claimed."""
        if self._job is not None and self._job in map(str, jobs):
            self._job = None

    def is_over(self, looked_at: float) -> bool:
        """Whether a look that began then and found nothing was the last."""
        return self._job is None or looked_at >= self._until

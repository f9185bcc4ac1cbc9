"""Haste: wait for what was told to stop, say what is waited for, and heed who asks again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.embedded.child import Child
from core.supervisor import screen
from core.supervisor.programs import Program, Worker

POLL_SECONDS = 0.05
PATIENCE_SECONDS = 1.0
"""A stop that takes no longer needs no words."""


@dataclass
class Haste:
    """`asked_again` says how often somebody has asked since the stop began."""

    asked_again: Callable[[], int]
    has_told: bool = False
    is_handing_back: bool = False

    def wait_until_ended(self, child: Child, group: Sequence[Child]) -> None:
        """Until it ended, its time is over, or somebody lost patience; then by force."""
        began = time.monotonic()
        deadline = began + child.stop_seconds
        while child.is_alive and time.monotonic() < deadline:
            if self.asked_again() > can_be_hurried(child):
                break
            if self.asked_again() and isinstance(child, Worker):
                self.hand_back(group)
                deadline = min(deadline, time.monotonic() + child.hand_back_seconds)
            elif time.monotonic() - began > PATIENCE_SECONDS and isinstance(child, Worker):
                self.tell(child)
            time.sleep(POLL_SECONDS)
        child.kill()

    def tell(self, worker: Worker) -> None:
        """What is waited for, and how to wait no longer; said once."""
        if not self.has_told:
            self.has_told = True
            screen.line(
                f"  Running jobs may end, for {worker.drain_seconds:g} s; then they are handed back, and"
                " run at the next start. Ctrl-C again: hand them back at once."
            )

    def hand_back(self, group: Sequence[Child]) -> None:
        """All of the group's workers together; said once."""
        if not self.is_handing_back:
            self.is_handing_back = True
            screen.line("  Handing running jobs back. Ctrl-C again: end everything by force.")
            for child in group:
                if isinstance(child, Worker):
                    child.signal(child.hand_back_signal)


def can_be_hurried(child: Child) -> bool:
    """Whether it still ends cleanly when somebody is in a hurry: workers hand back, servers take no time."""
    return isinstance(child, Worker) or not isinstance(child, Program)

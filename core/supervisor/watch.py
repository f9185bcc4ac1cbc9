"""Start again what dies, later and later if it keeps dying."""

import time
from dataclasses import dataclass

from core.embedded.child import Child
from core.embedded.errors import EmbeddedError
from core.embedded.server import Server

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
HEALTHY_SECONDS = 60.0


@dataclass
class Watched:
    """One child that should always run."""

    child: Child
    delay: float = FIRST_DELAY_SECONDS
    since: float = 0.0
    due: float | None = None

    def look(self, now: float) -> str:
        """What there is to tell: nothing, while it runs."""
        if self.due is None:
            return "" if self.child.is_alive else self.plan_restart(now)
        if now < self.due:
            return ""
        return self.start_again(now)

    def plan_restart(self, now: float) -> str:
        if now - self.since > HEALTHY_SECONDS:
            self.delay = FIRST_DELAY_SECONDS
        self.due = now + self.delay
        told = f"{self.child.name} ended ({describe(self.child.exit_code)}); again in {self.delay:g} s."
        self.delay = min(self.delay * 2, LONGEST_DELAY_SECONDS)
        return f"{told} Log: {self.child.log}"

    def start_again(self, now: float) -> str:
        self.due, self.since = None, now
        try:
            if isinstance(self.child, Server):
                self.child.prepare()
            self.child.spawn()
        except (OSError, EmbeddedError) as error:
            self.due = now + self.delay
            return f"{self.child.name} cannot start: {error}"
        return f"{self.child.name} runs again (process {self.child.pid})."


def describe(exit_code: int | None) -> str:
    if exit_code is None:
        return "never started"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def watch(children: list[Child]) -> list[Watched]:
    return [Watched(child, since=time.monotonic()) for child in children]

"""Failpoints: named places where a fault test has this very process die, freeze, wait or fail.

`FAILPOINT=point:action[:nth]`, several separated by commas: `claim.after_commit:kill:3`,
`renew.before:sleep:2.5`. Actions are `kill` (SIGKILL to this process), `kill_main` (to its parent, a pool
child's main), `stop` (SIGSTOP to itself), `sleep:seconds`, `raise` and `exit`. `nth` is the passage that
counts, from 1, in each process. Where `FAILPOINT_ONCE` names a folder, an action happens once for all of them
that share it, and leaves a file named after the point there with its process id: the fact a test waits for.

Signals from outside cannot hit these gaps reliably. Off, a failpoint is a look at an empty dictionary. It is
on only where `FAULT_TESTS` is on as well: one variable that strayed into production does nothing, and the
system check millrace.E016 refuses it. With `FAULT_TESTS` no process starts that is told of a database, a
broker or a public address on another machine.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from django.core.exceptions import ImproperlyConfigured

from jobs.elsewhere import elsewhere

log = structlog.get_logger(__name__)

POINTS = frozenset(
    {
        "submit.before_commit", "submit.after_commit", "ring.before", "ring.after", "bell.received",
        "claim.before", "claim.after_commit", "run.mid", "effect.before", "effect.after", "settle.after",
        "finish.before", "finish.after_commit", "renew.before", "rescue.after_select", "sweep.after_ring",
        "tick.after_insert",
    }
)  # fmt: skip
"""In the order of a job's life; docs/explain/faults.md says where each is."""


class Injected(RuntimeError):
    """What the action `raise` raises: an error nobody expects."""


@dataclass
class Failpoint:
    """One point that is armed: what to do at its `nth` passage."""

    point: str
    act: Callable[[], None]
    nth: int = 1
    once: Path | None = None
    passages: int = field(default=0, init=False)

    def pass_(self) -> None:
        """Count, and act when it is time."""
        self.passages += 1
        if self.passages == self.nth and self._is_first():
            self.act()

    def _is_first(self) -> bool:
        """Of all processes that share the folder, exactly one creates the file."""
        if self.once is None:
            return True
        try:
            with (self.once / self.point).open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return False
        return True


ARMED: dict[str, Failpoint] = {}


def refuse_elsewhere() -> None:
    """Before anything is armed: ImproperlyConfigured where jobs may matter to somebody."""
    if found := [f"{variable} leads to {host}" for variable, host in elsewhere().items()]:
        raise ImproperlyConfigured(
            f"FAULT_TESTS is on, and {', '.join(found)}. With faults a process starts only if database,"
            " broker and PUBLIC_URL are on its own machine. Unset FAULT_TESTS."
        )


def reach(point: str) -> None:
    """The process passes this point."""
    if ARMED:
        armed = ARMED.get(point)
        if armed is not None:
            armed.pass_()


def arm(text: str, once: str = "") -> None:
    """Arm what `FAILPOINT` says, in place of what was armed; ImproperlyConfigured for what it cannot mean."""
    folder = Path(once) if once else None
    found = [read(part, folder) for part in text.split(",") if part.strip()]
    ARMED.clear()
    ARMED.update({failpoint.point: failpoint for failpoint in found})
    if ARMED:
        log.error("failpoints_armed", points=sorted(ARMED))


def read(text: str, once: Path | None) -> Failpoint:
    """One `point:action[:nth]`."""
    point, _, rest = text.strip().partition(":")
    action, *more = rest.split(":")
    if point not in POINTS:
        raise ImproperlyConfigured(f"FAILPOINT names {point!r}; there are: {', '.join(sorted(POINTS))}.")
    try:
        if action == "sleep":
            seconds, *more = more
            act = sleeping(float(seconds))
        else:
            act = ACTIONS[action]
        (nth,) = [int(number) for number in more] or [1]
    except (KeyError, ValueError):
        raise ImproperlyConfigured(
            f"FAILPOINT={text.strip()!r} is not point:action[:nth];"
            f" actions: {', '.join(ACTIONS)}, sleep:seconds."
        ) from None
    return Failpoint(point, act, nth, once)


def sleeping(seconds: float) -> Callable[[], None]:
    """The action that waits."""
    return lambda: time.sleep(seconds)


def signalling(pid: Callable[[], int], number: signal.Signals) -> Callable[[], None]:
    """The action that sends a signal."""
    return lambda: os.kill(pid(), number)


def fail() -> None:
    raise Injected("A failpoint was asked to raise.")


ACTIONS: dict[str, Callable[[], None]] = {
    "kill": signalling(os.getpid, signal.SIGKILL),
    "kill_main": signalling(os.getppid, signal.SIGKILL),
    "stop": signalling(os.getpid, signal.SIGSTOP),
    "raise": fail,
    "exit": lambda: os._exit(os.EX_SOFTWARE),
}

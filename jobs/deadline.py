"""An answer within a time, from something that may never answer.

A frozen server (not a dead one) accepts connections and says nothing, and no client library has a limit for
every step of its talk. The question is asked in a thread; when the time is over the thread is left to its
wait. Only one question of a name waits at a time, so a server frozen for hours costs one thread, not
one for every probe.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Unanswered(TimeoutError):
    """The time was over before there was an answer."""


class Question(Generic[T]):
    """Something to ask, again and again, never longer than `seconds`."""

    def __init__(self, name: str, ask: Callable[[], T], *, seconds: float) -> None:
        self.name = name
        self.seconds = seconds
        self._ask = ask
        self._waiting: Pending[T] | None = None
        self._lock = threading.Lock()
        # A forked child has no such thread to wait for.
        os.register_at_fork(after_in_child=self._forget)

    def answer(self) -> T:
        """What `ask` returned or raised; Unanswered once the time is over."""
        return self.start().result(self.seconds)

    def start(self) -> Pending[T]:
        """Ask, or join whoever is still waiting for the answer."""
        with self._lock:
            if self._waiting is None or self._waiting.is_done:
                self._waiting = Pending(self.name, self._ask)
            return self._waiting

    def _forget(self) -> None:
        self._lock, self._waiting = threading.Lock(), None


class Pending(Generic[T]):
    """A question that was asked."""

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self.name = name
        self._ask = ask
        self._done = threading.Event()
        self._answer: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name=f"ask {name}", daemon=True).start()

    @property
    def is_done(self) -> bool:
        """Whether there is an answer, if only an error."""
        return self._done.is_set()

    def result(self, seconds: float) -> T:
        """The answer; Unanswered if it takes longer than that from now."""
        if not self._done.wait(seconds):
            raise Unanswered(f"{self.name} gave no answer within {seconds:g} s")
        if self._error is not None:
            raise self._error
        return self._answer[0]

    def _run(self) -> None:
        try:
            self._answer.append(self._ask())
        except BaseException as error:  # noqa: BLE001 - raised again by `result`
            self._error = error
        finally:
            self._done.set()

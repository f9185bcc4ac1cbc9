"""A server of ours: prepare its folder, start it, wait until it answers.

The folder is held by the server's own lock while it runs. If we die on any line the kernel signals the
server, which then shuts down by itself.
"""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from core.embedded.child import Child
from core.embedded.errors import EmbeddedError
from core.embedded.ports import free_port, is_free

READY_SECONDS = 30
PORT_SECONDS = 2
POLL_SECONDS = 0.01


class Server(Child):
    """Subclasses say what to run, and how one sees that it is ready."""

    def __init__(self, directory: Path, port: int | None = None, *, log: Path | None = None) -> None:
        self.directory = directory.absolute()
        self.port = port or free_port()
        self.log = log or self.directory.with_suffix(".log")

    def prepare(self) -> None:
        """Make the folder and whatever must be in it before a start. Safe to repeat."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def is_worth_another_try(self) -> bool:
        """Whether what ended the start will pass by itself."""
        return False

    def is_recovering(self) -> bool:
        """Whether it is busy with what an earlier death left to be done, which takes as long as it takes."""
        return False

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's settings (PGDATA, LC_ALL, …) reaches the server."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}

    def start(self) -> Self:
        self.prepare()
        self.demand_port()
        self.spawn()
        self.wait_until_ready()
        return self

    def restart(self) -> None:
        self.stop()
        self.start()

    def demand_port(self) -> None:
        """Of a server that was killed a moment ago the last process may hold it still."""
        deadline = time.monotonic() + PORT_SECONDS
        while not is_free(self.port):
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"Port {self.port} of 127.0.0.1, meant for {self.name}, is taken: end the process that "
                    "holds it, or start anew and another port is chosen."
                )
            time.sleep(POLL_SECONDS)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            is_late = time.monotonic() > deadline
            if not self.is_alive:
                if is_late or not self.is_worth_another_try():
                    why = f"{self.name} ended at its start: {self.last_words()} (the whole log: {self.log})"
                    raise EmbeddedError(why)
                self.spawn()
            elif is_late and not self.is_recovering():
                self.kill()
                raise EmbeddedError(f"{self.name} did not answer within {READY_SECONDS} s: see {self.log}.")
            time.sleep(POLL_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

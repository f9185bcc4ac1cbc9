"""A local process that looks to pytest-celery like a Docker container: for machines that have no Docker.

pytest-celery wraps what docker's client calls a Container; this has the part of it that is used. As in a
container, SIGKILL ends the whole process tree, and every other signal reaches its first process alone.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parent.parent.parent


class LocalProcess:
    """Starts at once; `restart` starts it anew with the same command, environment and log."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        self.id = uuid4().hex
        self.name = name
        self.command = [part.format(hostname=self.id[:12]) for part in command]
        self.log = log
        self.environment = environment
        self.attrs: dict[str, Any] = {
            "Config": {
                "Hostname": self.id[:12],
                "Env": [f"{key}={value}" for key, value in environment.items()],
            },
            "NetworkSettings": {"Networks": {}, "Ports": {}},
            "HostConfig": {"PortBindings": {}},
        }
        self.process = self._start()

    @property
    def status(self) -> str:
        return "running" if self.process.poll() is None else "exited"

    def logs(self) -> bytes:
        return self.log.read_bytes()

    def reload(self) -> None:
        """Docker's client has to ask; a process is looked at when needed."""

    def kill(self, signal: str | int | None = None) -> None:
        """By name or number; SIGKILL if none is given."""
        number = number_of(signal or "SIGKILL")
        with suppress(ProcessLookupError):
            (os.killpg if number == _KILL else os.kill)(self.process.pid, number)
        if number == _KILL:
            self.process.wait(10)

    def restart(self, timeout: float = 10) -> None:
        """TERM, then KILL for what is left, then a new start."""
        self.stop(timeout)
        self.log.write_bytes(b"")  # "ready" must be said anew
        self.process = self._start()

    def stop(self, timeout: float = 10) -> None:
        """As `docker stop`."""
        self.kill("SIGTERM")
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout)
        self.kill()

    def remove(self, **_: Any) -> None:
        """Nothing is left of it."""
        self.kill()

    def exec_run(self, command: str | Sequence[str], **_: Any) -> tuple[int, bytes]:
        """A command beside it, in its environment: exit code and output."""
        parts = shlex.split(command) if isinstance(command, str) else list(command)
        ran = subprocess.run(parts, cwd=ROOT, env=self.environment, capture_output=True, check=False)
        return ran.returncode, ran.stdout + ran.stderr

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )


_KILL = signal.SIGKILL


def number_of(name: str | int) -> int:
    """SIGTERM, "TERM", "SIGTERM" and 15 are one."""
    if isinstance(name, int):
        return int(name)
    return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])


def celery(*arguments: str) -> list[str]:
    """The command line of this project's Celery."""
    return [sys.executable, "-m", "celery", "-A", "celery_app", *arguments]

"""A real worker: `celery -A celery_app worker` as a process of its own, with short times."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.db import connection

from jobs.models import Worker
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent
SHORT_TIMES = {
    "LEASE_SECONDS": "20",
    "HEARTBEAT_SECONDS": "0.3",
    "SWEEP_SECONDS": "0.3",
    "GATE_SECONDS": "0.1",
    "FLUSH_SECONDS": "0.2",
    "GRACE_SECONDS": "0.6",
}
"""But for the lease: a child that gets no processor for a moment is to keep its job."""
SHORT_LEASE = {"LEASE_SECONDS": "2"}
"""For tests in which one runs out."""


class WorkerProcess:
    """One worker main with its children, in a process group of its own."""

    count = 0

    def __init__(self, log: Path, *options: str, slots: int = 2, **environment: str) -> None:
        WorkerProcess.count += 1
        self.name = f"w{WorkerProcess.count}@test"
        self.log = log
        self.command = [
            sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-n", self.name, "-c", str(slots),
            "--loglevel=INFO", "--without-mingle", *options,
        ]  # fmt: skip
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "SECRET_KEY": settings.SECRET_KEY,  # what the test signs is good there
            **SHORT_TIMES,
            "IN_WORKER": "1",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> WorkerProcess:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        eventually(
            lambda: self.main.poll() is not None or self.is_listening(),
            timeout=90,
            what=f"worker {self.name} listens; see {self.log}",
        )
        assert self.main.poll() is None, f"the worker ended:\n{self.log.read_text()[-3000:]}"
        return self

    def is_listening(self) -> bool:
        return Worker.objects.filter(name=self.name, pid=self.pid).exists()

    def is_draining(self) -> bool:
        """Celery says "Warm shutdown" a moment before our flag is up; this is said after it."""
        return Worker.objects.filter(name=self.name, is_draining=True).exists()

    @property
    def main(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    @property
    def pid(self) -> int:
        return self.main.pid

    @property
    def children(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.pid).children()]

    def signal(self, number: signal.Signals) -> None:
        """To the main process alone."""
        os.kill(self.pid, number)

    def signal_group(self, number: signal.Signals) -> None:
        """To the main and its children, as honcho and systemd do."""
        os.killpg(self.pid, number)

    def wait(self, timeout: float = 20) -> int:
        return self.main.wait(timeout)

    def stop(self) -> None:
        """Whatever became of it, nothing is left over."""
        if self.process is None:
            return
        for pid in [self.pid, *self._children_or_none()]:
            kill_if_there(pid)
        self.main.wait(10)

    def _children_or_none(self) -> list[int]:
        try:
            return self.children
        except psutil.NoSuchProcess:
            return []

    def __enter__(self) -> WorkerProcess:
        return self.start()

    def __exit__(self, *error: Any) -> None:
        self.stop()


def kill_if_there(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def database_url() -> str:
    """Where this test's database is: pytest-django gave it a name of its own."""
    given = connection.settings_dict
    return f"postgres://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"

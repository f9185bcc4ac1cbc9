"""The programs of ours that the supervisor runs beside the servers."""

import http.client
import os
import signal
import sys
from pathlib import Path

from core.embedded.child import Child
from core.embedded.environment import PROJECT
from core.embedded.ports import LOOPBACK, is_free

ANSWER_SECONDS = 2.0
DRAIN_SECONDS, GRACE_SECONDS = 45.0, 10.0
"""The defaults of jobs/conf.py, which is not asked: the supervisor needs no Django."""
LEAVE_SECONDS = 5.0
"""How long a worker whose last job was handed back needs to end."""
GRACEFUL_SECONDS = 5
CHILDREN = 2
CELERY = ("-m", "celery", "-A", "celery_app")
ALONE = "--without-mingle"
"""Workers have nothing to tell each other: they meet in the database. Saves a second at start."""
UNCHECKED = {"CELERY_SKIP_CHECKS": "1"}
"""The same installation is checked by its workers; a check loads all pages and the API, 10 MB for good."""


class Program(Child):
    """Python with these arguments, in the project, with the system's variables in its environment."""

    folder = PROJECT
    stop_seconds = 15.0

    def __init__(self, name: str, logs: Path, variables: dict[str, str], *arguments: str) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self.variables = variables
        self.python_arguments = arguments

    def arguments(self) -> list[str]:
        return [sys.executable, *self.python_arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables, "PYTHONUNBUFFERED": "1"}

    def is_ready(self) -> bool:
        return self.is_alive


class Listening(Program):
    """Ready when somebody holds its port, which nobody did before."""

    def __init__(self, name: str, logs: Path, variables: dict[str, str], *arguments: str, port: int) -> None:
        super().__init__(name, logs, variables, *arguments)
        self.port = port

    def is_ready(self) -> bool:
        return not is_free(self.port)


class Web(Listening):
    """Ready when it answers."""

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Worker(Program):
    """Ends when its running jobs have ended or were handed back: it knows itself how long that may take."""

    start = 0
    hand_back_signal = signal.SIGQUIT

    @property
    def drain_seconds(self) -> float:
        """How long its jobs may still run once it was asked to stop."""
        return float(self.environment().get("DRAIN_SECONDS", DRAIN_SECONDS))

    @property
    def hand_back_seconds(self) -> float:
        """How long it needs for handing back what runs."""
        return float(self.environment().get("GRACE_SECONDS", GRACE_SECONDS)) + LEAVE_SECONDS

    @property
    def stop_seconds(self) -> float:  # type: ignore[override]
        return self.drain_seconds + self.hand_back_seconds

    def spawn(self) -> None:
        self.start = self.log.stat().st_size if self.log.exists() else 0
        super().spawn()

    def is_ready(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self.start)
            return b" ready." in log.read()


class Flower(Listening):
    """Its password travels in the environment: everybody on the machine can read a command line."""

    def environment(self) -> dict[str, str]:
        # Flower takes every FLOWER_… variable for an option, and its option `auth` means something else.
        kept = {
            name: value for name, value in super().environment().items() if not name.startswith("FLOWER_")
        }
        return {**kept, "FLOWER_BASIC_AUTH": self.variables["FLOWER_AUTH"]}


def make_web(logs: Path, variables: dict[str, str], port: int) -> Web:
    served = ("-m", "uvicorn", "core.asgi:application", "--host", LOOPBACK, "--port", str(port))
    options = (
        "--lifespan", "off", "--no-proxy-headers", "--timeout-graceful-shutdown", str(GRACEFUL_SECONDS)
    )  # fmt: skip
    return Web("web", logs, variables, *served, *options, port=port)


def make_worker(logs: Path, variables: dict[str, str], number: int) -> Worker:
    name = f"worker{number}"
    options = ("-n", f"{name}@%h", "-c", str(CHILDREN), "--loglevel=INFO", "-E", ALONE)
    return Worker(name, logs, variables, *CELERY, "worker", *options)


def make_beat(logs: Path, variables: dict[str, str]) -> Program:
    # Only one supervisor runs here; a pid file would survive a crash and be in the way.
    return Program("beat", logs, {**variables, **UNCHECKED}, *CELERY, "beat", "--pidfile=")


def make_flower(logs: Path, variables: dict[str, str], port: int) -> Flower:
    options = (f"--address={LOOPBACK}", f"--port={port}", "--url-prefix=flower", "--read-only")
    return Flower(
        "flower",
        logs,
        {**variables, **UNCHECKED},
        *CELERY,
        "flower",
        *options,
        "--logging=warning",
        port=port,
    )


def make_mail_sink(logs: Path, folder: Path, port: int) -> Listening:
    return Listening("mail", logs, {}, "-m", "core.smtp_sink", str(port), str(folder), port=port)


def make_preparation(logs: Path, variables: dict[str, str]) -> Program:
    """Migrations, roles, cache, the operator: ends by itself."""
    return Program("prepare", logs, variables, "manage.py", "prepare")

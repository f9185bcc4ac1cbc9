"""The plant: plain Celery's system beside the lab, with a Redis, workers and an effect log of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from core.embedded.redis import Redis
from tests.faults.effects import EffectLog
from tests.faults.lab import ROOT, Lab, stop
from tests.waiting import eventually

QUIET_SECONDS = 8.0
"""A plain system that did nothing for so long, with nothing running, has done what it will do."""


@dataclass(frozen=True)
class Control:
    """What plain Celery made of the same fault.

    `held` counts messages that its broker keeps back (the visibility timeout is an hour by default); `again`
    are those of them whose task is done, so that it will run again then; `note` is what else was seen.
    """

    jobs: int
    lost: int
    doubled: int
    held: int = 0
    again: int = 0
    note: str = ""


class Plant:
    """Made by a case, inside its lab."""

    def __init__(self, lab: Lab, name: str = "control") -> None:
        self.lab = lab
        self.folder = lab.folder / name
        self.folder.mkdir()
        self.effects = EffectLog(self.folder / "effects")
        self.once = self.folder / "once"
        self.once.mkdir()
        self.redis = Redis(self.folder / "redis", is_durable=False)
        self.redis.start()
        lab.closing(self.redis.kill)
        self.keys: list[str] = []
        self._workers = 0

    @property
    def url(self) -> str:
        return self.redis.database(0)

    def worker(
        self, *options: str, slots: int = 2, visibility: float | None = None, url: str = "", task: str = "",
        **transport: float,
    ) -> PlainWorker:  # fmt: skip
        """A worker, connected; `transport` are more of kombu's options for it."""
        self._workers += 1
        environment = {**os.environ, "CONTROL_BROKER": url or self.url}
        # Celery would load our Django project, logging included, and its command reads BROKER_URL.
        for name in ("DJANGO_SETTINGS_MODULE", "BROKER_URL"):
            environment.pop(name, None)
        if task:
            environment["CONTROL_TASK"] = task
        if visibility is not None:
            transport["visibility_timeout"] = visibility
        environment["CONTROL_TRANSPORT"] = json.dumps(transport)
        worker = PlainWorker(self.folder / f"worker{self._workers}.log", slots, options, environment)
        self.lab.closing(worker.kill)
        return worker.start()

    def beat(self, every: float, key: str) -> subprocess.Popen[bytes]:
        """Plain Beat, with one task every so many seconds, whose effects all have this key."""
        entry = {
            "task": "control.work", "schedule": every,
            "kwargs": {"key": key, "log": str(self.effects.path)},
        }  # fmt: skip
        environment = {**os.environ, "CONTROL_BROKER": self.url, "CONTROL_BEAT": json.dumps({key: entry})}
        for name in ("DJANGO_SETTINGS_MODULE", "BROKER_URL"):
            environment.pop(name, None)
        with (self.folder / "beat.log").open("ab") as log:
            beat = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "tests.faults.control.app", "beat", "--pidfile=",
                 "-s", str(self.folder / "beat-schedule")],
                cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.lab.closing(lambda: stop(beat))
        return beat

    def broker(self) -> redis.Redis:
        """A client of the case's own."""
        return redis.Redis(port=self.redis.port, socket_timeout=5)

    def submit(
        self, count: int = 1, *, countdown: float | None = None, url: str = "", **arguments: Any
    ) -> list[str]:
        """Send that many tasks, as a web process would, due in `countdown` s if given; their keys."""
        from tests.faults.control.app import app

        keys = [self.lab.key() for _ in range(count)]
        if "once" not in arguments and "do" in arguments:
            arguments["once"] = str(self.once)
        with app.connection_for_write(url or self.url) as connection:
            for key in keys:
                app.send_task("control.work", kwargs={"key": key, "log": str(self.effects.path), **arguments},
                              connection=connection, ignore_result=True, countdown=countdown)  # fmt: skip
        self.keys += keys
        return keys

    def running(self, count: int = 1, timeout: float = 30) -> None:
        """Wait until that many tasks are with workers."""
        with redis.Redis(port=self.redis.port) as client:
            eventually(lambda: client.hlen("unacked") >= count, timeout, f"{count} plain tasks run")

    def drain(self, timeout: float = 60) -> None:
        """Wait until all are done, or nothing has happened for a while."""
        seen, since, begun = -1, time.monotonic(), time.monotonic()
        while (done := len(self.effects.done() & set(self.keys))) < len(self.keys):
            now = len(self.effects.lines())
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > QUIET_SECONDS or time.monotonic() - begun > timeout:
                break
            time.sleep(0.1)
        del done

    def verdict(self, note: str = "", *, timeout: float = 60) -> Control:
        """Drain, and count."""
        self.drain(timeout)
        effects, missing, kept = self.effects.effects(), set(self.keys) - self.effects.done(), self._held()
        held, again = missing & kept, kept - missing
        doubled = sum(1 for key in self.keys if effects[key] > 1)
        return Control(len(self.keys), len(missing) - len(held), doubled, len(held), len(again), note)

    def _held(self) -> set[str]:
        """Keys of messages that the broker still has: unacknowledged, or in a queue that nobody empties."""
        try:
            with redis.Redis(port=self.redis.port, socket_timeout=5) as client:
                texts = [*client.hvals("unacked"), *client.lrange("celery", 0, -1)]
        except redis.RedisError:
            return set()
        return {key for key in self.keys for text in texts if key in decoded(text)}


def decoded(text: bytes) -> str:
    """A message's body is JSON in base64, inside JSON."""
    import base64

    message = json.loads(text)
    body = (message[0] if isinstance(message, list) else message)["body"]
    return base64.b64decode(body).decode()


class PlainWorker:
    """`celery worker` of the control app."""

    def __init__(self, log: Path, slots: int, options: tuple[str, ...], environment: dict[str, str]) -> None:
        self.log = log
        self.environment = environment
        self.command = [
            sys.executable, "-m", "celery", "-A", "tests.faults.control.app", "worker", "-c", str(slots),
            "-n", f"{log.stem}@{log.parent.name}", "--loglevel=INFO", *options,
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> PlainWorker:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        eventually(lambda: " ready." in self.log.read_text(), timeout=30, what=f"{self.log} is ready")
        return self

    @property
    def main(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def signal(self, number: signal.Signals) -> None:
        """To the main process alone."""
        os.kill(self.main.pid, number)

    def signal_group(self, number: signal.Signals) -> None:
        """To the main and its children, as honcho and systemd do."""
        os.killpg(self.main.pid, number)

    def kill(self) -> None:
        """The main and its children."""
        try:
            os.killpg(self.main.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        stop(self.main)

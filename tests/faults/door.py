"""A door: a front process of its own that submits jobs and can die, or lose its database, in the middle.

As a program (`python -m tests.faults.door`) it reads one JSON object per line, submits, and answers with one
line: `ok` or `failed`. Whoever gets no answer knows nothing: `unknown`.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.faults.account import Answer

if TYPE_CHECKING:
    from tests.faults.lab import Lab

ANSWER_SECONDS = 30.0


def is_rolled_back(number: int) -> bool:
    """One in ten: of these nothing may be left (I2)."""
    return number % 10 == 5


class Door:
    """The process, and what it was told; every submit is noted in the lab's account."""

    def __init__(self, lab: Lab, environment: dict[str, str]) -> None:
        self.lab = lab
        self.environment = environment
        self.process = self._start()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def submit(
        self,
        kind: str = "test.ok",
        *,
        idempotency: str = "",
        rolls_back: bool = False,
        key: str = "",
        **more: Any,
    ) -> tuple[str, Answer]:
        """Hand in one job; its effect's key and what the door answered. A dead door is opened again."""
        if not self.is_alive:
            self.process = self._start(without_failpoint=True)
        key, begun = key or self.lab.key(), time.monotonic()
        asked = {
            "kind": kind, "payload": self.lab.payload(key, **more), "idempotency": idempotency,
            "rolls_back": rolls_back,
        }  # fmt: skip
        answer = self._ask(json.dumps(asked))
        self.lab.account.note(key, answer, time.monotonic() - begun)
        return key, answer

    def submit_some(self, count: int, kind: str = "test.ok") -> Counter[Answer]:
        """So many, one in ten rolled back by its caller; how often each was answered."""
        return Counter(self.submit(kind, rolls_back=is_rolled_back(number))[1] for number in range(count))

    def stop(self) -> None:
        if self.is_alive:
            self.process.kill()
        self.process.wait(10)

    def _start(self, *, without_failpoint: bool = False) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self.environment}
        if without_failpoint:
            environment.pop("FAILPOINT", None)
        log = (self.lab.folder / "door.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.door"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n", f"see {log.name}"
        return process

    def _ask(self, line: str) -> Answer:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return Answer.UNKNOWN
        readable, _, _ = select.select([self.process.stdout], [], [], ANSWER_SECONDS)
        answer = self.process.stdout.readline().decode().strip() if readable else ""
        return Answer(answer) if answer else Answer.UNKNOWN


class RollBackError(Exception):
    """The caller's own transaction fails after the submit."""


def main() -> None:
    """The program."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.db import connection

    owner = User.objects.get(username="alice")
    print("open", flush=True)
    for line in sys.stdin:
        print(answer(json.loads(line), owner).value, flush=True)
        connection.close_if_unusable_or_obsolete()


def answer(asked: dict[str, Any], owner: Any) -> Answer:
    """Submit, as a careful front does: an error in a commit says nothing about the commit."""
    from django.db import DatabaseError, connection, transaction

    from jobs.idempotency import Key
    from jobs.lifecycle.submit import submit_job

    key = Key("faults", asked["idempotency"]) if asked["idempotency"] else None
    is_inside = True
    try:
        with transaction.atomic():
            submit_job(asked["kind"], asked["payload"], owner=owner, key=key)
            if asked["rolls_back"]:
                raise RollBackError
            is_inside = False
    except RollBackError:
        return Answer.FAILED
    except DatabaseError:
        connection.close()
        return Answer.FAILED if is_inside else Answer.UNKNOWN
    return Answer.OK


if __name__ == "__main__":
    main()

"""The control arm of mail: plain Celery mails a list, the same fault strikes, its recipients are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil

from tests.faults.control.plant import Control, PlainWorker, Plant
from tests.faults.lab import Lab
from tests.faults.mail import MARK, Mail

TASK = "control.letters"


class PlainMail:
    """One list, one task, one worker with one child."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.mail = Mail(lab, f"plain {name}")
        self.plant = Plant(lab, f"plain-{name.replace(' ', '-')}")
        self.recipients: list[tuple[str, str]] = []

    def send(self, recipients: int, *, marked: int = 0, port: int = 0, is_again: bool = False) -> PlainWorker:
        """Begin; every `marked`th mail has MARK. An error of the mail server ends the task, or repeats it."""
        from tests.faults.control.app import app

        worker = self.plant.worker("-I", "tests.faults.control.letters", slots=1)
        self.recipients = [
            (f"guest{number:05}@example.org",
             MARK if marked and number % marked == marked // 2 else "flour")
            for number in range(recipients)
        ]  # fmt: skip
        key = self.lab.key()
        self.plant.keys.append(key)
        arguments = {
            "key": key, "log": str(self.plant.effects.path), "recipients": self.recipients,
            "port": port or self.mail.port, "is_again": is_again,
        }  # fmt: skip
        with app.connection_for_write(self.plant.url) as connection:
            app.send_task(TASK, kwargs=arguments, connection=connection, ignore_result=True)
        return worker

    def verdict(self, worker: PlainWorker, note: str) -> Control:
        """Wait until it does nothing more, and count; what its broker holds back is not lost yet."""
        task = self.plant.verdict(timeout=240)
        got = Counter(each.to for each in self.mail.record.read())
        missing = len(self.recipients) - len(got)
        worker.kill()
        self.plant.redis.kill()
        self.mail.stop()
        return Control(
            len(self.recipients), 0 if task.held else missing, sum(count > 1 for count in got.values()),
            held=missing if task.held else 0, again=len(got) if task.held else 0, note=note,
        )  # fmt: skip


def plain(lab: Lab, name: str, recipients: int, strike: Callable[[Mail, PlainWorker], object]) -> Control:
    """Its mail server holds a message in the middle, and then this strikes."""
    found = PlainMail(lab, name)
    found.mail.start(hold=recipients // 8)
    worker = found.send(recipients)
    found.mail.held()
    strike(found.mail, worker)
    found.mail.go()
    return found.verdict(worker, "one task for the list")


def kill_child(mail: Mail, worker: PlainWorker) -> None:
    """The one that sends."""
    for child in psutil.Process(worker.main.pid).children():
        with suppress(psutil.NoSuchProcess):
            child.kill()


def kill_all(mail: Mail, worker: PlainWorker) -> None:
    """The main, and the child with it."""
    worker.kill()

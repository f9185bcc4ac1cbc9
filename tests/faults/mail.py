"""A case's mail: the server that takes it, the campaigns handed in, and a look at the ledger meanwhile.

Three books: what was accepted (here), the ledger of the system under test, and the record of the receiver.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from core.embedded.ports import free_port, is_free
from tests.faults.lab import ROOT, Lab, stop
from tests.faults.mail_sink import DIES, GO, HELD, RECORD, Arrived

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

KIND = "email.campaign"
POLICIES = {"at most once": False, "at least once": True}
"""How a case names them, and what a campaign's payload says."""
MARK = "nobody-hears-of-this-one"
"""Stands in the mails that a proxy is to recognise."""
LOOK_SECONDS = 0.2
"""Between two looks, and between two rounds of an operator's."""
OVERDUE = "UPDATE millrace_job SET run_at = clock_timestamp() WHERE state = 'retrying' AND run_at > now()"
UNFINISHED = """
    SELECT id FROM millrace_job AS job WHERE state = 'failed' AND kind = %s
       AND EXISTS (SELECT 1 FROM millrace_item WHERE job_id = job.id AND state = 'pending')
"""


class Mail:
    """The mail server and the campaigns of one variant."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.lab = lab
        self.folder = lab.folder / f"mail-{name.replace(' ', '-')}"
        self.folder.mkdir()
        self.port = free_port()
        self.accepted: dict[UUID, int] = {}
        """Campaign → how many recipients it has."""
        self.by_hand = 0
        """How often an operator gave a campaign that had ended another chance."""
        self._sink: subprocess.Popen[bytes] | None = None
        self._tended_at = 0.0
        self.record = Record(self.folder / RECORD)
        lab.closing(self.stop)

    # -- The server ----------------------------------------------------------------------------------

    def start(self, *, pause: float = 0.0, hold: int = 0) -> None:
        """Listen; see mail_sink for what it can be told."""
        command = [
            sys.executable, "-m", "tests.faults.mail_sink", str(self.port), str(self.folder),
            f"--pause={pause}", f"--hold={hold}",
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._sink = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        self.lab.eventually(lambda: not is_free(self.port), what="the mail server listens")

    @property
    def is_up(self) -> bool:
        return self._sink is not None and self._sink.poll() is None

    def stop(self) -> None:
        """Whatever it was doing."""
        if self._sink is not None:
            stop(self._sink)

    def die(self, *, is_kept: bool) -> None:
        """At the next message: once that is on record, or before; nobody hears an answer to it."""
        assert self._sink is not None
        place = "after" if is_kept else "before"
        number = next(number for number, when in DIES.items() if when == place)
        os.kill(self._sink.pid, number)
        self.until(lambda: not self.is_up, what="the mail server dies")
        self.lab.struck()

    def held(self) -> None:
        """Wait until it holds the message that it was to hold."""
        self.lab.eventually((self.folder / HELD).exists, what="a message is held")

    def go(self) -> None:
        """Let it go on."""
        (self.folder / GO).touch()

    def worker(self, *, port: int | None = None, slots: int = 1, **environment: str) -> WorkerProcess:
        """One that sends to this server, or to the proxy on that port."""
        url = f"smtp://127.0.0.1:{port or self.port}"
        return self.lab.worker(slots=slots, EMAIL_URL=url, EMAIL_TIMEOUT_SECONDS="5", **environment)

    # -- The campaigns -------------------------------------------------------------------------------

    def submit(self, recipients: int, *, is_again: bool, marked: int = 0) -> UUID:
        """One campaign, whose policy is to send again what is doubtful, or not; every `marked`th has MARK."""
        from jobs.lifecycle.submit import submit_job

        first = sum(self.accepted.values())
        listed = [
            {
                "to": f"guest{first + number:05}@example.org",
                "values": {"word": MARK if marked and number % marked == marked // 2 else "flour"},
            }
            for number in range(recipients)
        ]
        texts = {"subject": "Your {{ word }}", "text": "There is {{ word }} for you, {{ email }}."}
        payload = {"recipients": listed, "again": is_again, **texts}
        job = submit_job(KIND, payload, owner=self.lab.owner).id
        self.accepted[job] = recipients
        return job

    def until(self, fact: Callable[[], Any], timeout: float = 60, what: str = "") -> None:
        """Wait for a fact; meanwhile time passes, and an operator is at work."""

        def look() -> Any:
            self.tend()
            return fact()

        self.lab.eventually(look, timeout, what)

    def tend(self) -> None:
        """Nobody waits for a backoff while the server is up; who gave up is told by hand to go on."""
        from jobs.lifecycle.retry import retry_jobs

        if not self.is_up or time.monotonic() - self._tended_at < LOOK_SECONDS:
            return
        self._tended_at = time.monotonic()
        with suppress(psycopg.OperationalError):
            self.lab.sql(OVERDUE)
            if left := [row[0] for row in self.lab.sql(UNFINISHED, [KIND])]:
                self.by_hand += len(retry_jobs(left, actor="operator"))


class Record:
    """What the receiver has written down so far; only new lines are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.arrived: list[Arrived] = []
        self._place = 0
        path.touch()

    def read(self) -> list[Arrived]:
        """All of it."""
        with self.path.open("rb") as file:
            file.seek(self._place)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._place += len(whole)
        self.arrived += [Arrived(*json.loads(line)) for line in whole.splitlines()]
        return self.arrived


class Look:
    """Somebody who asks again and again how far the campaigns are, and what of it was not true.

    `with Look(mail) as look: …`. What is `done` was received before; every campaign has as many recipients as
    were accepted, whatever states they are in. No answer is no lie.
    """

    def __init__(self, mail: Mail) -> None:
        self.mail = mail
        self.wrong: list[str] = []
        self.answers = 0
        self._record = Record(mail.record.path)
        self._received: dict[str, set[str]] = {}
        """Campaign, as its Message-IDs begin → those on record."""
        self._place = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="look", daemon=True)

    def __enter__(self) -> Look:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join(10)

    def _run(self) -> None:
        from jobs.database import OwnDatabase

        db = OwnDatabase("look")
        while not self._is_over.wait(LOOK_SECONDS):
            for job, accepted in list(self.mail.accepted.items()):
                with suppress(psycopg.OperationalError, psycopg.InterfaceError):
                    self._look(job, accepted, db)
        db.close()

    def _look(self, job: UUID, accepted: int, db: Any) -> None:
        from jobs import items
        from jobs.states import ItemState

        counts = items.counts(job, db)
        self.answers += 1
        if sum(counts.values()) != accepted:
            self.wrong.append(f"{job}: {accepted} accepted, {dict(counts)}")
        received = self._count(job)  # after the ledger: what that calls done was on record before
        if counts[ItemState.DONE] > received:
            self.wrong.append(f"{job}: {counts[ItemState.DONE]} done, {received} received")

    def _count(self, job: UUID) -> int:
        arrived = self._record.read()
        for each in arrived[self._place :]:
            self._received.setdefault(each.id.partition(".")[0], set()).add(each.id)
        self._place = len(arrived)
        return len(self._received.get(f"<{job.hex}", ()))

"""Case 23: 10,000 recipients, and fifty faults strike by chance, each after some two hundred of them."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.faults.bells import message
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.judge import Budgets
from tests.faults.lab import Lab
from tests.faults.mail import POLICIES, Look, Mail
from tests.faults.mail_judge import FAILURES, judge_mail

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

SEED = 23
RECIPIENTS, CAMPAIGN = 10_000, 250
FAULTS = {
    "child": 10, "main": 8, "mail server, kept": 6, "mail server, not kept": 6, "database": 8, "flush": 6,
    "bells": 6,
}  # fmt: skip
"""What strikes, and how often: fifty in all."""
QUICK = ("child", "mail server, kept", "flush", "mail server, not kept", "bells")
WORKERS, SLOTS = 2, 2
SECONDS = 0.02
"""A mail server takes so long over each message: the load lasts as long as the faults."""
SHARE, QUICK_SHARE = 0.9, 0.6
"""Of the recipients, by which the last mark is set: who stays uncertain may never come."""
PUT_ASIDE = 20
"""How often a campaign may make way, uncharged too, while a mail server that died is started again."""
BELL, BELLS, QUEUE = "millrace.bell", 50, "email"


def run(size: Size) -> Iterator[Row]:
    """Once by each policy."""
    with Lab(EMAIL_PAUSE_SECONDS="10") as lab:
        for policy in POLICIES:
            if size.wants(policy, in_quick=POLICIES[policy]):
                yield under_fire(lab, policy, size)


def under_fire(lab: Lab, policy: str, size: Size) -> Row:
    """A fault at each mark of what the mail server has on record; then the books are compared."""
    lab.next_round()
    faults = list(QUICK) if size.is_quick else [name for name, count in FAULTS.items() for _ in range(count)]
    chance = random.Random(SEED)
    chance.shuffle(faults)
    recipients, campaign = size.of(RECIPIENTS, 240), size.of(CAMPAIGN, 30)
    share = QUICK_SHARE if size.is_quick else SHARE
    mail = Mail(lab, policy)
    fire = Fire(lab, mail, chance)
    with Look(mail) as look:
        for _ in range(recipients // campaign):
            mail.submit(campaign, is_again=POLICIES[policy])
        for number, fault in enumerate(faults, start=1):
            mark = int(number * recipients * share) // (len(faults) + 1)
            mail.until(lambda mark=mark: len(mail.record.read()) >= mark, 120, f"{mark} mails came")
            fire.strike(fault)
        found = judge_mail(mail, look, Budgets(
            failures=FAILURES, uncharged=len(faults) + PUT_ASIDE, recovery=None, why="the faults overlap",
        ))  # fmt: skip
    fire.end()
    mail.stop()
    told = ", ".join(f"{count} × {name}" for name, count in fire.struck.items())
    said = row(
        policy, f"{len(faults)} faults, seed {SEED} ({told})", found.verdict,
        note=f"{found.note}; {look.answers:,} looks at the ledger added up;"
        f" {mail.by_hand} times somebody had to tell a campaign to go on",
    )  # fmt: skip
    expect(said, not fire.idle, f"struck when nobody was left to be sent to: {fire.idle}")
    return expect(said, found.verdict.uncertain > 0, "no fault left anybody in doubt")


class Fire:
    """Workers and a mail server, and whoever breaks them; as a supervisor would, it starts them again."""

    def __init__(self, lab: Lab, mail: Mail, chance: random.Random) -> None:
        self.lab = lab
        self.mail = mail
        self.chance = chance
        self.struck: Counter[str] = Counter()
        self.idle: list[str] = []
        """Faults that met no load."""
        mail.start(pause=SECONDS)
        self.workers = [self._worker() for _ in range(WORKERS)]

    def strike(self, fault: str) -> None:
        """One fault; what it ended is started again."""
        acts: dict[str, Callable[[], None]] = {
            "child": self._kill_child,
            "main": self._kill_main,
            "mail server, kept": lambda: self._kill_server(is_kept=True),
            "mail server, not kept": lambda: self._kill_server(is_kept=False),
            "database": self._restart_database,
            "flush": self._flush,
            "bells": self._ring,
        }
        if not self.lab.sql("SELECT 1 FROM millrace_item WHERE state IN ('pending', 'doing') LIMIT 1"):
            self.idle.append(fault)
            return
        acts[fault]()
        self.lab.struck()
        self.struck[fault] += 1

    def end(self) -> None:
        for worker in self.workers:
            worker.stop()

    def _worker(self) -> WorkerProcess:
        return self.mail.worker(slots=SLOTS)

    def _kill_child(self) -> None:
        children = [child for worker in self.workers for child in worker.children]
        with suppress(ProcessLookupError):
            os.kill(self.chance.choice(children), signal.SIGKILL)

    def _kill_main(self) -> None:
        place = self.chance.randrange(WORKERS)
        self.workers[place].signal(signal.SIGKILL)
        self.workers[place].main.wait(10)
        self.workers[place].stop()
        self.workers[place] = self._worker()

    def _kill_server(self, *, is_kept: bool) -> None:
        self.mail.die(is_kept=is_kept)
        self.mail.start(pause=SECONDS)

    def _restart_database(self) -> None:
        self.lab.kill_postgres()
        self.lab.postgres.start()

    def _flush(self) -> None:
        with self.lab.broker() as client:
            client.flushall()

    def _ring(self) -> None:
        with self.lab.broker() as client:
            client.lpush(QUEUE, *(message(BELL, routing_key=QUEUE) for _ in range(BELLS)))


CASE = Case(
    23,
    "10,000 recipients under fifty faults (what is counted is recipients)",
    "every recipient is reached, or named `uncertain` or `failed`; at every look the ledger adds up to what"
    " was accepted; two mails for one only where doubtful ones are sent again, each uncertain before",
    run,
)

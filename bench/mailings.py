"""Mailings: send to many in one of several ways, and time the mails that reach the sink.

The clock runs from a tenth of them to the last, so that start-up does not count. For Millrace it stops when
every outcome is recorded, and then the ledger and the sink must agree about everybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import psycopg

from bench import letters
from bench.drains import at_once
from bench.lab import Lab
from bench.meter import Costs, Pace, Programs, Stretch
from bench.postbox import Postbox
from bench.running import running, wait_until
from core.supervisor.programs import Program

PATIENCE_SECONDS = 600
POLL_SECONDS = 0.01
CAMPAIGNS = 8
"""One campaign is sent by one process: there are more of them than processes, and each has its share."""
SELECTOR = "bench"
ITEMS = "SELECT state, count(*) FROM millrace_item GROUP BY state"
JOBS = "SELECT state, count(*) FROM millrace_job GROUP BY state"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to send: its share of the mails, what is there before it starts, and who sends."""

    name: str
    share: float
    senders: Callable[[Lab, Postbox, int], list[Program]]
    prepare: Callable[[Lab, int], object] = lambda lab, count: None
    is_ours: bool = False


@dataclass(frozen=True)
class Sent:
    """Mails per second, what each of them cost, and the first of them."""

    rate: float
    costs: Costs
    first: bytes


def campaigns(name: str, *, share: float, key: str = "") -> Arm:
    """Millrace's, signed with such a key."""
    return Arm(
        name=name,
        share=share,
        prepare=hand_in,
        senders=lambda lab, box, count: [lab.worker(**settings_for(lab, box, key))],
        is_ours=True,
    )


def send_messages(*, share: float) -> Arm:
    """Django's, over one connection."""

    def senders(lab: Lab, box: Postbox, count: int) -> list[Program]:
        variables = {**lab.variables, **settings_for(lab, box)}
        return [Program("send_messages", lab.logs, variables, "-m", "bench.app.send_messages", str(count))]

    return Arm(name="send_messages", share=share, senders=senders)


def flood(*, share: float) -> Arm:
    """What the sink takes of mails that are written already: two processes do nothing but send them."""

    def senders(lab: Lab, box: Postbox, count: int) -> list[Program]:
        variables = {**lab.variables, **settings_for(lab, box)}
        halves = [(0, count // 2), (count // 2, count)]
        return [
            Program(f"flood{first}", lab.logs, variables, "-m", "bench.app.flood", str(first), str(end))
            for first, end in halves
        ]

    return Arm(name="sink", share=share, senders=senders)


def settings_for(lab: Lab, box: Postbox, key: str = "") -> dict[str, str]:
    """What an installation sets that sends mail: server, sender, pages, and the key it signs with."""
    settings = {"EMAIL_URL": box.url, "FROM_EMAIL": letters.SENDER, "PUBLIC_URL": letters.PAGE}
    return settings | ({"DKIM_KEYS": key_for(lab, key)} if key else {})


def key_for(lab: Lab, kind: str) -> str:
    """A key of that kind, made once, as DKIM_KEYS names it."""
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path = lab.folder / f"{kind}.pem"
    if not path.exists():
        key: Any = (
            rsa.generate_private_key(public_exponent=65537, key_size=2048)
            if kind == "rsa"
            else ed25519.Ed25519PrivateKey.generate()
        )
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return f"{SELECTOR}@{letters.DOMAIN}={path}"


def hand_in(lab: Lab, count: int, number: int = CAMPAIGNS) -> None:
    """So many campaigns with so many recipients together."""
    from jobs.artifacts import store_upload
    from jobs.lifecycle.submit import submit_job
    from jobs.owners import service_user

    owner = service_user("bench")
    for place in range(number):
        numbers = range(count * place // number, count * (place + 1) // number)
        listed = BytesIO("".join(letters.as_csv(numbers)).encode())
        file = store_upload(listed, name="readers.csv", owner=owner)
        submit_job("email.campaign", letters.payload(str(file.id)), owner=owner)


def send(lab: Lab, arm: Arm, mails: int) -> Sent:
    """One run, from the list to the last mail."""
    count = max(CAMPAIGNS * 20, round(mails * arm.share))
    lab.empty()
    arm.prepare(lab, count)
    if arm.is_ours:
        lab.settle()
    box = Postbox(lab.logs, lab.folder)
    with running(box):
        wait_until(box.is_ready, f"{box.name} listens (see {box.log})")
        senders = arm.senders(lab, box, count)
        with running(*senders):
            rate, costs = time_mails(
                lab, box, count, arm.name,
                programs={"sender": senders, "sink": [box], "postgresql": [lab.postgres]},
                is_recorded=lab.is_settled if arm.is_ours else at_once,
                are_sending=lambda: any(each.is_alive for each in senders),
            )  # fmt: skip
    box.check(count)
    if arm.is_ours:
        check_ledger(lab, count)
    return Sent(rate, costs, box.first)


def time_mails(
    lab: Lab,
    box: Postbox,
    count: int,
    name: str,
    *,
    programs: Programs,
    is_recorded: Callable[[], bool],
    are_sending: Callable[[], bool],
) -> Pace:
    """Between a tenth and the last."""
    until = time.monotonic() + PATIENCE_SECONDS
    stretch = Stretch(count, programs)
    while time.monotonic() < until:
        is_over, got = not are_sending(), box.number
        if is_over and got < count:
            raise SystemExit(f"{name}: whoever sends ended after {got} of {count} mails; see {lab.logs}")
        stretch.see(got)
        if got >= count and is_recorded():
            return stretch.end(got)
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"{name}: {got} of {count} mails came in {PATIENCE_SECONDS} s; see {lab.logs}")


def check_ledger(lab: Lab, count: int) -> None:
    """What it and the jobs' rows say."""
    with psycopg.connect(lab.postgres.url, autocommit=True) as connection:
        items, jobs = (dict(connection.execute(asked).fetchall()) for asked in (ITEMS, JOBS))
    check_agreement(items, jobs, count)


def check_agreement(items: Mapping[str, int], jobs: Mapping[str, int], count: int) -> None:
    """Everybody is `done` and every job succeeded, or the benchmark ends with a sentence."""
    if items != {"done": count} or set(jobs) != {"succeeded"}:
        raise SystemExit(f"The ledger has {items} of {count} recipients, and the jobs are {jobs}.")

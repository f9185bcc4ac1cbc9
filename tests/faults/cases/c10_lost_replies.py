"""Case 10: replies of a webhook receiver are lost, and whoever tells it dies on every side of the telling.

The ledger is ours: the deliveries, and the timeline of the job that carries each. The receiver is the
outside world. They agree when every job that ended has one delivery, when the receiver has seen each
delivery's id and no other, and when each repetition is of an attempt whose end the timeline names.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

import psutil

from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control, Plant
from tests.faults.judge import ENDED, Budgets, Verdict
from tests.faults.lab import Lab
from tests.webhooks.receiver import Handler, Receiver, Request, answer, running

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

OPEN_TO_LOOPBACK = {
    "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    "WEBHOOK_PORTS": "any",
    "WEBHOOK_HTTP": "on",
    "WEBHOOK_SECONDS": "2",
}
POINTS = ("claim.after_commit", "finish.before", "finish.after_commit")
CARRIED = "webhooks"
"""The queue of the jobs that deliver."""
QUEUES = {"the job": "default,tiny,celery", "its carrier": CARRIED}
JOBS = 48
AT_ONCE = 2
"""So many deliveries to one endpoint are under way together."""
LEDGER = """
    SELECT told.id, told.job, told.event, told.delivered_at IS NOT NULL,
           (SELECT count(*) FROM millrace_webhook_try AS one
             WHERE one.delivery_id = told.id AND one.status BETWEEN 200 AND 299),
           (SELECT count(*) FROM millrace_job_event AS ended
             WHERE ended.job_id = told.carrier AND ended.event = ANY (%s))
      FROM millrace_webhook_delivery AS told
"""
UNTOLD = "SELECT 1 FROM millrace_webhook_delivery WHERE delivered_at IS NULL LIMIT 1"
FORGET = "TRUNCATE millrace_webhook, millrace_webhook_delivery, millrace_webhook_try CASCADE"


def run(size: Size) -> Iterator[Row]:
    """Lost replies and a receiver that is silent or away; then those who tell die, or lose the database."""
    with Lab(is_durable=False, **OPEN_TO_LOOPBACK) as lab, running() as inbox:
        if size.wants("lost replies"):
            yield lost_replies(lab, inbox, size)
        if size.wants("silence", in_quick=False):
            yield silence(lab, inbox, size)
        if size.wants("away", in_quick=False):
            yield away(lab, inbox, size)
        for who in QUEUES:
            for point in POINTS:
                if size.wants(f"{point}, {who}", in_quick=point == "finish.before"):
                    yield kill_at(lab, inbox, point, who, size)
        if size.wants("child"):
            yield kill_while_telling(lab, inbox, "child", size)
        if size.wants("main", in_quick=False):
            yield kill_while_telling(lab, inbox, "main", size)
        if size.wants("database", in_quick=False):
            yield database_gone(lab, inbox, size)


def lost_replies(lab: Lab, inbox: Receiver, size: Size) -> Row:
    """The receiver took it and answered, and nobody heard the answer."""
    proxy = lab.proxy(inbox.port)
    begin(lab, inbox, port=proxy.port)
    times = size.of(20, 3)
    proxy.drop_reply(b"webhook-id", times=times)
    worker = lab.worker(WEBHOOK_SECONDS="30")  # nothing but a dropped reply is a reason to tell again
    lab.submit_mix(size.of(JOBS, 12))
    verdict, note = agree(lab, inbox)
    worker.stop()
    found = row(
        "lost replies", "the connection reset between the receiver and its answer", verdict,
        note=f"{proxy.dropped} replies dropped; {note}",
        control_note="a task that posts and fails is run again: the same event, with no id to know it by",
    )  # fmt: skip
    again = len(inbox.requests) - verdict.jobs
    expect(found, proxy.dropped == times, f"{proxy.dropped} of {times} replies were dropped")
    return expect(found, again == times, f"{again} tellings more than events, for {times} lost replies")


def silence(lab: Lab, inbox: Receiver, size: Size) -> Row:
    """The receiver takes it and says nothing: that costs its own deliveries time, and no other job."""
    begin(lab, inbox)
    hears = Event()

    def say_nothing(handler: Handler) -> None:
        hears.wait(30)
        answer(204)(handler)

    inbox.always = say_nothing
    worker = lab.worker(slots=AT_ONCE + 1)
    lab.submit_mix(size.of(JOBS, 12))
    lab.eventually(lambda: len(inbox.requests) >= AT_ONCE, what="deliveries hang")
    others = lab.submit_many("test.ok", 10)
    lab.eventually(lambda: all(lab.state(key) == "succeeded" for key in others), 20, "others end meanwhile")
    most = at_once(lab)
    lab.eventually(lambda: lab.count("retrying") >= AT_ONCE, what="nobody waits for an answer any more")
    hears.set()
    verdict, note = agree(lab, inbox)
    worker.stop()
    found = row("silence", "no answer within the 2 s that a delivery has", verdict, note=note)
    expect(found, verdict.uncertain >= AT_ONCE, "nothing was told again: every answer was waited for")
    return expect(found, most <= AT_ONCE, f"{most} slots were held by one endpoint")


def away(lab: Lab, inbox: Receiver, size: Size) -> Row:
    """Nobody listens: surely nothing was told, and it is told when somebody does."""
    proxy = lab.proxy(inbox.port)
    begin(lab, inbox, port=proxy.port)
    proxy.cut()
    worker = lab.worker()
    lab.submit_mix(size.of(JOBS, 12))
    lab.eventually(lambda: lab.count("retrying") >= AT_ONCE, what="deliveries are put off")
    told = len(inbox.requests)
    proxy.open()
    verdict, note = agree(lab, inbox)
    worker.stop()
    found = row("away", "connections refused, then accepted", verdict, note=note)
    expect(found, told == 0, f"{told} tellings while nobody listened")
    return expect(found, len(inbox.requests) == verdict.jobs, "told twice, though it was refused")


def kill_at(lab: Lab, inbox: Receiver, point: str, who: str, size: Size) -> Row:
    """Those who run the jobs, or those who carry their events, die at a named point; others are sound."""
    begin(lab, inbox)
    workers = []
    for name, queues in QUEUES.items():
        fault = f"{point}:kill:3" if name == who else ""
        workers.append(lab.worker("-Q", queues, FAILPOINT=fault))
    lab.submit_mix(size.of(JOBS, 18))
    lab.reached(point)
    verdict, note = agree(lab, inbox)
    stop(workers)
    return row(f"{point}, {who}", "SIGKILL to the child", verdict, note=note)


def kill_while_telling(lab: Lab, inbox: Receiver, whom: str, size: Size) -> Row:
    """The receiver has it, and whoever told it dies before the answer."""
    begin(lab, inbox)
    at = set(range(2, JOBS, 5)) if whom == "child" else {4, 20}
    # A telling that chance has killed three times would rightly be given up.
    workers = [lab.worker(WORKER_DEATHS=str(len(at) + 1)) for _ in range(2)]
    number = iter(range(1_000_000))

    def kill(handler: Handler) -> None:
        if next(number) in at:
            kill_teller(handler, workers, whom)
            lab.struck()
        answer(204)(handler)

    inbox.always = kill
    lab.submit_mix(size.of(JOBS, 12))
    budgets = Budgets(uncharged=len(at)) if whom == "child" else None
    if whom == "main":
        workers.append(lab.worker())
    verdict, note = agree(lab, inbox, budgets)
    stop(workers)
    found = row(
        whom, f"SIGKILL to the {whom} that tells, once the receiver has it", verdict, note=note,
        control=control(lab, whom, size),
    )  # fmt: skip
    return expect(found, verdict.uncertain > 0, "nothing was told again: nobody died while telling")


def kill_teller(handler: Handler, workers: list[WorkerProcess], whom: str) -> None:
    """The process whose connection this is; of a main, that one with it, before it hears the answer."""
    port = handler.client_address[1]
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(worker.pid).children():
                with suppress(psutil.NoSuchProcess):
                    if any(each.laddr.port == port for each in child.net_connections("tcp") if each.laddr):
                        if whom == "main":
                            os.kill(worker.pid, signal.SIGKILL)
                        child.kill()


def database_gone(lab: Lab, inbox: Receiver, size: Size) -> Row:
    """Every connection ends while a telling is under way: its answer comes to somebody who cannot write."""
    begin(lab, inbox)
    number = iter(range(1_000_000))
    asked, ended = Event(), Event()

    def wait_for_the_end(handler: Handler) -> None:
        if next(number) % 12 == 3:
            ended.clear()
            asked.set()
            ended.wait(30)
        answer(204)(handler)

    inbox.always = wait_for_the_end
    worker = lab.worker()
    lab.submit_mix(size.of(JOBS, 12))
    for _ in range(3):
        assert asked.wait(60), "nothing is told"
        asked.clear()
        lab.end_connections()
        lab.struck()
        ended.set()
    inbox.always = answer(204)
    ended.set()
    verdict, note = agree(lab, inbox)
    worker.stop()
    return row("database", "pg_terminate_backend for every connection while it tells", verdict, note=note)


def begin(lab: Lab, inbox: Receiver, *, port: int | None = None) -> None:
    """Another variant: an endpoint of the owner's, and nothing told yet."""
    from django.contrib.auth.models import Group, User

    from jobs.webhooks.endpoints import Wish, create_endpoint

    lab.next_round()
    lab.sql(FORGET)
    lab.owner.groups.add(Group.objects.get(name="submitter"))
    lab.owner = User.objects.get(pk=lab.owner.pk)  # without remembered permissions
    create_endpoint(lab.owner, Wish(url=f"http://127.0.0.1:{port or inbox.port}/hooks"))
    inbox.requests.clear()
    inbox.always = answer(204)


def agree(lab: Lab, inbox: Receiver, budgets: Budgets | None = None) -> tuple[Verdict, str]:
    """Drain, judge, and hold the ledger beside what the receiver saw; and what there is to say of it."""
    from tests.faults.lab import DRAIN_SECONDS

    with suppress(AssertionError):  # what is missing is named below
        lab.eventually(lambda: is_quiet(lab), DRAIN_SECONDS, "everything is told")
    verdict = lab.judge(budgets)
    seen = Counter(inbox.ids)
    ledger = {f"msg_{row[0].hex}": row[1:] for row in lab.sql(LEDGER, [list(ENDED)])}
    ends = Counter((job.id, f"job.{job.state}") for job in lab.jobs())
    told = Counter((job, event) for job, event, *_ in ledger.values())
    verdict.lost += verdict.blame("ledger", "ends without an event", ends - told)
    verdict.doubled += verdict.blame("ledger", "events of no end, or two of one", told - ends)
    verdict.lost += verdict.blame("receiver", "never heard of", [name for name in ledger if not seen[name]])
    verdict.lost += verdict.blame("ledger", "not delivered", [n for n, row in ledger.items() if not row[2]])
    verdict.doubled += verdict.blame("receiver", "heard under ids of nobody", set(seen) - set(ledger))
    verdict.doubled += verdict.blame(
        "ledger", "told again though it was known to be told", [n for n, row in ledger.items() if row[3] > 1]
    )
    again = {name: count - 1 for name, count in seen.items() if count > 1 and name in ledger}
    verdict.uncertain += len(again)
    verdict.doubled += verdict.blame(
        "ledger", "told again, and no attempt says why", [n for n in again if again[n] > ledger[n][4]]
    )
    verdict.blame("receiver", "another text under the same id", differing(inbox.requests))
    verdict.blame("receiver", "signatures that are not ours", unsigned(inbox.requests))
    return verdict, f"{len(ledger)} events, {len(again)} of them told again under their ids"


def is_quiet(lab: Lab) -> bool:
    """Every job has ended, those that deliver included, and every event is delivered."""
    return not lab.count("scheduled", "queued", "running", "retrying") and not lab.sql(UNTOLD)


def at_once(lab: Lab) -> int:
    """How many deliveries run."""
    return int(
        lab.sql("SELECT count(*) FROM millrace_job WHERE queue = %s AND state = 'running'", [CARRIED])[0][0]
    )


def differing(requests: list[Request]) -> set[str]:
    """Ids under which the receiver read more than one text."""
    texts: dict[str, set[bytes]] = {}
    for request in requests:
        texts.setdefault(request.headers["webhook-id"], set()).add(request.body)
    return {name for name, found in texts.items() if len(found) > 1}


def unsigned(requests: list[Request]) -> list[str]:
    """Ids of what the receiver's own library would refuse."""
    from standardwebhooks.webhooks import Webhook as Verifier
    from standardwebhooks.webhooks import WebhookVerificationError

    from jobs.models import Webhook
    from jobs.webhooks.secrets import valid_secrets

    verifier, refused = Verifier(valid_secrets(Webhook.objects.get())[0]), []
    for request in requests:
        try:
            verifier.verify(request.body, request.headers)
        except WebhookVerificationError:
            refused.append(request.headers["webhook-id"])
    return refused


def stop(workers: list[WorkerProcess]) -> None:
    for worker in workers:
        worker.stop()


def control(lab: Lab, whom: str, size: Size) -> Control | None:
    """Plain Celery with a task that tells: it dies after the receiver has it, and before it says so."""
    if size.is_quick:
        return None
    plant = Plant(lab, f"control-{whom}")
    workers = [plant.worker() for _ in range(2)]
    plant.submit(JOBS // 2)
    plant.submit(1, do=f"{'kill' if whom == 'child' else 'kill_main'}@after")
    plant.submit(JOBS // 2)
    found = plant.verdict()
    for worker in workers:
        worker.kill()
    plant.redis.kill()
    return found


CASE = Case(
    10,
    "Lost replies and kills between us and a webhook receiver (mail servers: case 22)",
    "ledger and receiver agree; what may have been told twice is told under one id, and named",
    run,
)

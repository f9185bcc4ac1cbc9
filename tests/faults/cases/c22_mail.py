"""Case 22: the replies of a mail server are lost, and it, or whoever sends, dies on every side of a message.

The ledger is ours: an item for each recipient. The record of the mail server is the outside world. Each row
is run by one of the two policies for what nobody can decide: it stays `uncertain`, or it is sent again.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil

from tests.faults.bells import message
from tests.faults.case import Case, Row, Size, expect, row
from tests.faults.control.plant import Control
from tests.faults.judge import Budgets
from tests.faults.lab import Lab
from tests.faults.mail import KIND, MARK, POLICIES, UNFINISHED, Look, Mail
from tests.faults.mail_judge import FAILURES, Found, judge_mail
from tests.faults.plain_mail import PlainMail, kill_all, kill_child, plain

if TYPE_CHECKING:
    from tests.worker_process import WorkerProcess

POINTS = ("claim.after_commit", "effect.before", "effect.after", "settle.after")
"""The job is claimed; a chunk of recipients is claimed; it is sent; it is settled, and another claimed."""
CHUNK = 20
"""So many recipients one crash may leave undecided."""
RECIPIENTS = 240
CAMPAIGNS = 6
HELD = 30
"""The message in whose middle something happens: the tenth of its chunk."""
SLOW = 0.02
BELL = "millrace.bell"
BELLS = 50
QUEUE = "email"
LEARNED = ("attempt_stopped", "lease_lost", "outcome_dropped")


def run(size: Size) -> Iterator[Row]:
    """Lost replies; those who send die; the mail server does; and what both stand on."""
    with Lab(EMAIL_PAUSE_SECONDS="10") as lab:
        for policy in POLICIES:
            if size.wants(f"lost replies, {policy}"):
                yield lost_replies(lab, policy, size)
            for point in POINTS:
                for who in ("child", "main"):
                    is_quick = (point, who, policy) == ("effect.after", "child", "at least once")
                    if size.wants(f"{point}, {who}, {policy}", in_quick=is_quick):
                        yield kill_at(lab, point, who, policy, size)
            for who in ("child", "main"):
                if size.wants(f"{who}, {policy}", in_quick=False):
                    yield kill_while_sending(lab, who, policy, size)
            for kept in ("kept", "not kept"):
                if size.wants(f"mail server, {kept}, {policy}", in_quick=kept != "kept"):
                    yield server_dies(lab, kept, policy, size)
            for how in ("connections", "restart"):
                if size.wants(f"database, {how}, {policy}", in_quick=False):
                    yield database_gone(lab, how, policy, size)
            if size.wants(f"broker, {policy}", in_quick=False):
                yield broker_forgets(lab, policy, size)
            if size.wants(f"frozen, {policy}", in_quick=False):
                yield frozen(lab, policy, size)
            if size.wants(f"budget, {policy}", in_quick=False):
                yield budget_used_up(lab, policy, size)


def lost_replies(lab: Lab, policy: str, size: Size) -> Row:
    """The final dot is forwarded, the server takes the mail, and nobody hears its 250."""
    times, recipients = size.of(20, 3), size.of(RECIPIENTS, 60)
    with mailing(lab, f"lost {policy}") as (mail, look):
        proxy = lab.proxy(mail.port)
        proxy.drop_reply(MARK.encode(), times=times)
        worker = mail.worker(port=proxy.port)
        mail.submit(recipients, is_again=POLICIES[policy], marked=recipients // times)
        found = judge_mail(mail, look)
        worker.stop()
    said = row(
        f"lost replies, {policy}", "the connection reset between the final dot and its 250", found.verdict,
        note=f"{proxy.dropped} replies dropped; {found.note}", control=plain_lost(lab, policy, size),
    )  # fmt: skip
    expect(said, proxy.dropped == times, f"{proxy.dropped} of {times} replies were dropped")
    expect(said, found.reached == recipients, f"{found.reached} of {recipients} were reached")
    expect(said, found.verdict.uncertain == times, "not those are uncertain whose reply was lost")
    return twice_are(said, found, times, policy)


def kill_at(lab: Lab, point: str, who: str, policy: str, size: Size) -> Row:
    """Two workers, and one of them dies there, at its third passage."""
    action = "kill" if who == "child" else "kill_main"
    with mailing(lab, f"{point} {who} {policy}") as (mail, look):
        workers = [mail.worker(FAILPOINT=f"{point}:{action}:3") for _ in range(2)]
        for _ in range(CAMPAIGNS):
            mail.submit(RECIPIENTS // CAMPAIGNS, is_again=POLICIES[policy])
        lab.reached(point)
        found = judge_mail(mail, look)
        end(workers)
    said = row(f"{point}, {who}, {policy}", f"SIGKILL to the {who}", found.verdict, note=found.note)
    sent = CHUNK if point == "effect.after" else 0
    one_chunk(said, found)
    if who == "main":  # its child goes on until it notices: it may end all it has, or a part
        return said
    expect(said, point != POINTS[0] or not found.verdict.uncertain, "uncertain, though nothing was claimed")
    expect(said, point == POINTS[0] or found.verdict.uncertain > 0, "nothing was undecided: nobody died")
    return twice_are(said, found, sent, policy)


def kill_while_sending(lab: Lab, who: str, policy: str, size: Size) -> Row:
    """The mail server has it, and whoever sent it dies before the answer."""
    with mailing(lab, f"{who} {policy}", hold=HELD) as (mail, look):
        workers = [mail.worker() for _ in range(1 if who == "child" else 2)]
        mail.submit(RECIPIENTS, is_again=POLICIES[policy])
        mail.held()
        worker, child = sender(mail, workers)
        if who == "main":
            worker.signal(signal.SIGKILL)
        child.kill()
        lab.struck()
        mail.go()
        found = judge_mail(mail, look)
        end(workers)
    said = row(
        f"{who}, {policy}", f"SIGKILL to the {who} that sends, between a final dot and its 250",
        found.verdict, note=found.note, control=plain_kill(lab, who, policy, size),
    )  # fmt: skip
    expect(said, found.verdict.uncertain > 0, "nothing was undecided: nobody died while sending")
    one_chunk(said, found)
    return twice_are(said, found, HELD % CHUNK, policy)


def server_dies(lab: Lab, kept: str, policy: str, size: Size) -> Row:
    """It dies between the final dot and its 250, having kept the mail or not, and is started again."""
    with mailing(lab, f"server {kept} {policy}", pause=SLOW) as (mail, look):
        worker = mail.worker()
        mail.submit(size.of(RECIPIENTS, 240), is_again=POLICIES[policy])
        mail.until(lambda: len(mail.record.read()) >= HELD, what="it is in the middle")
        mail.die(is_kept=kept == "kept")
        mail.start()
        found = judge_mail(mail, look)
        worker.stop()
    said = row(
        f"mail server, {kept}, {policy}", "SIGKILL to the mail server between a final dot and its 250",
        found.verdict, note=found.note,
    )  # fmt: skip
    expect(said, found.verdict.uncertain == 1, "not only the one without an answer was undecided")
    return twice_are(said, found, int(kept == "kept"), policy)


def database_gone(lab: Lab, how: str, policy: str, size: Size) -> Row:
    """While a mail is under way: its answer comes to somebody who cannot write it down."""
    injected = "pg_terminate_backend for every connection"
    with mailing(lab, f"{how} {policy}", hold=HELD) as (mail, look):
        worker = mail.worker()
        mail.submit(RECIPIENTS, is_again=POLICIES[policy])
        mail.held()
        if how == "restart":
            injected = "PostgreSQL killed and restarted"
            lab.kill_postgres()
            lab.postgres.start()
        else:
            lab.end_connections()
        lab.struck()
        mail.go()
        found = judge_mail(mail, look)
        worker.stop()
    said = row(f"database, {how}, {policy}", f"{injected} while it sends", found.verdict, note=found.note)
    return one_chunk(said, found)


def broker_forgets(lab: Lab, policy: str, size: Size) -> Row:
    """Everything in Redis goes while one sends, and then bells come by the dozen."""
    with mailing(lab, f"broker {policy}", hold=HELD) as (mail, look):
        workers = [mail.worker() for _ in range(2)]
        for _ in range(CAMPAIGNS):
            mail.submit(RECIPIENTS // CAMPAIGNS, is_again=POLICIES[policy])
        mail.held()
        with lab.broker() as client:
            client.flushall()
            client.lpush(QUEUE, *(message(BELL, routing_key=QUEUE) for _ in range(BELLS)))
        lab.struck()
        mail.go()
        found = judge_mail(mail, look)
        end(workers)
    said = row(f"broker, {policy}", f"FLUSHALL, then {BELLS} bells, while it sends", found.verdict,
               note=found.note)  # fmt: skip
    expect(said, found.reached == RECIPIENTS, f"{found.reached} of {RECIPIENTS} were reached")
    return expect(said, not found.verdict.uncertain, "something was undecided")


def frozen(lab: Lab, policy: str, size: Size) -> Row:
    """A child freezes while it sends, another attempt has the list, and it wakes and sends on."""
    with mailing(lab, f"frozen {policy}", hold=HELD, pause=SLOW) as (mail, look):
        workers = [mail.worker() for _ in range(2)]
        job = mail.submit(RECIPIENTS, is_again=POLICIES[policy])
        mail.held()
        worker, child = sender(mail, workers)
        child.send_signal(signal.SIGSTOP)
        lab.struck()
        mail.go()
        attempt = "SELECT 1 FROM millrace_job WHERE id = %s AND state = 'running' AND attempt = 2"
        begun = f"{attempt} AND EXISTS (SELECT 1 FROM millrace_item WHERE job_id = %s AND attempt = 2)"
        lab.eventually(lambda: lab.sql(begun, [job, job]), what="another attempt sends")
        child.send_signal(signal.SIGCONT)
        found = judge_mail(mail, look)
        lab.eventually(lambda: any(word in worker.log.read_text() for word in LEARNED), what="it learns")
        end(workers)
    said = row(
        f"frozen, {policy}", "SIGSTOP to the child that sends, past its lease, then SIGCONT", found.verdict,
        note=found.note,
    )  # fmt: skip
    expect(said, found.verdict.uncertain > 0, "nothing was undecided: it did not freeze while sending")
    return one_chunk(said, found)


def budget_used_up(lab: Lab, policy: str, size: Size) -> Row:
    """Every child dies at its second chunk, until the job is given up; then somebody lets it go on."""
    with mailing(lab, f"budget {policy}") as (mail, look):
        worker = mail.worker(FAILPOINT="effect.after:kill:2", FAILPOINT_ONCE="")
        job = mail.submit(RECIPIENTS, is_again=POLICIES[policy])
        mail.until(lambda: is_over(lab), 240, "nobody is left to be sent to")
        budgets = Budgets(failures=FAILURES, uncharged=RECIPIENTS, recovery=None, why="it dies on and on")
        found = judge_mail(mail, look, budgets)
        worker.stop()
        (lost,) = lab.sql(
            "SELECT count(*) FROM millrace_job_event WHERE job_id = %s AND event = 'lost'", [job]
        )[0]
    said = row(
        f"budget, {policy}", "SIGKILL to every child at its second chunk", found.verdict,
        note=f"{lost} deaths, given up and told to go on {mail.by_hand} times; {found.note}",
    )  # fmt: skip
    return expect(said, mail.by_hand > 0, f"after {lost} deaths it was not given up")


@contextmanager
def mailing(lab: Lab, name: str, *, hold: int = 0, pause: float = 0.0) -> Iterator[tuple[Mail, Look]]:
    """Another variant: a mail server, and somebody who looks at the ledger all the time."""
    lab.next_round()
    mail = Mail(lab, name)
    mail.start(hold=hold, pause=pause)
    with Look(mail) as look:
        yield mail, look
    mail.stop()


def sender(mail: Mail, workers: list[WorkerProcess]) -> tuple[WorkerProcess, psutil.Process]:
    """The child that has a connection to the mail server, and its main."""
    for worker in workers:
        for child in psutil.Process(worker.pid).children():
            with suppress(psutil.NoSuchProcess):
                if any(each.raddr and each.raddr.port == mail.port for each in child.net_connections("tcp")):
                    return worker, child
    raise AssertionError("nobody is connected to the mail server")


def one_chunk(said: Row, found: Found) -> Row:
    """A crash leaves no more undecided."""
    count = found.verdict.uncertain
    return expect(said, count <= CHUNK, f"{count} are undecided after one fault: more than a chunk")


def twice_are(said: Row, found: Found, count: int, policy: str) -> Row:
    """So many got two mails, if doubtful ones are sent again; otherwise nobody."""
    due = count if POLICIES[policy] else 0
    return expect(said, found.twice == due, f"{found.twice} got two mails, not {due}")


def is_over(lab: Lab) -> bool:
    """Nothing runs or waits, and no campaign that was given up has somebody left."""
    return not lab.count("scheduled", "queued", "running", "retrying") and not lab.sql(UNFINISHED, [KIND])


def end(workers: list[WorkerProcess]) -> None:
    for worker in workers:
        worker.stop()


def plain_lost(lab: Lab, policy: str, size: Size) -> Control | None:
    """Plain Celery under the same lost replies: an error ends its task, or it begins anew."""
    if size.is_quick:
        return None
    found = PlainMail(lab, f"lost {policy}")
    found.mail.start()
    proxy = lab.proxy(found.mail.port)
    proxy.drop_reply(MARK.encode(), times=20)
    worker = found.send(RECIPIENTS, marked=RECIPIENTS // 20, port=proxy.port, is_again=POLICIES[policy])
    how = "retried after each error" if POLICIES[policy] else "the first error ends the task"
    return found.verdict(worker, how)


def plain_kill(lab: Lab, who: str, policy: str, size: Size) -> Control | None:
    """Plain Celery whose child, or main, dies at the same moment; it knows one policy only."""
    if size.is_quick or not POLICIES[policy]:
        return None
    return plain(lab, f"{who}", RECIPIENTS, kill_child if who == "child" else kill_all)


CASE = Case(
    22,
    "Lost replies and kills between us and a mail server (what is counted is recipients)",
    "ledger and receiver agree recipient by recipient; the undecidable are `uncertain`, a chunk of 20 at most"
    " for one fault; two mails for one only where doubtful ones are sent again, each uncertain before",
    run,
)

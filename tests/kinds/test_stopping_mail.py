"""Who sends mail and has to stop loses no answer that was heard, and doubts nobody it did not begin with."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from pytest_django import Settings

from jobs.errors import Cancelled, Failed, NotYet
from jobs.items import Items
from jobs.models import Item, Job, Suppression
from jobs.registry import KINDS, Kind
from tests.kinds.test_campaign import mailing, states, to
from tests.mail.test_traffic import time_passes
from tests.running import accept, lose, make_context, run
from tests.smtp_script import SILENCE, ScriptedServer
from tests.waiting import eventually
from tests.webhooks.conftest import SetConf, set_conf
from workers.context import Context
from workers.limits import Interrupted, Limits, Why
from workers.shared import FLAGS, Drain

__all__ = ["set_conf"]

pytestmark = pytest.mark.django_db

HARD_SECONDS = 60.0


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("email.campaign")


@pytest.fixture
def limits() -> Iterator[Limits]:
    before = signal.getsignal(signal.SIGUSR2)
    limits = Limits()
    limits.install()
    limits.next_run()
    yield limits
    signal.signal(signal.SIGUSR2, before)


@pytest.fixture
def drain() -> Iterator[Callable[[Drain], None]]:
    def ask(how: Drain) -> None:
        FLAGS.drain = how

    yield ask
    FLAGS.drain = Drain.NONE


def interrupted(kind: Kind, job: Job, limits: Limits) -> Why:
    with pytest.raises(Interrupted) as stopped:
        limits.run(lambda: run(kind, job), hard_seconds=HARD_SECONDS)
    return stopped.value.why


@pytest.mark.parametrize("why", list(Why))
def test_of_an_interrupted_chunk_only_who_was_in_the_middle_is_in_doubt(
    kind: Kind, mill: ScriptedServer, limits: Limits, why: Why
) -> None:
    """The tenth was handed over, and no answer came yet."""
    mill.script["DOT"] = ["250 OK"] * 9 + [f"250 OK, then {SILENCE}", "250 OK"]
    mill.on_taken[10] = lambda: limits.interrupt(limits.number, why)
    job = accept(kind, mailing(30))

    assert interrupted(kind, job, limits) is why

    assert states(job) == {"done": 9, "uncertain": 1, "pending": 20}
    doubtful = Item.objects.get(state="uncertain")
    assert (doubtful.key, doubtful.detail["uncertain"]) == (to(9), 1)
    assert "interrupted before the server answered" in doubtful.detail["error"]

    result = run(kind, lose(job))

    assert (result.values["done"], result.values["uncertain"]) == (29, 1)
    assert sorted(mill.recipients) == [to(number) for number in range(30)], "nobody twice"


def test_where_doubtful_ones_are_sent_to_again_an_interruption_repeats_one_mail(
    kind: Kind, mill: ScriptedServer, limits: Limits
) -> None:
    mill.script["DOT"] = ["250 OK"] * 9 + [f"250 OK, then {SILENCE}", "250 OK"]
    mill.on_taken[10] = lambda: limits.interrupt(limits.number, Why.RELEASE)
    job = accept(kind, mailing(20, again=True))
    interrupted(kind, job, limits)

    assert run(kind, lose(job)).values["done"] == 20

    assert sorted(mill.recipients) == sorted([*(to(number) for number in range(20)), to(9)])
    assert [item.key for item in Item.objects.exclude(detail=None)] == [to(9)]


def lines_said(mill: ScriptedServer) -> list[str]:
    """Over all connections, also while one begins."""
    return [line for session in list(mill.sessions) for line in list(session.lines)]


@pytest.mark.parametrize("where", ["EHLO", f"RCPT {to(10)}"], ids=["connecting", "between-two"])
def test_who_had_no_message_yet_is_in_no_doubt(
    kind: Kind, mill: ScriptedServer, limits: Limits, where: str
) -> None:
    mill.extensions = ("8BITMIME",)  # so that nothing is said before the last answer was heard
    mill.script[where] = SILENCE
    said = where.replace("RCPT ", "RCPT TO:<")

    def interrupt() -> None:
        eventually(lambda: any(line.startswith(said) for line in lines_said(mill)), what=said)
        limits.interrupt(limits.number, Why.RELEASE)

    thread = threading.Thread(target=interrupt)
    thread.start()
    job = accept(kind, mailing(20))

    interrupted(kind, job, limits)

    thread.join()
    sent = len(mill.taken)
    assert sent == (0 if where == "EHLO" else 10)
    assert states(job) == ({"done": sent} if sent else {}) | {"pending": 20 - sent}


def test_a_message_whose_end_was_not_sent_is_in_no_doubt(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file before the end takes its time."""
    from workers.engines.smtp.connection import Connection

    real = Connection.write

    def write(self: Connection, *contents: bytes) -> None:
        if len(mill.taken) == 3 and len(contents) > 1:
            raise Interrupted(Why.RELEASE)
        real(self, *contents)

    monkeypatch.setattr(Connection, "write", write)
    monkeypatch.setattr("workers.engines.smtp.mailer._stuffed", lambda piece: piece)
    monkeypatch.setattr("workers.engines.mail.letter.Message.pieces", (b"A: b\r\n", b"\r\n", b"x\r\n"))
    job = accept(kind, mailing(5))

    with pytest.raises(Interrupted):
        run(kind, job)

    assert states(job) == {"done": 3, "pending": 2}


def test_who_is_interrupted_while_it_writes_a_mail_doubts_nobody(
    mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one: the mail before stands at the same place of its chunk, and was handed over."""
    from workers.engines.mail.transport import SmtpTransport

    real = SmtpTransport._write

    def write(self: SmtpTransport, posting: Any) -> Any:
        if mill.taken:
            raise Interrupted(Why.RELEASE)
        return real(self, posting)

    monkeypatch.setattr(SmtpTransport, "_write", write)
    single = KINDS.find("email.send")
    job = accept(single, {"to": [to(0), to(1)], "subject": "Hi", "text": "Hi"})

    with pytest.raises(Interrupted):
        run(single, job)

    assert states(job) == {"done": 1, "pending": 1}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("statement", ["exchange", "hold", "left_out"])
def test_an_interrupted_statement_loses_nothing_whether_or_not_it_was_done(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch, statement: str, when: str
) -> None:
    """Between the chunks, its answer lost: the answers of the server are known, and nobody else was begun."""
    from jobs.mail.mailing import Mailing

    owner: Any = Mailing if statement == "left_out" else Items
    real = getattr(owner, statement)
    calls = iter([True] if statement == "hold" else [False, True])

    def interrupt(self: Any, *args: Any) -> Any:
        is_time = bool(args[0]) and next(calls, False) if statement == "hold" else next(calls, False)
        if is_time and when == "before":
            raise Interrupted(Why.RELEASE)
        returned = real(self, *args)
        if is_time:
            raise Interrupted(Why.RELEASE)
        return returned

    monkeypatch.setattr(owner, statement, interrupt)
    mill.script["RCPT"] = ["250 OK"] * 4 + ["450 4.7.28 Too much", "250 OK"]
    job = accept(kind, mailing(50))

    with pytest.raises(Interrupted):
        run(kind, job)

    assert states(job) == {"done": 19, "pending": 31}
    assert Item.objects.get(key=to(4)).detail["tries"] == 1
    monkeypatch.undo()
    time_passes(10_000)
    if states(job)["pending"]:
        run(kind, lose(job))
    assert sorted(mill.recipients) == [to(number) for number in range(50)], "everybody once"


def test_what_was_answered_otherwise_is_kept_as_well(
    kind: Kind, mill: ScriptedServer, limits: Limits
) -> None:
    mill.script |= {
        f"RCPT {to(1)}": "550 5.1.1 No such mailbox",
        f"RCPT {to(2)}": "450 4.2.0 Full",
        "DOT": ["250 OK"] * 4 + [f"250 OK, then {SILENCE}"],
    }
    mill.on_taken[5] = lambda: limits.interrupt(limits.number, Why.TIMEOUT)
    job = accept(kind, mailing(20))

    interrupted(kind, job, limits)

    assert states(job) == {"done": 4, "failed": 1, "uncertain": 1, "pending": 14}
    assert Item.objects.get(key=to(2)).detail["tries"] == 1
    assert [each.address for each in Suppression.objects.all()] == [to(1)]


class Slow(BaseEmailBackend):
    """Somebody else's, in which nobody can see how far it came."""

    sent: list[str] = []

    def send_messages(self, email_messages: Any) -> int:
        if len(self.sent) == 3:
            raise Interrupted(Why.RELEASE)
        self.sent.append(email_messages[0].to[0])
        return 1


def test_in_a_backend_of_djangos_whoever_it_was_at_is_in_doubt(kind: Kind, settings: Settings) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Slow"
    Slow.sent = []
    job = accept(kind, mailing(10))

    with pytest.raises(Interrupted):
        run(kind, job)

    assert states(job) == {"done": 3, "uncertain": 1, "pending": 6}


def test_who_lost_the_lease_settles_nothing_when_it_is_interrupted(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = accept(kind, mailing(25))

    def interrupt(*args: Any) -> Any:
        Job.objects.filter(pk=job.pk).update(attempt=2)
        raise Interrupted(Why.RELEASE)

    monkeypatch.setattr(Context, "progress", interrupt)

    with pytest.raises(Interrupted):
        run(kind, job)

    assert states(job) == {"doing": 20, "pending": 5}


@pytest.mark.parametrize("how", [Drain.FINISH, Drain.RELEASE])
def test_a_worker_that_stops_leaves_off_between_two_mails_and_doubts_nobody(
    kind: Kind, mill: ScriptedServer, drain: Callable[[Drain], None], how: Drain
) -> None:
    mill.on_taken[7] = lambda: drain(how)
    job = accept(kind, mailing(50))

    with pytest.raises(NotYet) as handed_back:
        run(kind, job)

    assert handed_back.value.again_in.total_seconds() == 0, "another worker may go on at once"
    assert states(job) == {"done": 7, "pending": 43}
    drain(Drain.NONE)
    assert run(kind, lose(job)).values["done"] == 50
    assert mill.recipients == [to(number) for number in range(50)]


def test_who_is_left_of_the_last_chunk_goes_on_elsewhere(
    kind: Kind, mill: ScriptedServer, drain: Callable[[Drain], None]
) -> None:
    """They were given back, and nobody stands behind them."""
    mill.on_taken[7] = lambda: drain(Drain.FINISH)
    job = accept(kind, mailing(20))

    with pytest.raises(NotYet):
        run(kind, job)

    assert states(job) == {"done": 7, "pending": 13}


def test_who_is_through_when_the_worker_stops_has_succeeded(
    kind: Kind, mill: ScriptedServer, drain: Callable[[Drain], None]
) -> None:
    mill.on_taken[40] = lambda: drain(Drain.FINISH)

    assert run(kind, accept(kind, mailing(40))).values["done"] == 40


def test_whom_nobody_was_at_yet_goes_on_elsewhere(
    kind: Kind, mill: ScriptedServer, drain: Callable[[Drain], None]
) -> None:
    mill.on_taken[20] = lambda: drain(Drain.FINISH)
    job = accept(kind, mailing(21))

    with pytest.raises(NotYet):
        run(kind, job)

    assert states(job) == {"done": 20, "pending": 1}


def test_who_was_put_off_waits_as_ever_when_the_worker_stops(
    kind: Kind, mill: ScriptedServer, drain: Callable[[Drain], None]
) -> None:
    mill.script[f"RCPT {to(3)}"] = "450 4.2.0 Full"
    mill.on_taken[19] = lambda: drain(Drain.FINISH)

    with pytest.raises(Failed, match="put off"):
        run(kind, accept(kind, mailing(20)))


@pytest.mark.parametrize("is_due", [False, True])
def test_who_waits_for_a_domain_is_handed_back_until_their_time_when_the_worker_stops(
    kind: Kind, mill: ScriptedServer, drain: Callable[[Drain], None], set_conf: SetConf, is_due: bool,
) -> None:  # fmt: skip
    set_conf(email_domain_limits="example.org=20/h")
    job = accept(kind, mailing(40))
    with pytest.raises(NotYet):
        run(kind, job)
    if is_due:
        time_passes(3600)
    drain(Drain.FINISH)

    with pytest.raises(NotYet) as later:
        run(kind, lose(job))

    assert len(mill.taken) == 20
    seconds = later.value.again_in.total_seconds()
    assert seconds < 60 if is_due else seconds > 100


def test_who_was_passed_over_before_goes_on_elsewhere_at_once_when_the_worker_stops(
    kind: Kind, mill: ScriptedServer, drain: Callable[[Drain], None]
) -> None:
    """They stand before whom the last attempt held, where this one's line begins."""
    job = accept(kind, mailing(3))
    Item.objects.filter(key=to(2)).update(held_by="later", due=datetime.now(UTC) + timedelta(hours=1))
    drain(Drain.FINISH)

    with pytest.raises(NotYet) as handed_back:
        run(kind, lose(job))

    assert handed_back.value.again_in.total_seconds() == 0
    assert not mill.taken


def test_a_cancelled_one_stops_between_two_mails(kind: Kind, mill: ScriptedServer) -> None:
    job = accept(kind, mailing(50))
    context = make_context(kind, job, is_cancelled=lambda: len(mill.taken) >= 10)
    try:
        with pytest.raises(Cancelled):
            kind.run(context, kind.validate(job.payload))
    finally:
        context.close()

    assert states(job) == {"done": 10, "pending": 40}
    assert len(mill.taken) == 10


def time_is_up(monkeypatch: pytest.MonkeyPatch, is_up: Callable[[], bool]) -> None:
    monkeypatch.setattr(Context, "seconds_left", property(lambda self: 300.0 if is_up() else 3000.0))


def test_who_gets_on_goes_on_in_another_attempt_before_its_time_is_up_and_is_not_charged(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_is_up(monkeypatch, lambda: len(mill.taken) >= 27)
    job = accept(kind, mailing(50))

    with pytest.raises(NotYet) as handed_back:
        run(kind, job)

    assert handed_back.value.again_in.total_seconds() == 0
    assert states(job) == {"done": 27, "pending": 23}


def test_who_got_on_in_its_first_chunk_alone_is_handed_back_as_well(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    time_is_up(monkeypatch, lambda: True)
    job = accept(kind, mailing(50))

    with pytest.raises(NotYet):
        run(kind, job)

    assert states(job) == {"done": 1, "pending": 49}


def test_who_gets_nobody_anywhere_is_not_handed_back_for_want_of_time(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be so for ever: nothing counts how often a job is handed back."""
    time_is_up(monkeypatch, lambda: True)
    mill.script["RCPT"] = "450 4.2.0 Full"

    with pytest.raises(Failed, match="put off"):
        run(kind, accept(kind, mailing(25)))

    assert {item.detail["tries"] for item in Item.objects.all()} == {1}

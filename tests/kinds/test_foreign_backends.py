"""A campaign by a backend of somebody else's: whatever it raises, nobody is missed, and few are in doubt."""

import smtplib
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from jobs.errors import Failed
from jobs.mail.suppression import look_up
from jobs.registry import KINDS, Kind
from tests.engines.mail.foreign import FOREIGN, AnymailRecipientsRefused, Foreign, Response, answered
from tests.kinds.test_campaign import mailing, states, to
from tests.mail.test_traffic import time_passes
from tests.running import accept, lose, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("email.campaign")


@pytest.fixture(autouse=True)
def foreign(settings: Settings) -> Iterator[type[Foreign]]:
    settings.EMAIL_BACKEND = FOREIGN
    Foreign.forget()
    yield Foreign
    Foreign.forget()


@pytest.mark.parametrize(
    ("error", "uncertain", "why"),
    [
        (answered(401, "Bad key"), 0, "refuses this account, by HTTP 401: Bad key"),
        (answered(403, "Bad sender"), 0, "refuses this account, by HTTP 403: Bad sender"),
        (answered(429, "Slow down"), 0, "asks to be left alone: 429 Slow down"),
        (OSError("401 Unauthorized"), 3, "does not say whether it took the mail: 401 Unauthorized"),
        (ValueError("no"), 3, "does not say whether it took the mail: no"),
    ],
    ids=["key", "sender", "too-much", "no-status", "bug"],
)
def test_a_backend_that_fails_stops_the_job_and_leaves_the_others_pending(
    foreign: type[Foreign], kind: Kind, alice: User, error: Exception, uncertain: int, why: str
) -> None:
    foreign.always = error
    job = accept(kind, mailing(50), alice)

    with pytest.raises(Failed, match=why):
        run(kind, job)

    doubted = {"uncertain": uncertain} if uncertain else {}
    assert states(job) == {"pending": 50 - uncertain} | doubted
    foreign.always = None
    time_passes(3601)
    run(kind, lose(job))
    assert states(job) == {"done": 50 - uncertain} | doubted


def test_one_message_that_breaks_a_backend_is_the_only_one_in_doubt(
    foreign: type[Foreign], kind: Kind, alice: User
) -> None:
    foreign.fails = [None, KeyError("id"), None, AnymailRecipientsRefused("no", response=Response(200))]
    job = accept(kind, mailing(30), alice)

    run(kind, job)

    assert states(job) == {"done": 28, "failed": 1, "uncertain": 1}


def test_a_message_that_a_service_takes_for_an_attack_holds_up_nobody_for_long(
    foreign: type[Foreign], kind: Kind, alice: User
) -> None:
    job = accept(kind, mailing(30), alice)
    foreign.refuses = {to(0): answered(403, "Blocked")}
    with pytest.raises(Failed):
        run(kind, job)
    assert states(job) == {"pending": 30}

    time_passes(15)
    with pytest.raises(Failed):
        run(kind, lose(job))

    assert states(job) == {"done": 29, "pending": 1}


def test_a_service_that_is_away_is_gone_on_with(foreign: type[Foreign], kind: Kind, alice: User) -> None:
    foreign.always = answered(503)
    job = accept(kind, mailing(30), alice)
    with pytest.raises(Failed, match="asks to be left alone: 503"):
        run(kind, job)
    assert states(job) == {"pending": 30}

    foreign.always = None
    time_passes(3601)
    run(kind, lose(job))

    assert states(job) == {"done": 30}


def test_a_sender_that_is_refused_suppresses_nobody(foreign: type[Foreign], kind: Kind, alice: User) -> None:
    foreign.always = smtplib.SMTPSenderRefused(550, b"5.1.1 User unknown", "mill@example.org")
    job = accept(kind, mailing(3), alice)

    with pytest.raises(Failed, match=r"refuses our sender mill@example\.org: 550 5\.1\.1"):
        run(kind, job)

    assert states(job) == {"pending": 3}
    assert look_up(alice.pk, map(to, range(3))) == {}

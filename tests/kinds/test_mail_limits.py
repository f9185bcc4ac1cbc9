"""Limits of mail, in a campaign and in a single mail: who waits is neither lost nor charged."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.database import DJANGO
from jobs.errors import Failed, NotYet
from jobs.lifecycle.reasons import waiting_reasons
from jobs.lifecycle.release import release_jobs
from jobs.mail import traffic
from jobs.mail.traffic import Off
from jobs.models import Item, Job, MailTraffic, Worker
from jobs.registry import KINDS, Kind
from tests.kinds.test_campaign import states
from tests.mail.test_traffic import time_passes
from tests.running import accept, lose, run
from tests.smtp_script import ScriptedServer
from tests.webhooks.conftest import SetConf, set_conf

__all__ = ["set_conf"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign() -> Kind:
    return KINDS.find("email.campaign")


@pytest.fixture
def single() -> Kind:
    return KINDS.find("email.send")


def to(*domains: str, count: int = 1, **fields: Any) -> dict[str, Any]:
    """So many at each, in turn."""
    listed = [{"to": f"{number:02}@{domain}"} for number in range(count) for domain in domains]
    return {"recipients": listed, "subject": "Hi", "text": "Hi"} | fields


def at(mill: ScriptedServer, domain: str) -> list[str]:
    return [each for each in mill.recipients if each.endswith(f"@{domain}")]


def test_a_slow_domain_holds_up_nobody_elses_mail(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_domain_limits="slow.example=5/h")
    job = accept(campaign, to("slow.example", "fast.example", count=30))

    with pytest.raises(NotYet, match=r"domain=slow\.example") as later:
        run(campaign, job)

    assert (len(at(mill, "slow.example")), len(at(mill, "fast.example"))) == (5, 30)
    assert states(job) == {"done": 35, "pending": 25}
    assert 700 < later.value.again_in.total_seconds() <= 720

    time_passes(2 * 3600)
    with pytest.raises(NotYet):
        run(campaign, lose(job))

    assert len(at(mill, "slow.example")) == len(set(at(mill, "slow.example"))) == 10


def test_everybody_gets_it_in_the_end_and_once(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_domain_limits="*=9/h", email_account_limit="20/h")
    job = accept(campaign, to("a.example", "b.example", "c.example", count=10))
    for _ in range(12):
        try:
            result = run(campaign, job)
        except NotYet:
            time_passes(3600)
            lose(job)
        else:
            break

    assert result.values["done"] == 30
    assert sorted(mill.recipients) == sorted(item.key for item in Item.objects.all())


def test_a_wait_that_is_near_is_waited_for(campaign: Kind, mill: ScriptedServer, set_conf: SetConf) -> None:
    set_conf(email_domain_limits="slow.example=20/s")

    result = run(campaign, accept(campaign, to("slow.example", count=30)))

    assert result.values["done"] == 30
    assert sorted(at(mill, "slow.example")) == [f"{number:02}@slow.example" for number in range(30)]


def test_who_waits_makes_way_for_who_needs_the_worker(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    from tests.factories import make_job

    set_conf(email_domain_limits="slow.example=20/10s")
    make_job("queued")
    job = accept(campaign, to("slow.example", count=30))
    Worker.objects.create(name="w", **WORKER | {"id": job.holder})

    with pytest.raises(NotYet) as later:
        run(campaign, job)

    assert 0 < later.value.again_in.total_seconds() < 2
    assert 20 <= len(mill.taken) < 30


def test_a_job_that_waits_says_why_and_until_when(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_domain_limits="slow.example=5/h")  # one in 720 s
    job = accept(campaign, to("slow.example", count=7))
    with pytest.raises(NotYet) as later:
        run(campaign, job)

    put_aside(job, later.value)

    job.refresh_from_db()
    assert (job.state, job.failures, job.crashes, job.holder) == ("scheduled", 0, 0, None)
    why = waiting_reasons([job.id])[job.id]
    assert why.reason == "rate"
    assert why.text.startswith("5 every hour for mail to slow.example, and these are used up.")
    assert why.text.endswith(" The next is tried in 12 minutes.")


def test_a_job_that_waits_for_a_place_says_so(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    from tests.factories import make_job
    from tests.mail.test_traffic import attempt, many

    set_conf(email_domain_limits="slow.example=,1")
    make_job("queued")
    attempt().admit(many(1, "slow.example"))
    job = accept(campaign, to("slow.example", count=2))
    Worker.objects.create(name="w", **WORKER | {"id": job.holder})
    with pytest.raises(NotYet) as later:
        run(campaign, job)

    put_aside(job, later.value)

    why = waiting_reasons([job.id])[job.id]
    assert why.reason == "limit"
    assert why.text.startswith("1 at once for mail to slow.example, and all of these places are taken.")


def put_aside(job: Job, why: NotYet) -> None:
    """As the worker does."""
    Worker.objects.get_or_create(name="w", defaults=WORKER)
    holder = Job.objects.get(pk=job.pk).holder
    assert holder
    assert release_jobs(
        {job.id: job.attempt}, holder=holder, again_in_seconds=why.again_in.total_seconds(), db=DJANGO
    )


WORKER = {
    "id": "01a2239d-dfa5-70d4-ae97-77f1b13e7b3b", "pid": 1, "version": "1", "queues": ["default", "email"],
    "kinds": ["email.campaign"], "slots": 1,
}  # fmt: skip


def test_one_mail_waits_as_well(single: Kind, mill: ScriptedServer, set_conf: SetConf) -> None:
    set_conf(email_domain_limits="slow.example=1/h")
    job = accept(single, {"to": ["a@slow.example", "b@slow.example"], "subject": "Hi", "text": "Hi"})
    with pytest.raises(NotYet):
        run(single, job)
    assert mill.recipients == ["a@slow.example"]

    time_passes(3600)
    run(single, lose(job))

    assert mill.recipients == ["a@slow.example", "b@slow.example"]


def test_who_is_left_out_uses_nothing_up(campaign: Kind, mill: ScriptedServer, set_conf: SetConf) -> None:
    from jobs.mail.suppression import Entry, suppress
    from jobs.models.suppression import Suppressed

    set_conf(email_domain_limits="slow.example=2/h")
    job = accept(campaign, to("slow.example", count=3))
    suppress(job.owner_id, [Entry(address="00@slow.example", reason=Suppressed.BY_HAND, source="page")])

    run(campaign, job)

    assert states(job) == {"done": 2, "skipped": 1}


def test_a_server_that_said_421_is_left_alone_by_every_job_and_charged_to_none(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_pause_seconds=100)
    mill.script["RCPT 05@a.example"] = ["421 4.7.0 Later", "421 4.7.0 Later", "250 OK"]
    job, other = accept(campaign, to("a.example", count=10)), accept(campaign, to("b.example"))
    with pytest.raises(NotYet, match="asks to be left alone: 421"):
        run(campaign, job)
    assert states(job) == {"done": 5, "pending": 5}

    sessions = len(mill.sessions)
    with pytest.raises(NotYet) as later:
        run(campaign, other)
    assert len(mill.sessions) == sessions, "the other did not even try"
    assert 90 < later.value.again_in.total_seconds() < 102
    put_aside(other, later.value)
    why = waiting_reasons([other.id])[other.id]
    assert why.reason == "rate"
    assert why.text.startswith("The mail server asks to be left alone: 421 4.7.0. The next is tried")

    time_passes(200)
    assert run(campaign, lose(job)).values["done"] == 10
    assert run(campaign, accept(campaign, to("c.example"))).values["done"] == 1, "it was heard again"
    assert sorted(at(mill, "a.example")) == [f"{number:02}@a.example" for number in range(10)]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("GREETING", "421 4.7.0 Too many connections"),
        ("GREETING", "454 Too many connections"),
        ("MAIL", "450 4.7.1 Error: too much mail from 192.0.2.1"),
        ("DATA", "451 4.4.5 Congestion"),
    ],
)
def test_a_server_that_says_too_much_is_left_alone_too(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf, where: str, said: str
) -> None:
    set_conf(email_pause_seconds=100)
    mill.script[where] = said
    job = accept(campaign, to("a.example", count=3))

    with pytest.raises(Failed, match="asks to be left alone") as charged:
        run(campaign, job)

    assert charged.value.again_in is not None, "it got nobody anywhere: the job's own budget counts that"
    assert 90 < charged.value.again_in.total_seconds() <= 100
    assert states(job) == {"pending": 3}
    assert not Item.objects.exclude(detail=None).exists(), "and no recipient is"
    assert MailTraffic.objects.get().off_times == 1

    mill.script.clear()
    time_passes(101)
    assert run(campaign, lose(job)).values["done"] == 3


def test_what_is_said_to_a_message_stops_all_but_is_charged_to_that_message(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    """Its author may have brought it about: the next that is tried is another."""
    set_conf(email_pause_seconds=100)
    mill.script["DOT"] = ["250 OK", "250 OK", "454 Throttling: maximum sending rate exceeded", "250 OK"]
    job = accept(campaign, to("a.example", count=25))
    with pytest.raises(NotYet, match="asks to be left alone"):
        run(campaign, job)
    assert states(job) == {"done": 2, "pending": 23}
    assert Item.objects.get(key="02@a.example").detail["tries"] == 1
    assert MailTraffic.objects.get().off_times == 1

    time_passes(101)
    with pytest.raises(Failed, match=r"to be sent to again|put off"):
        run(campaign, lose(job))

    assert states(job) == {"done": 24, "pending": 1}
    assert mill.recipients[2] == "03@a.example", "another went and tried"
    time_passes(100)
    assert run(campaign, lose(job)).values["done"] == 25


def test_a_message_that_always_has_all_mail_stopped_ends(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    from workers.kinds.campaign import TRIES

    set_conf(email_pause_seconds=1)
    mill.script["DOT"] = "454 Throttling: maximum sending rate exceeded"
    job = accept(campaign, to("a.example"))
    for _ in range(TRIES - 1):
        with pytest.raises(Failed, match="asks to be left alone"):
            run(campaign, job)
        time_passes(10_000)
        lose(job)

    with pytest.raises(Failed):
        run(campaign, job)

    assert states(job) == {"failed": 1}
    assert Item.objects.get().detail["tries"] == TRIES


def test_a_recipient_who_always_has_all_mail_stopped_is_given_up_and_the_others_get_theirs(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_pause_seconds=100)
    mill.script["RCPT 03@a.example"] = "421 4.7.0 Later"
    job, charged = accept(campaign, to("a.example", count=50)), 0
    with pytest.raises(NotYet, match="asks to be left alone"):
        run(campaign, job)
    assert states(job) == {"done": 3, "pending": 47}
    assert Item.objects.get(key="03@a.example").detail["tries"] == 1

    time_passes(101)
    with pytest.raises(Failed):
        run(campaign, lose(job))
    assert states(job) == {"done": 49, "pending": 1}, "another went and tried"
    while states(job).get("pending"):
        charged += 1
        time_passes(10_000)
        with pytest.raises(Failed, match="asks to be left alone"):
            run(campaign, lose(job))

    assert run(campaign, lose(job)).values["failed"] == 1
    assert charged < campaign.retry.attempts - 1


def test_a_421_whose_words_are_about_a_recipient_holds_up_nobody_else(
    campaign: Kind, mill: ScriptedServer
) -> None:
    mill.script["RCPT 03@a.example"] = "421 4.7.0 Greylisted, come back later"
    job = accept(campaign, to("a.example", count=50))

    with pytest.raises(Failed, match=r"03@a\.example was put off by the mail server: 421"):
        run(campaign, job)

    assert states(job) == {"done": 49, "pending": 1}
    assert Item.objects.get(key="03@a.example").detail["tries"] == 1
    assert not MailTraffic.objects.exists(), "the account goes on"


def test_who_is_put_off_again_after_having_been_held_is_tried_once_in_an_attempt(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    """No limit is left by then, so that nothing but the attempt before tells that they were held."""
    set_conf(email_domain_limits="a.example=100/h")
    mill.script["RCPT 00@a.example"] = "451 4.7.1 Greylisted"
    job = accept(campaign, to("a.example", count=3))
    with pytest.raises(Failed):
        run(campaign, job)
    set_conf(email_domain_limits="")
    time_passes(10_000)

    with pytest.raises(Failed):
        run(campaign, lose(job))

    assert Item.objects.get(key="00@a.example").detail["tries"] == 2


def test_who_comes_before_the_time_of_whom_they_wait_for_is_not_charged(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_pause_seconds=100)
    mill.script["DOT"] = ["454 Throttling: maximum sending rate exceeded", "250 OK"]
    job = accept(campaign, to("a.example"))
    with pytest.raises(Failed):
        run(campaign, job)

    time_passes(101)  # the server may be tried again, but by somebody else first
    with pytest.raises(NotYet):
        run(campaign, lose(job))

    assert not mill.taken


@pytest.mark.parametrize("where", ["RCPT", "DOT"])
@pytest.mark.parametrize(
    "said",
    [
        "452 Quota exceeded for user bob",
        "452 4.3.4 message size exceeds fixed limit",
        "450 mailbox size limit exceeded",
    ],
)
def test_a_full_mailbox_or_a_large_message_stops_nobody_else(
    campaign: Kind, mill: ScriptedServer, where: str, said: str
) -> None:
    mill.script["RCPT 00@a.example" if where == "RCPT" else "DOT"] = [said, "250 OK"]
    job = accept(campaign, to("a.example", count=3))

    with pytest.raises(Failed, match=r"00@a\.example was put off"):
        run(campaign, job)

    assert states(job) == {"done": 2, "pending": 1}
    assert not MailTraffic.objects.exists()


@pytest.mark.parametrize(
    ("where", "said"), [("RCPT", "450 4.7.28 Too much"), ("DOT", "450 4.7.28 Too much"), ("", "")]
)
def test_under_a_redirect_the_sandboxs_domain_is_what_is_limited_and_left_alone(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf, where: str, said: str
) -> None:
    set_conf(
        email_redirect_to="all@sandbox.example", email_domain_limits="sandbox.example=100/h a.example=1/h"
    )
    mill.script |= {where: [said, "250 OK"]} if where else {}
    job = accept(campaign, to("a.example", "b.example", count=3))

    if where:
        with pytest.raises((Failed, NotYet)):
            run(campaign, job)
    else:
        assert run(campaign, job).values["done"] == 6

    keys = set(MailTraffic.objects.values_list("key", flat=True))
    assert {key for key in keys if key.startswith("domain=")} == {"domain=sandbox.example"}


def test_a_server_that_cannot_be_reached_is_not_tried_by_everybody(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_pause_seconds=100)
    mill.close()
    with pytest.raises(Failed, match="no connection") as away:
        run(campaign, accept(campaign, to("a.example")))
    assert away.value.again_in is not None
    assert 3 < away.value.again_in.total_seconds() <= 5

    with pytest.raises(NotYet):
        run(campaign, accept(campaign, to("b.example")))


def test_a_domain_that_says_too_much_is_put_off_and_no_other(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_pause_seconds=500)
    mill.script["RCPT 00@slow.example"] = ["450 4.7.28 <00@slow.example> receives too much", "250 OK"]
    job = accept(campaign, to("slow.example", count=1))
    later_job = accept(campaign, to("slow.example", "fast.example", count=25))
    with pytest.raises(Failed, match=r"00@slow\.example was put off by the mail server: 450 4\.7\.28"):
        run(campaign, job)

    with pytest.raises(NotYet) as later:
        run(campaign, later_job)

    assert states(later_job) == {"done": 25, "pending": 25}
    assert not at(mill, "slow.example")
    put_aside(later_job, later.value)
    why = waiting_reasons([later_job.id])[later_job.id].text
    assert why.startswith("slow.example is left alone for a while: 450 4.7.28. The next")
    assert "@" not in MailTraffic.objects.get(key="domain=slow.example").off_why, "it may be somebody else's"

    time_passes(101)
    assert run(campaign, lose(job)).values["done"] == 1


def test_greylisting_is_about_one_recipient_and_puts_nobody_else_off(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_domain_limits="slow.example=100/h")
    mill.script["RCPT 00@slow.example"] = ["451 4.7.1 Greylisted, come back later", "250 OK"]
    job = accept(campaign, to("slow.example", count=3))
    with pytest.raises(Failed, match="Greylisted") as failed:
        run(campaign, job)
    assert states(job) == {"done": 2, "pending": 1}
    assert failed.value.again_in is not None, "when they are due"
    Item.objects.filter(held_by__isnull=False).update(due="2020-01-01T00:00:00Z")

    assert run(campaign, lose(job)).values["done"] == 3


def test_who_was_put_off_is_not_tried_each_time_that_others_may_go(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_domain_limits="slow.example=2/m")
    mill.script["RCPT 00@fast.example"] = "451 4.7.1 Greylisted"
    job = accept(campaign, to("fast.example", "slow.example", count=8))
    with pytest.raises(NotYet):
        run(campaign, job)

    time_passes(30)
    with pytest.raises(NotYet):
        run(campaign, lose(job))

    assert len(at(mill, "slow.example")) == 3
    assert Item.objects.get(key="00@fast.example").detail["tries"] == 1


def test_a_limit_can_be_lifted_while_recipients_wait(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_domain_limits="slow.example=2/h")
    job = accept(campaign, to("slow.example", count=40))
    with pytest.raises(NotYet):
        run(campaign, job)

    set_conf(email_domain_limits="")
    Item.objects.update(due="2020-01-01T00:00:00Z")

    assert run(campaign, lose(job)).values["done"] == 40


def test_with_few_connections_none_is_kept_that_is_not_used(
    campaign: Kind, mill: ScriptedServer, set_conf: SetConf
) -> None:
    set_conf(email_account_limit=",1")

    run(campaign, accept(campaign, to("a.example")))

    assert mill.sessions[0].lines[-1] == "QUIT"
    assert traffic.put_off("domain=x", "", Off.ASKED).seconds > 0

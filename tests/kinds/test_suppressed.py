"""Mail kinds and suppression: whoever is suppressed is skipped, and what comes back is believed."""

from contextlib import suppress as suppress_error
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from jobs.errors import Failed, Rejected
from jobs.lifecycle.again import do_again
from jobs.mail.bounces import Effect, take_report
from jobs.mail.suppression import Entry, look_up, suppress
from jobs.models import Item, Job
from jobs.models.suppression import Suppressed
from jobs.registry import KINDS
from jobs.states import State
from tests.engines.mail.reading import read
from tests.factories import moved_to
from tests.kinds.test_campaign import listed, mailing, states, to
from tests.mail.letters import bounce, complaint, recipient
from tests.running import accept, run
from tests.smtp_script import ScriptedServer

pytestmark = pytest.mark.django_db
REASONS = [pytest.param(reason, id=reason.value) for reason in Suppressed]


def keep_out(owner: User, address: str, reason: Suppressed = Suppressed.BY_HAND) -> None:
    suppress(owner.pk, [Entry(address=address, reason=reason, source="page")])


def letter(*addresses: str) -> dict[str, object]:
    return {"to": list(addresses), "subject": "Your receipt", "text": "Thank you."}


@pytest.mark.parametrize("reason", REASONS)
def test_a_campaign_skips_whoever_is_suppressed(
    mill: ScriptedServer, alice: User, reason: Suppressed
) -> None:
    keep_out(alice, to(1).upper(), reason)
    kind = KINDS.find("email.campaign")
    job = accept(kind, mailing(3), alice)

    result = run(kind, job)

    assert mill.recipients == [to(0), to(2)]
    assert states(job) == {"done": 2, "skipped": 1}
    assert result.values["skipped"] == 1
    assert Item.objects.get(key=to(1)).detail == {"suppressed": reason.value}


def test_another_owners_list_skips_nobody(mill: ScriptedServer, alice: User, bob: User) -> None:
    keep_out(bob, to(0))
    kind = KINDS.find("email.campaign")

    run(kind, accept(kind, mailing(1), alice))

    assert mill.recipients == [to(0)]


def test_sent_again_by_an_operator_it_follows_the_suppressions_of_its_owner(
    mill: ScriptedServer, alice: User, operator: User, settings: Settings, rung: list[str]
) -> None:
    """Whom Alice may not write to, whose list the link leads out of, and whose file it is."""
    settings.PUBLIC_URL = "https://mill.example.org"
    kind = KINDS.find("email.campaign")
    job = accept(kind, listed(alice), alice)
    Item.objects.filter(job=job).update(state="uncertain")
    Job.objects.filter(pk=job.pk).update(
        state="succeeded", holder=None, lease=None, **moved_to(State.SUCCEEDED)
    )
    keep_out(alice, "ada@example.org", Suppressed.COMPLAINED)
    keep_out(operator, "bob@example.org")

    new = do_again(Job.objects.get(pk=job.pk), actor=operator.get_username(), door="web")
    Job.objects.filter(pk=new).update(state="running", **moved_to(State.RUNNING))
    run(kind, Job.objects.get(pk=new))

    assert mill.recipients == ["bob@example.org"]
    link = urlsplit(str(read(mill.taken[0].content)["List-Unsubscribe"]).strip("<>")).path
    Client().post(link, {"List-Unsubscribe": "One-Click"})
    assert look_up(alice.pk, ["bob@example.org"]) == {"bob@example.org": Suppressed.UNSUBSCRIBED}


@pytest.mark.parametrize("reason", REASONS)
def test_a_check_counts_whom_the_campaign_will_skip(alice: User, bob: User, reason: Suppressed) -> None:
    """A test goes to its one address whoever is suppressed on the list."""
    keep_out(alice, to(1).upper(), reason)
    kind = KINDS.find("email.campaign")
    asked, trial = (kind.validate(mailing(3, **more)) for more in ({}, {"test_to": to(1)}))
    assert kind.review

    counts = [
        kind.review.left_out(payload, owner.pk, [to(0), to(1), to(2)])
        for payload, owner in ((asked, alice), (asked, bob), (trial, alice))
    ]

    assert counts == [1, 0, 0]


def test_a_campaign_to_nobody_is_done(mill: ScriptedServer, alice: User) -> None:
    keep_out(alice, to(0))
    kind = KINDS.find("email.campaign")

    assert run(kind, accept(kind, mailing(1), alice)).values["skipped"] == 1
    assert mill.recipients == []


@pytest.mark.parametrize("reason", REASONS)
def test_one_mail_goes_to_who_left_the_lists_and_to_no_others(
    mill: ScriptedServer, alice: User, reason: Suppressed
) -> None:
    keep_out(alice, to(1), reason)
    kind = KINDS.find("email.send")

    result = run(kind, accept(kind, letter(to(0), to(1)), alice))

    is_sent = reason is Suppressed.UNSUBSCRIBED
    assert mill.recipients == [to(0), to(1)] if is_sent else [to(0)]
    assert result.values["skipped"] == (0 if is_sent else 1)


def test_a_mail_that_nobody_gets_says_why(mill: ScriptedServer, alice: User) -> None:
    keep_out(alice, to(0), Suppressed.BOUNCED)
    kind = KINDS.find("email.send")

    with pytest.raises(Rejected, match=r"gets no mail of yours: it is suppressed \(bounced\)"):
        run(kind, accept(kind, letter(to(0)), alice))


def test_a_dead_address_is_suppressed_at_once_and_a_policy_is_not(mill: ScriptedServer, alice: User) -> None:
    mill.script |= {
        f"RCPT {to(0)}": "550 5.1.1 No such mailbox",
        f"RCPT {to(1)}": "550 5.7.1 Not from you",
        f"RCPT {to(2)}": "550 No such mailbox",
    }
    kind = KINDS.find("email.campaign")

    run(kind, accept(kind, mailing(4), alice))

    assert look_up(alice.pk, map(to, range(4))) == {to(0): Suppressed.BOUNCED}


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("MAIL", "550 5.1.0 <no-reply@mill.example> Sender rejected"),
        ("MAIL", "501 5.1.3 Bad address syntax"),
        ("MAIL", "550 5.1.1 User unknown"),
        ("RCPT", "550 5.1.0 <no-reply@mill.example>: Sender address rejected: User unknown"),
        ("RCPT", "550 5.1.8 <no-reply@mill.example>: Sender address rejected: Domain not found"),
        ("RCPT", "550 5.1.1 <no-reply@mill.example>: Sender address rejected: undeliverable address"),
        ("DATA", "550 5.1.1 We do not know you"),
    ],
)
def test_a_sender_that_is_refused_costs_nobody_their_place_on_a_list(
    mill: ScriptedServer, alice: User, where: str, said: str
) -> None:
    mill.script[where] = said
    kind = KINDS.find("email.campaign")

    with suppress_error(Failed, Rejected):
        run(kind, accept(kind, mailing(3), alice))

    assert mill.recipients == []
    assert look_up(alice.pk, map(to, range(3))) == {}


def test_what_comes_back_about_a_campaign_is_believed_of_its_recipient(
    mill: ScriptedServer, alice: User
) -> None:
    kind = KINDS.find("email.campaign")
    run(kind, accept(kind, mailing(3), alice))
    ids = [str(read(taken.content)["Message-ID"]) for taken in mill.taken]

    assert take_report(bounce(ids[0], recipient(to(0)))).effect is Effect.SUPPRESSED
    assert take_report(complaint(ids[1])).effect is Effect.SUPPRESSED

    found = look_up(alice.pk, map(to, range(3)))
    assert found == {to(0): Suppressed.BOUNCED, to(1): Suppressed.COMPLAINED}


def test_what_comes_back_about_a_mail_to_several_is_noted_and_suppresses_nobody(
    mill: ScriptedServer, alice: User
) -> None:
    kind = KINDS.find("email.send")
    run(kind, accept(kind, letter(to(0), to(1)), alice))
    [first, second] = [str(read(taken.content)["Message-ID"]) for taken in mill.taken]
    assert first == second

    assert take_report(bounce(first, recipient(to(1)))).effect is Effect.NOTED

    assert look_up(alice.pk, [to(0), to(1)]) == {}
    assert Item.objects.get(key=to(1)).detail["report"]["status"] == "5.1.1"


def test_what_comes_back_about_a_mail_to_one_alone_is_believed(mill: ScriptedServer, alice: User) -> None:
    kind = KINDS.find("email.send")
    run(kind, accept(kind, letter(to(0)), alice))
    [message_id] = [str(read(taken.content)["Message-ID"]) for taken in mill.taken]

    take_report(bounce(message_id, recipient(to(0))))

    assert look_up(alice.pk, [to(0)]) == {to(0): Suppressed.BOUNCED}


def test_the_link_in_a_campaigns_mail_takes_its_reader_off_the_list(
    mill: ScriptedServer, alice: User, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://mill.example.org"
    kind = KINDS.find("email.campaign")
    run(kind, accept(kind, mailing(2), alice))
    headers = read(mill.taken[1].content)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    link = urlsplit(str(headers["List-Unsubscribe"]).strip("<>")).path
    answer = Client(enforce_csrf_checks=True).post(link, {"List-Unsubscribe": "One-Click"})

    assert answer.status_code == 200
    assert look_up(alice.pk, [to(0), to(1)]) == {to(1): Suppressed.UNSUBSCRIBED}


def test_a_single_mail_carries_no_such_link(mill: ScriptedServer, alice: User) -> None:
    kind = KINDS.find("email.send")

    run(kind, accept(kind, letter(to(0)), alice))

    assert "List-Unsubscribe" not in read(mill.taken[0].content)

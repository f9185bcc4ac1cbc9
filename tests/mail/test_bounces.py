"""What reports do: believed about our mails alone, noted at their items, suppressing by the rule, once."""

from datetime import datetime
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User

from jobs.errors import BadReport
from jobs.mail.bounces import Effect, take_report
from jobs.mail.message_ids import WHOLE_JOB, make_message_id
from jobs.mail.suppression import lift, look_up
from jobs.models import Item, Job, MailReport, Suppression
from jobs.models.suppression import Suppressed
from tests.factories import make_job
from tests.mail.letters import bounce, complaint, recipient

pytestmark = pytest.mark.django_db
ADA, BOB = "ada@example.org", "bob@example.org"


class Campaign(NamedTuple):
    """A job that mailed two people."""

    job: Job
    ada: Item
    bob: Item

    def mail(self, item: Item | None = None) -> str:
        """The Message-ID of what was sent."""
        return make_message_id(self.job.id, item.pk if item else WHOLE_JOB, "example.org")


@pytest.fixture
def sent(alice: User) -> Campaign:
    job = make_job("succeeded", owner=alice)
    items = [Item.objects.create(job=job, key=key, state="done", attempt=1) for key in (ADA, BOB)]
    return Campaign(job, *items)


def detail(item: Item) -> Any:
    item.refresh_from_db()
    return item.detail


def test_a_dead_address_is_suppressed_and_noted_at_its_item(sent: Campaign, alice: User) -> None:
    taken = take_report(bounce(sent.mail(sent.ada)))

    assert taken == (Effect.SUPPRESSED, True, sent.job.id)
    assert look_up(alice.pk, [ADA, BOB]) == {ADA: Suppressed.BOUNCED}
    row = Suppression.objects.get()
    assert (row.source, row.job) == ("report", sent.job.id)
    assert "User unknown" in row.note
    words = "550 5.1.1 <ada@example.org>: User unknown"
    noted = detail(sent.ada)["report"]
    assert datetime.fromisoformat(noted.pop("at"))
    assert noted == {"action": "failed", "status": "5.1.1", "words": words}
    assert sent.ada.state == "done"


@pytest.mark.parametrize("status", ["5.7.1", "5.2.2", "5.2.1", "4.4.7", "5.0.0"])
def test_another_failure_is_noted_and_suppresses_nobody(sent: Campaign, status: str) -> None:
    taken = take_report(bounce(sent.mail(sent.ada), recipient(status=status, diagnostic="")))

    assert taken.effect is Effect.NOTED
    assert detail(sent.ada)["report"]["status"] == status
    assert not Suppression.objects.exists()


def test_a_report_that_our_sender_was_refused_suppresses_nobody(sent: Campaign) -> None:
    words = "smtp; 550 5.1.1 <no-reply@mill.example>: Sender address rejected: User unknown"

    taken = take_report(bounce(sent.mail(sent.ada), recipient(diagnostic=words)))

    assert taken.effect is Effect.NOTED
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("action", ["delayed", "relayed", "expanded", "delivered"])
def test_what_is_no_bounce_does_nothing(sent: Campaign, action: str) -> None:
    taken = take_report(bounce(sent.mail(sent.ada), recipient(action=action)))

    assert taken.effect is Effect.NOTHING
    assert detail(sent.ada) is None
    assert not Suppression.objects.exists()


def test_a_complaint_suppresses_though_its_report_names_nobody(sent: Campaign, alice: User) -> None:
    take_report(complaint(sent.mail(sent.bob)))

    assert look_up(alice.pk, [ADA, BOB]) == {BOB: Suppressed.COMPLAINED}


def test_praise_suppresses_nobody(sent: Campaign) -> None:
    assert take_report(complaint(sent.mail(sent.ada), "not-spam")).effect is Effect.NOTHING
    assert not Suppression.objects.exists()


def test_the_same_report_has_its_effect_once(sent: Campaign, alice: User) -> None:
    raw = bounce(sent.mail(sent.ada))
    take_report(raw)
    lift(alice.pk, [ADA])

    again = take_report(raw.replace(b"From: Mail", b"Received: another way\r\nFrom: Mail"))

    assert again == (Effect.NOTHING, False, sent.job.id)
    assert look_up(alice.pk, [ADA]) == {}
    assert MailReport.objects.count() == 1


def test_a_made_up_report_is_not_believed(sent: Campaign) -> None:
    theirs = sent.mail(sent.bob)
    made_up = [
        theirs.replace(f".{sent.bob.pk}.", f".{sent.ada.pk}."),
        f"<{sent.job.id}@example.org>",
        "<somebody@else.example>",
    ]

    for message_id in made_up:
        with pytest.raises(BadReport, match="no seal of ours"):
            take_report(bounce(message_id))
    assert not Suppression.objects.exists()
    assert not MailReport.objects.exists()


def test_who_got_one_mail_cannot_speak_for_another(sent: Campaign, alice: User) -> None:
    """Bob has a mail with a good seal: his own. It speaks of him, whatever the report names."""
    take_report(bounce(sent.mail(sent.bob), recipient(ADA)))

    assert look_up(alice.pk, [ADA]) == {}


def test_who_got_a_mail_with_others_cannot_have_one_of_them_suppressed(sent: Campaign) -> None:
    """All of them know its Message-ID, and by its To whom to name."""
    raw = bounce(
        sent.mail(),
        recipient(ADA),
        recipient("eve@example.org"),
        recipient(BOB, action="delayed", status="4.4.1"),
    )

    assert take_report(raw).effect is Effect.NOTED
    assert detail(sent.ada)["report"]["status"] == "5.1.1"
    assert not Suppression.objects.exists()
    assert {row.key: row.effect for row in MailReport.objects.all()} == {ADA: "noted", BOB: "nothing"}


def test_a_complaint_about_a_shared_mail_is_noted_only(sent: Campaign) -> None:
    raw = complaint(sent.mail()).replace(
        b"Feedback-Type: abuse", f"Feedback-Type: abuse\r\nOriginal-Rcpt-To: <{ADA}>".encode()
    )

    assert take_report(raw).effect is Effect.NOTED
    assert detail(sent.ada)["report"]["action"] == "complained"
    assert not Suppression.objects.exists()


def test_of_a_mail_to_several_only_those_who_got_it_are_believed(sent: Campaign) -> None:
    with pytest.raises(BadReport, match="names nobody"):
        take_report(bounce(sent.mail(), recipient("eve@example.org")))


def test_a_shared_mail_to_one_alone_is_theirs(sent: Campaign, alice: User) -> None:
    sent.bob.delete()

    assert take_report(bounce(sent.mail(), recipient(ADA))).effect is Effect.SUPPRESSED
    assert look_up(alice.pk, [ADA]) == {ADA: Suppressed.BOUNCED}


def test_a_forwarded_mail_that_bounces_is_about_who_forwarded_it(sent: Campaign, alice: User) -> None:
    take_report(bounce(sent.mail(sent.ada), recipient("ada@elsewhere.example")))

    assert ADA in look_up(alice.pk, [ADA])


def test_one_dead_member_of_an_alias_does_not_end_the_alias(sent: Campaign) -> None:
    members = [recipient("one@elsewhere.example"), recipient("two@elsewhere.example", action="relayed")]

    with pytest.raises(BadReport, match="names nobody"):
        take_report(bounce(sent.mail(sent.ada), *members))
    assert not Suppression.objects.exists()


def test_a_report_about_a_job_that_was_cleaned_up_comes_too_late(sent: Campaign) -> None:
    message_id = sent.mail(sent.ada)
    sent.job.delete()

    with pytest.raises(BadReport, match="too late"):
        take_report(bounce(message_id))


def test_a_note_keeps_what_the_ledger_knew(sent: Campaign) -> None:
    Item.objects.filter(pk=sent.ada.pk).update(detail={"name": "Ada"})
    Item.objects.filter(pk=sent.bob.pk).update(detail=["a", "list"])

    for item in (sent.ada, sent.bob):
        take_report(bounce(sent.mail(item), recipient(item.key, status="5.2.2", diagnostic="")))

    assert set(detail(sent.ada)) == {"name", "report"}
    assert detail(sent.bob) == ["a", "list"]


def test_words_of_any_kind_are_kept(sent: Campaign) -> None:
    raw = bounce(
        sent.mail(sent.ada), recipient(diagnostic="smtp; 550 5.1.1 \x00 \x1b[31m\u2028 ü" + "x" * 5_000)
    )

    take_report(raw)

    assert len(MailReport.objects.get().words) == 300

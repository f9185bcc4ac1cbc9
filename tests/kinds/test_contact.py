"""contact.message: the public form."""

import pytest
from pytest_django import Settings

from jobs.conf import conf
from jobs.errors import BadPayload, Failed, Rejected
from jobs.lifecycle.again import do_again
from jobs.mail.bounces import Effect, take_report
from jobs.models import Item, Job
from jobs.registry import KINDS, Kind
from jobs.states import State
from tests.factories import moved_to
from tests.mail.letters import bounce, recipient
from tests.running import accept, lose, run
from tests.smtp import Server

pytestmark = pytest.mark.django_db
ASKED = {
    "name": "Ada & Co",
    "email": "ada@example.org",
    "message": "Buy <b>now</b> at https://spam.example !",
}


@pytest.fixture
def kind(settings: Settings) -> Kind:
    settings.DEFAULT_FROM_EMAIL = "The mill <desk@mill.example>"
    return KINDS.find("contact.message")


def test_the_message_reaches_the_site_and_the_visitor_is_told(kind: Kind, post: Server) -> None:
    result = run(kind, accept(kind, ASKED))

    to_us = post.to("desk@mill.example")
    assert to_us["Subject"] == "Message from Ada & Co"
    assert to_us["Reply-To"] == "ada@example.org"
    assert "Buy <b>now</b>" in to_us.get_body(["plain"]).get_content()  # type: ignore[union-attr]
    assert "Buy &lt;b&gt;now&lt;/b&gt;" in to_us.get_body(["html"]).get_content()  # type: ignore[union-attr]
    assert post.to("ada@example.org")["Auto-Submitted"] == "auto-replied"
    assert result.values == {"accepted": 2, "done": 2, "failed": 0, "uncertain": 0}


def test_the_confirmation_carries_nothing_a_visitor_wrote(kind: Kind, post: Server) -> None:
    """Else anyone could have us deliver their words to anyone."""
    run(kind, accept(kind, ASKED))

    whole = post.to("ada@example.org").as_string()
    assert "spam" not in whole
    assert "Ada" not in whole


def test_the_site_may_name_another_reader(kind: Kind, post: Server, settings: Settings) -> None:
    settings.MILLRACE = {"contact_email": "office@mill.example"}
    conf.cache_clear()
    try:
        run(kind, accept(kind, ASKED))
    finally:
        conf.cache_clear()

    assert post.recipients == ["office@mill.example", "ada@example.org"]


def test_a_second_attempt_sends_only_what_is_missing(kind: Kind, post: Server) -> None:
    post.replies["ada@example.org"] = "451 later"
    job = accept(kind, ASKED)
    with pytest.raises(Failed):
        run(kind, job)

    post.replies.clear()
    run(kind, lose(job))

    assert post.recipients == ["desk@mill.example", "ada@example.org"]


def test_a_mistyped_address_does_not_lose_the_message(kind: Kind, post: Server) -> None:
    post.replies["ada@example.org"] = "550 no such mailbox"

    result = run(kind, accept(kind, ASKED))

    assert post.recipients == ["desk@mill.example"]
    assert (result.values["done"], result.values["failed"]) == (1, 1)


def test_a_message_nobody_can_read_is_a_failed_job(kind: Kind, post: Server) -> None:
    post.replies["desk@mill.example"] = "550 no such mailbox"

    with pytest.raises(Rejected, match=r"could not be delivered to desk@mill\.example"):
        run(kind, accept(kind, ASKED))


def test_a_name_cannot_write_headers(kind: Kind) -> None:
    with pytest.raises(BadPayload, match="name"):
        kind.validate(ASKED | {"name": "Ada\r\nBcc: all@example.org"})


def test_no_account_is_needed(kind: Kind) -> None:
    assert kind.public


def test_a_report_about_either_mail_is_about_who_got_it(kind: Kind, post: Server) -> None:
    job = accept(kind, ASKED)
    run(kind, job)

    for to, key in (("desk@mill.example", "site"), ("ada@example.org", "confirmation")):
        message_id = str(post.to(to)["Message-ID"])

        assert take_report(bounce(message_id, recipient(to, status="5.2.2"))).effect is Effect.NOTED
        assert Item.objects.get(job=job, key=key).detail["report"]["status"] == "5.2.2"


def test_done_again_both_mails_keep_their_message_ids(kind: Kind, post: Server, rung: list[str]) -> None:
    """So that who got them already sees them once, and a report about either is about its item."""
    job = accept(kind, ASKED)
    run(kind, job)
    Item.objects.filter(job=job).update(state="uncertain")
    Job.objects.filter(pk=job.pk).update(
        state="succeeded", holder=None, lease=None, **moved_to(State.SUCCEEDED)
    )

    new = do_again(Job.objects.get(pk=job.pk), actor="olga", door="web")
    Job.objects.filter(pk=new).update(state="running", **moved_to(State.RUNNING))
    run(kind, Job.objects.get(pk=new))

    first, second, third, fourth = [message["Message-ID"] for _, message in post.taken]
    assert (first, second) == (third, fourth)
    assert first != second

"""email.send: real SMTP, each recipient at most once, an exact word on how it ended."""

from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from jobs import items
from jobs.artifacts import store_upload
from jobs.errors import BadPayload, Failed, Rejected
from jobs.lifecycle.again import do_again
from jobs.mail.message_ids import WHOLE_JOB, make_message_id
from jobs.models import Item, Job
from jobs.registry import KINDS, Kind
from jobs.states import ItemState, State
from tests.factories import moved_to
from tests.kinds.dying import Died, dies_after
from tests.running import accept, lose, run
from tests.smtp import Server
from workers.engines.smtp.connection import Unreachable

pytestmark = pytest.mark.django_db


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("email.send")


def letter(*to: str, **fields: Any) -> dict[str, Any]:
    return {
        "to": list(to or ["ada@example.org"]),
        "subject": "Grüße",
        "text": "Hello <you>,\n\nhow are you?",
    } | fields


def states(job: Job) -> dict[str, str]:
    return dict(Item.objects.filter(job=job).values_list("key", "state"))


def test_a_mail_goes_out_as_text_and_html(kind: Kind, post: Server) -> None:
    job = accept(
        kind, letter(button="See it", link="https://example.org/?a=1&b=2", reply_to="desk@example.org")
    )

    result = run(kind, job)

    message = post.to("ada@example.org")
    assert message["Subject"] == "Grüße"
    assert message["To"] == "ada@example.org"
    assert message["Reply-To"] == "desk@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    message_id = make_message_id(job.id, WHOLE_JOB, "localhost")
    assert message["Message-ID"] == message_id
    text, html = (message.get_body([subtype]).get_content() for subtype in ("plain", "html"))  # type: ignore[union-attr, arg-type]
    assert text.replace("\r\n", "\n").startswith(
        "Hello <you>,\n\nhow are you?\n\nSee it: https://example.org/?a=1&b=2\n"
    )
    assert "Hello &lt;you&gt;," in html
    assert 'href="https://example.org/?a=1&amp;b=2"' in html
    assert result.values == {
        "message_id": message_id, "accepted": 1, "done": 1, "failed": 0, "skipped": 0, "uncertain": 0,
    }  # fmt: skip


def test_attachments_arrive_as_they_were_handed_in(kind: Kind, post: Server, alice: User) -> None:
    binary = store_upload(BytesIO(b"%PDF-1.7\x00\xff"), name="bill.pdf", owner=alice)
    text = store_upload(BytesIO("Grüße\n".encode()), name="note.txt", owner=alice)

    run(kind, accept(kind, letter(attachments=[str(binary.id), str(text.id)]), alice))

    first, second = post.to("ada@example.org").iter_attachments()
    assert (first.get_filename(), first.get_content_type()) == ("bill.pdf", "application/pdf")
    assert first.get_content() == b"%PDF-1.7\x00\xff"
    assert (second.get_filename(), second.get_content().replace("\r\n", "\n")) == ("note.txt", "Grüße\n")


def test_several_recipients_share_one_connection_and_one_message(kind: Kind, post: Server) -> None:
    run(kind, accept(kind, letter("ada@example.org", "bob@example.org")))

    assert post.recipients == ["ada@example.org", "bob@example.org"]
    assert post.to("bob@example.org")["To"] == "ada@example.org, bob@example.org"
    assert len({message["Message-ID"] for _, message in post.taken}) == 1
    assert post.connections == 1


def test_one_refused_recipient_does_not_hide_among_the_others(kind: Kind, post: Server) -> None:
    post.replies["bob@example.org"] = "550 no such mailbox"
    job = accept(kind, letter("bob@example.org", "ada@example.org"))

    result = run(kind, job)

    assert (result.values["done"], result.values["failed"]) == (1, 1)
    assert "bob@example.org was refused by the mail server: 550 no such mailbox" in result.values["problems"]
    assert states(job) == {"bob@example.org": "failed", "ada@example.org": "done"}


def test_a_job_whose_every_recipient_is_refused_is_rejected(kind: Kind, post: Server) -> None:
    post.replies["ada@example.org"] = "550 no such mailbox"

    with pytest.raises(Rejected, match="550 no such mailbox"):
        run(kind, accept(kind, letter()))


@pytest.mark.parametrize(
    ("replies", "reply_to_data", "expected"),
    [
        ({"ada@example.org": "451 come back later"}, "250 OK", Failed),
        ({"MAIL millrace@localhost": "451 busy"}, "250 OK", Failed),
        ({"MAIL millrace@localhost": "552 too large"}, "250 OK", Rejected),
        ({"MAIL millrace@localhost": "553 not for you"}, "250 OK", Unreachable),
        ({}, "452 disk full", Failed),
        ({}, "554 looks like spam", Rejected),
    ],
)
def test_the_servers_answer_decides_whether_it_is_tried_again(
    kind: Kind, post: Server, replies: dict[str, str], reply_to_data: str, expected: type[Exception]
) -> None:
    post.replies, post.reply_to_data = replies, reply_to_data

    with pytest.raises(expected):
        run(kind, accept(kind, letter()))


def test_who_was_put_off_is_tried_again_and_nobody_else(kind: Kind, post: Server) -> None:
    post.replies["bob@example.org"] = "451 come back later"
    job = accept(kind, letter("bob@example.org", "ada@example.org"))
    with pytest.raises(Failed, match=r"bob@example\.org was put off by the mail server: 451"):
        run(kind, job)

    post.replies.clear()
    result = run(kind, lose(job))

    assert post.recipients == ["ada@example.org", "bob@example.org"]
    assert result.values["done"] == 2


def test_a_server_that_is_away_is_tried_again(kind: Kind, post: Server, settings: Settings) -> None:
    job = accept(kind, letter())
    settings.EMAIL_PORT = 1
    with pytest.raises(Failed, match="The mail server cannot be used"):
        run(kind, job)

    settings.EMAIL_PORT = post.port
    run(kind, lose(job))

    assert post.recipients == ["ada@example.org"]


def test_a_connection_that_breaks_early_is_tried_again(kind: Kind, post: Server) -> None:
    post.hangs_up_at = "MAIL"
    job = accept(kind, letter())

    with pytest.raises(Failed, match="broke before it had the mail"):
        run(kind, job)

    assert states(job) == {"ada@example.org": "pending"}


def test_a_lost_answer_leaves_its_recipient_uncertain(kind: Kind, post: Server) -> None:
    """The server took the message; its reply to the final dot never came."""
    post.hangs_up_at = "DATA"
    job = accept(kind, letter("ada@example.org", "bob@example.org"))

    result = run(kind, job)
    run(kind, lose(job))

    assert result.values["uncertain"] == 2
    assert "cannot be known" in result.values["note"]
    assert post.recipients == ["ada@example.org", "bob@example.org"], "nobody got it twice"


def test_a_worker_that_dies_between_the_mail_and_its_record_leaves_it_uncertain(
    kind: Kind, post: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Died after: the server answered 250, before the item was settled."""
    job = accept(kind, letter("ada@example.org", "bob@example.org"))
    with pytest.raises(Died), dies_after("workers.engines.mail.delivery.send_chunk", monkeypatch):
        run(kind, job)

    result = run(kind, lose(job))

    assert post.recipients == ["ada@example.org", "bob@example.org"]
    assert states(job) == {"ada@example.org": "uncertain", "bob@example.org": "done"}
    counts = items.counts(job.id)
    assert sum(counts.values()) == 2
    assert (result.values["done"], result.values["uncertain"]) == (counts[ItemState.DONE], 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "Hi\r\nBcc: everyone@example.org"),
        ("subject", "Hi\nX: y"),
        ("subject", "nul\x00"),
        ("subject", "line\u2028separator"),
        ("subject", ""),
        ("to", ["ada@example.org\nBcc: x@example.org"]),
        ("to", ["Ada <ada@example.org>"]),
        ("to", ["ada"]),
        ("to", ["ada@exa mple.org"]),
        ("to", ['"ada"@example.org']),
        ("to", ["a\u202eda@example.org"]),
        ("to", ["a" * 65 + "@example.org"]),
        ("to", []),
        ("to", [f"a{n}@example.org" for n in range(11)]),
        ("reply_to", "ada@example.org\r\nX: y"),
        ("button", "Go\r\n"),
        ("link", "javascript:alert(1)"),
        ("link", 'https://x/"onclick'),
        ("text", "nul\x00"),
        ("bcc", "x@example.org"),
    ],
)
def test_what_would_change_the_message_is_refused(kind: Kind, field: str, value: object) -> None:
    with pytest.raises(BadPayload, match=field):
        kind.validate(letter() | {field: value})


def test_a_button_needs_a_link(kind: Kind) -> None:
    with pytest.raises(BadPayload, match="belong together"):
        kind.validate(letter(button="Go"))


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("post@Bücher.example", "post@xn--bcher-kva.example"),
        ("post@straße.example", "post@xn--strae-oqa.example"),
        ("o'hara+x@EXAMPLE.org", "o'hara+x@example.org"),
        ("operator@localhost", "operator@localhost"),
    ],
)
def test_domains_are_kept_as_mail_servers_know_them(kind: Kind, given: str, sent: str) -> None:
    assert kind.validate(letter(given, given)).to == [sent]  # type: ignore[attr-defined]


def test_who_is_named_twice_gets_one_mail_also_in_capital_letters(kind: Kind, post: Server) -> None:
    run(kind, accept(kind, letter("ada@example.org", "Ada@Example.org", "bob@example.org")))

    assert post.recipients == ["ada@example.org", "bob@example.org"]


def test_sent_again_it_keeps_its_message_id(kind: Kind, post: Server, alice: User) -> None:
    job = accept(kind, letter(), alice)
    Item.objects.filter(job=job).update(state="uncertain")
    Job.objects.filter(pk=job.pk).update(
        state="succeeded", holder=None, lease=None, **moved_to(State.SUCCEEDED)
    )
    new = do_again(Job.objects.get(pk=job.pk), actor="alice", door="web")
    Job.objects.filter(pk=new).update(state="running", **moved_to(State.RUNNING))

    result = run(kind, Job.objects.get(pk=new))

    first = make_message_id(job.id, WHOLE_JOB, "localhost")
    assert post.to("ada@example.org")["Message-ID"] == result.values["message_id"] == first
    item = Item.objects.get(job=new)
    assert kind.item_words.reference_of
    assert kind.item_words.reference_of(new, item.id, item.given) == first

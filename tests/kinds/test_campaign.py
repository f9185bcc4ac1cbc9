"""email.campaign: a mail of their own for each of a list; nobody is missed and nobody mailed twice."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from jobs import items
from jobs.artifacts import delete_files, store_upload
from jobs.errors import BadPayload, Cancelled, Failed, Rejected
from jobs.lifecycle.submit import submit_job
from jobs.models import Artifact, Item, Job
from jobs.registry import KINDS, Kind
from jobs.states import ItemState
from tests.engines.mail.reading import read, shown
from tests.kinds.dying import Died, dies_after
from tests.running import accept, lose, make_context, run
from tests.smtp_script import LOOPBACK, ScriptedServer, scripted
from workers.engines.smtp import kept
from workers.kinds.campaign import TRIES

pytestmark = pytest.mark.django_db


@pytest.fixture
def mill(settings: Settings) -> Iterator[ScriptedServer]:
    """A mail server, and Django told to use it as in production."""
    with scripted() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = LOOPBACK, server.port, 5
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server
        kept.close_all()


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("email.campaign")


def to(number: int) -> str:
    return f"guest{number:02}@example.org"


def mailing(count: int = 3, **fields: Any) -> dict[str, Any]:
    listed = [
        {"to": to(number), "name": f"Guest {number}", "values": {"sacks": number}} for number in range(count)
    ]
    texts = {"subject": "Hello {{ name }}", "text": "You have {{ sacks }} sacks at {{ email }}."}
    return {"recipients": listed, **texts} | fields


def states(job: Job) -> dict[str, int]:
    found = {state.value: number for state, number in items.counts(job.id).items() if number}
    assert sum(found.values()) == Item.objects.filter(job=job).count(), "accepted is the sum of all states"
    return found


def test_each_gets_a_mail_of_their_own(kind: Kind, mill: ScriptedServer) -> None:
    job = accept(kind, mailing(45, button="See", link="https://example.org/?who={{email}}"))

    result = run(kind, job)

    assert result.values == {"accepted": 45, "done": 45, "failed": 0, "skipped": 0, "uncertain": 0}
    assert mill.recipients == [to(number) for number in range(45)]
    assert len(mill.sessions) == 1
    back = read(mill.taken[7].content)
    assert (back["To"], back["Subject"]) == ("Guest 7 <guest07@example.org>", "Hello Guest 7")
    assert shown(back, "plain").startswith(
        "You have 7 sacks at guest07@example.org.\n\nSee: https://example.org/?who=guest07%40example.org\n"
    )
    assert 'href="https://example.org/?who=guest07%40example.org"' in shown(back, "html")
    assert len({read(taken.content)["Message-ID"] for taken in mill.taken}) == 45


def test_nobody_gets_two_because_they_are_listed_twice(kind: Kind, mill: ScriptedServer) -> None:
    listed = [{"to": "ada@Example.org", "values": {"n": 1}}, {"to": "ada@example.org", "values": {"n": 2}}]

    run(kind, accept(kind, mailing(recipients=listed, subject="Hi", text="{{ n }}")))

    [taken] = mill.taken
    assert shown(read(taken.content), "plain").startswith("1\n")


def test_each_answer_is_told_of_whom_it_was_about(kind: Kind, mill: ScriptedServer) -> None:
    mill.script |= {
        f"RCPT {to(1)}": "550 5.1.1 No such mailbox",
        f"RCPT {to(2)}": ["450 4.2.0 Greylisted", "250 OK"],
    }
    job = accept(kind, mailing(4))
    with pytest.raises(Failed, match=r"guest02@example\.org was put off by the mail server: 450 4\.2\.0"):
        run(kind, job)

    assert states(job) == {"done": 2, "failed": 1, "pending": 1}
    assert Item.objects.get(key=to(1)).detail["status"] == "5.1.1"

    result = run(kind, lose(job))

    assert states(job) == {"done": 3, "failed": 1}
    assert result.values["failed"] == 1
    assert mill.recipients == [to(0), to(3), to(2)], "nobody else was sent to again"


def test_who_is_put_off_too_often_is_given_up(kind: Kind, mill: ScriptedServer) -> None:
    mill.script[f"RCPT {to(1)}"] = "452 4.2.2 Full"
    job = accept(kind, mailing(2))
    for _ in range(TRIES - 1):
        with pytest.raises(Failed):
            run(kind, job)
        lose(job)

    result = run(kind, job)

    assert states(job) == {"done": 1, "failed": 1}
    assert result.values["problems"] == ["guest01@example.org was put off by the mail server: 452 4.2.2 Full"]


def test_a_worker_that_dies_leaves_no_more_than_one_chunk_uncertain(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Died after: the second chunk was sent, before it was settled."""
    job = accept(kind, mailing(50))
    run_twice = iter([False, True])
    with (
        pytest.raises(Died),
        dies_after("workers.engines.mail.delivery.send_chunk", monkeypatch, lambda: next(run_twice)),
    ):
        run(kind, job)
    assert states(job) == {"done": 20, "doing": 20, "pending": 10}

    result = run(kind, lose(job))

    assert states(job) == {"done": 30, "uncertain": 20}
    assert "cannot be known" in result.values["note"]
    assert sorted(mill.recipients) == [to(number) for number in range(50)], "nobody twice"


def test_doubtful_ones_are_sent_again_under_the_same_id_if_that_is_wanted(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Died after: the chunk was sent, before it was settled."""
    job = accept(kind, mailing(3, again=True))
    with pytest.raises(Died), dies_after("workers.engines.mail.delivery.send_chunk", monkeypatch):
        run(kind, job)

    run(kind, lose(job))

    assert states(job) == {"done": 3}
    ids = [message_from_bytes(taken.content, policy=policy.default)["Message-ID"] for taken in mill.taken]
    assert ids[:3] == ids[3:]
    assert {item.detail["uncertain"] for item in Item.objects.all()} == {1}, "each was uncertain before"


@pytest.mark.parametrize("again", [True, False])
def test_a_lost_answer_is_decided_by_the_payload(kind: Kind, mill: ScriptedServer, again: bool) -> None:
    mill.script["DOT"] = ["250 OK, then HANG UP", "250 OK"]
    job = accept(kind, mailing(2, again=again))
    if again:
        with pytest.raises(Failed, match="1 are to be sent to again"):
            run(kind, job)
        lose(job)

    run(kind, job)

    assert states(job) == ({"done": 2} if again else {"done": 1, "uncertain": 1})
    assert mill.recipients == [to(0), to(1)] + ([to(0)] if again else [])


def test_a_server_that_goes_away_is_left_alone_and_nobody_is_lost(kind: Kind, mill: ScriptedServer) -> None:
    mill.script[f"RCPT {to(25)}"] = "421 4.7.0 Later"
    job = accept(kind, mailing(50))

    with pytest.raises(Failed, match="asks to be left alone: 421") as left:
        run(kind, job)

    assert left.value.again_in is not None
    assert states(job) == {"done": 25, "pending": 25}
    mill.script.clear()
    assert run(kind, lose(job)).values["done"] == 50
    assert mill.recipients == [to(number) for number in range(50)]


def test_a_cancelled_one_stops_between_two_chunks(kind: Kind, mill: ScriptedServer) -> None:
    job = accept(kind, mailing(50))
    context = make_context(kind, job, is_cancelled=lambda: len(mill.taken) >= 10)
    try:
        with pytest.raises(Cancelled):
            kind.run(context, kind.validate(job.payload))
    finally:
        context.close()

    assert states(job) == {"done": 20, "pending": 30}
    assert len(mill.taken) == 20


def test_when_nobody_can_be_reached_the_job_has_failed(kind: Kind, mill: ScriptedServer) -> None:
    mill.script["RCPT"] = "550 5.7.1 Not from you"

    with pytest.raises(Rejected, match="Not from you"):
        run(kind, accept(kind, mailing(2)))


def test_who_needs_more_than_the_server_offers_is_told_apart(kind: Kind, mill: ScriptedServer) -> None:
    mill.extensions = ("PIPELINING",)
    job = accept(
        kind, mailing(recipients=[{"to": "dörte@example.org"}, {"to": to(1)}], subject="Hi", text="Hi")
    )

    result = run(kind, job)

    assert (result.values["done"], result.values["failed"]) == (1, 1)
    assert Item.objects.get(key="dörte@example.org").detail["status"] == "5.6.7"
    assert "does not offer SMTPUTF8" in result.values["problems"][0]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"text": "{% load x %}"}, "write a variable as"), ({"text": "{{ a.b }}"}, "write a variable as"),
        ({"subject": "{{ name"}, "write a variable as"),
        ({"text": "{{ town }}"}, "guest00@example.org: there is no value for town"),
        ({"subject": "a\r\nBcc: x@example.org"}, "control character"),
        (
            {"recipients": [{"to": "a@b.de", "values": {"x": "a\nb"}}], "subject": "{{ x }}", "text": "x"},
            "a@b.de: the subject contains a line break",
        ),
        ({"recipients": [{"to": "ada@example.org", "name": "A\r\nB"}]}, "control character"),
        ({"recipients": [{"to": "ada@example.org", "values": {"a b": 1}}]}, "values"),
        ({"recipients": [{"to": "ada@example.org", "values": {"a": [1]}}]}, "values"),
        ({"recipients": [{"to": "ada@example.org\nRCPT TO:<b@c.de>"}]}, "control character"),
        ({"recipients": []}, "give a file, or recipients"), ({"button": "Go"}, "belong together"),
        ({"button": "Go", "link": "javascript:alert(1)"}, "link"),
    ],
    ids=[
        "tag", "attribute", "open", "no-value", "subject", "value", "name", "variable", "list", "address",
        "nobody", "button", "link",
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    kind: Kind, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadPayload, match=why):
        kind.validate(mailing() | fields)


def test_many_problems_are_told_in_part(kind: Kind) -> None:
    with pytest.raises(BadPayload, match=r"guest19@example\.org.*; and 30 more") as refused:
        kind.validate(mailing(50, text="{{ town }}"))

    assert "guest20" not in str(refused.value)


def upload(owner: User, text: str, name: str = "guests.csv") -> str:
    return str(store_upload(BytesIO(text.encode()), name=name, owner=owner).id)


def submit(owner: User, file: str, **fields: Any) -> UUID:
    texts = {"subject": "Hello {{ name|default:'friend' }}".replace("'", '"'), "text": "{{ sacks }} sacks"}
    return submit_job("email.campaign", {"file": file} | texts | fields, owner=owner).id


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("guests.csv", "to,name,sacks\nada@example.org,Ada,3\nbob@Example.org,,12\nada@example.org,Ada,4\n"),
        ("guests.json", '[{"to": "ada@example.org", "name": "Ada", "values": {"sacks": 3}},\n'
                        '{"to": "bob@example.org", "values": {"sacks": 12}}]'),
    ],
    ids=["csv", "json"],
)  # fmt: skip
def test_a_list_from_a_file_is_in_the_ledger_when_the_job_is_accepted(
    kind: Kind, alice: User, rung: list[str], name: str, text: str
) -> None:
    job = submit(alice, upload(alice, text, name))

    assert list(Item.objects.filter(job=job).order_by("id").values_list("key", "state")) == [
        ("ada@example.org", "pending"), ("bob@example.org", "pending"),
    ]  # fmt: skip
    assert str(Item.objects.get(key="ada@example.org").given["values"]["sacks"]) == "3"


def test_every_bad_row_of_a_file_is_listed_by_its_line_and_nothing_is_accepted(
    alice: User, rung: list[str]
) -> None:
    text = (
        "to,name,sacks\nada@example.org,Ada,3\nnobody,,1\nbob@example.org,,\n"
        'eve@example.org,,4,5\ndan@example.org,"D\nan",6\n'
    )

    with pytest.raises(BadPayload) as refused:
        submit(alice, upload(alice, text))

    told = {problem.where: problem.why for problem in refused.value.problems}
    assert list(told) == [("file", 3), ("file", 4), ("file", 5), ("file", 7)]
    assert "is not a mail address" in told["file", 3]
    assert told["file", 4] == "there is no value for sacks, and no default"
    assert "4 cells under 3 columns" in told["file", 5]
    assert "control character" in told["file", 7]
    assert not Job.objects.exists()
    assert not Item.objects.exists()


def test_a_file_of_nothing_but_bad_rows_tells_as_many_as_somebody_may_read(
    alice: User, rung: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.kinds.campaign.TOLD", 3)

    with pytest.raises(BadPayload) as refused:
        submit(alice, upload(alice, "to\n" + "nobody\n" * 10))

    assert [str(problem) for problem in refused.value.problems][3:] == ["file: 7 more rows cannot be sent to"]


def test_a_file_that_lists_nobody_is_refused(alice: User, rung: list[str]) -> None:
    with pytest.raises(BadPayload, match="file: lists nobody"):
        submit(alice, upload(alice, "to,sacks\n"))


def test_a_file_whose_content_is_gone_is_refused(alice: User, rung: list[str]) -> None:
    file = upload(alice, "to,sacks\nada@example.org,1\n")
    delete_files([Artifact.objects.get(pk=file).path])

    with pytest.raises(BadPayload, match="file: is gone"):
        submit(alice, file)


@pytest.mark.parametrize(
    "given", [{}, {"file": str(UUID(int=7)), "recipients": [{"to": "ada@example.org"}]}], ids=["none", "both"]
)
def test_it_is_a_file_or_recipients(kind: Kind, given: dict[str, Any]) -> None:
    with pytest.raises(BadPayload, match="give a file, or recipients, and not both"):
        kind.validate({"subject": "Hi", "text": "Hi"} | given)


def test_every_poll_accounts_for_everybody(
    kind: Kind, mill: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.engines.mail import delivery

    job, polls = accept(kind, mailing(45)), []
    real = delivery.send_chunk

    def poll(*args: Any) -> Any:
        polls.append(items.counts(job.id))
        return real(*args)

    monkeypatch.setattr(delivery, "send_chunk", poll)
    run(kind, job)

    assert [sum(counts.values()) for counts in polls] == [45] * 3
    assert [counts[ItemState.DOING] for counts in polls] == [20, 20, 5]
    assert [counts[ItemState.DONE] for counts in polls] == [0, 20, 40]

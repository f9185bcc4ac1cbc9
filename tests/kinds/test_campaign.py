"""email.campaign: a mail of their own for each of a list; nobody is missed and nobody mailed twice."""

from contextlib import suppress
from email import message_from_bytes, policy
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs import items
from jobs.artifacts import opener, store_upload
from jobs.conf import Conf
from jobs.errors import BadPayload, Failed, NotYet, Rejected
from jobs.lifecycle.again import do_again
from jobs.lifecycle.submit import submit_job
from jobs.models import Item, Job
from jobs.registry import KINDS, Kind
from jobs.review import Mark, Seen
from jobs.states import ItemState, State
from tests.engines.mail.reading import read, shown
from tests.factories import moved_to
from tests.kinds.dying import Died, dies_after
from tests.mail.test_traffic import time_passes
from tests.running import accept, lose, run
from tests.smtp_script import ScriptedServer
from workers.engines.mail.delivery import TOLD
from workers.engines.recipients import table
from workers.kinds.campaign import TRIES

pytestmark = pytest.mark.django_db


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
    """Nor in capital letters: they are no difference in a list from a file either."""
    twins = ["ada@Example.org", "ada@example.org", "ADA@example.org"]
    listed = [{"to": each, "values": {"n": number}} for number, each in enumerate(twins, start=1)]

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


def test_of_many_who_are_refused_the_first_are_told_and_all_are_counted(
    kind: Kind, mill: ScriptedServer
) -> None:
    mill.script |= {f"RCPT {to(number)}": "550 5.1.1 No such mailbox" for number in range(1, TOLD + 6)}

    result = run(kind, accept(kind, mailing(TOLD + 6)))

    assert result.values["failed"] == TOLD + 5
    assert len(result.values["problems"]) == TOLD
    assert to(1) in result.values["problems"][0]


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


@pytest.mark.parametrize(("later", "ends"), [("550 5.1.1 Gone", "failed"), ("450 4.2.0 Full", "pending")])
def test_that_they_may_have_got_it_stays_said_whatever_is_answered_later(
    kind: Kind, mill: ScriptedServer, later: str, ends: str
) -> None:
    mill.script["DOT"] = ["250 OK, then HANG UP", "250 OK"]
    job = accept(kind, mailing(2, again=True))
    with pytest.raises(Failed):
        run(kind, job)
    mill.script[f"RCPT {to(0)}"] = later

    with suppress(Failed):
        run(kind, lose(job))

    item = Item.objects.get(key=to(0))
    assert (item.state, item.detail["uncertain"]) == (ends, 1)
    assert later in item.detail["error"]


def test_a_server_that_goes_away_is_left_alone_and_nobody_is_lost(kind: Kind, mill: ScriptedServer) -> None:
    mill.script[f"RCPT {to(25)}"] = "421 4.7.0 Later"
    job = accept(kind, mailing(50))

    with pytest.raises(NotYet, match="asks to be left alone: 421") as left:
        run(kind, job)

    assert 290 < left.value.again_in.total_seconds() <= 300
    assert states(job) == {"done": 25, "pending": 25}
    mill.script.clear()
    time_passes(400)  # who heard it waits for their own time behind the others
    assert run(kind, lose(job)).values["done"] == 50
    assert sorted(mill.recipients) == [to(number) for number in range(50)]


@pytest.mark.parametrize(("where", "lost"), [("MAIL", 0), ("RCPT", 2)])
def test_a_sender_that_is_refused_does_not_burn_through_the_list(
    kind: Kind, mill: ScriptedServer, where: str, lost: int
) -> None:
    mill.script[where] = "550 5.1.0 <no-reply@mill.example>: Sender address rejected"
    job = accept(kind, mailing(30))

    with pytest.raises(Failed, match=r"refuses our sender .*: 550 5\.1\.0"):
        run(kind, job)

    assert states(job) == {"pending": 30 - lost} | ({"failed": lost} if lost else {})
    mill.script.clear()
    time_passes(301)
    assert run(kind, lose(job)).values["done"] == 30 - lost


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
        ({"text": "{% load x %}"}, "text, line 1: there is no tag 'load' here"),
        ({"text": "{{ a.b }}"}, "the text uses 'a', and no recipient has"),
        ({"subject": "{{ name"}, "never closed"),
        ({"text": "{{ sacks.b }}"}, "guest00@example.org: it has no value for sacks.b"),
        ({"html": "{{ town }}"}, "the html uses 'town', and no recipient has"),
        ({"subject": "a\r\nBcc: x@example.org"}, "control character"),
        ({"recipients": [{"to": "ada@example.org", "name": "A\r\nB"}]}, "control character"),
        ({"recipients": [{"to": "ada@example.org", "values": {"a b": 1}}]}, "values"),
        ({"recipients": [{"to": "ada@example.org", "values": {"a": [1]}}]}, "values"),
        ({"recipients": [{"to": "ada@example.org", "values": {"a": float("inf")}}]}, "finite number"),
        ({"recipients": [{"to": "ada@example.org\nRCPT TO:<b@c.de>"}]}, "control character"),
        ({"recipients": []}, "give a file, or recipients"),
        ({"file": "01a2239d-dfa5-70d4-ae97-77f1b13e7b3b"}, "give a file, or recipients"),
        ({"button": "Go"}, "belong together"),
        ({"button": "Go", "link": "javascript:alert(1)"}, "link"),
        ({"button": "Go", "link": "https://example.org/a b"}, "link: has a blank"),
        ({"button": "Go", "link": "https://example.org/", "html": "x"}, "put it into the HTML"),
        ({"translations": [{"language": "", "subject": "s", "text": "t"}]}, "language"),
        ({"language": "de", "translations": [{"language": "DE", "subject": "s", "text": "t"}]}, "once"),
    ],
    ids=[
        "tag", "attribute", "open", "no-value", "html", "subject", "name", "variable", "nested", "infinite",
        "address", "nobody", "both", "button", "link", "blank", "two-layouts", "no-language",
        "language-twice",
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_before_anything_is_sent(
    kind: Kind, fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadPayload, match=why):
        kind.validate(mailing() | fields)


def test_many_problems_are_told_in_part(kind: Kind) -> None:
    with pytest.raises(BadPayload, match=r"guest19@example\.org.*; and 30 more") as refused:
        kind.validate(mailing(50, text="{{ name.town }}"))

    assert "guest20" not in str(refused.value)


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


LIST = """email,name,language,sacks
ada@example.org,Ada,de,3
bob@example.org,Bob,,12
"""


def listed(owner: User, content: str = LIST, **fields: Any) -> dict[str, Any]:
    file = store_upload(BytesIO(content.encode()), name="guests.csv", owner=owner)
    texts = {"subject": "Hello {{ name }}", "text": "You have {{ sacks }} sack{{ sacks|pluralize }}."}
    return {"file": str(file.id), **texts} | fields


def test_a_list_from_a_file_reaches_everybody_on_it(kind: Kind, mill: ScriptedServer, alice: User) -> None:
    job = accept(kind, listed(alice), alice)

    result = run(kind, job)

    assert result.values["done"] == 2
    back = [read(taken.content) for taken in mill.taken]
    assert [letter["To"] for letter in back] == ["Ada <ada@example.org>", "Bob <bob@example.org>"]
    assert [shown(letter, "plain").split("\n")[0] for letter in back] == [
        "You have 3 sacks.", "You have 12 sacks.",
    ]  # fmt: skip


def test_each_reads_their_own_language_and_html(kind: Kind, mill: ScriptedServer, alice: User) -> None:
    german = {
        "language": "de", "subject": "Hallo {{ name }}", "text": "{{ sacks }} Säcke",
        "html": "<b>{{ name }}</b>",
    }  # fmt: skip

    run(kind, accept(kind, listed(alice, language="en", translations=[german]), alice))

    ada, bob = [read(taken.content) for taken in mill.taken]
    assert (ada["Subject"], bob["Subject"]) == ("Hallo Ada", "Hello Bob")
    assert shown(ada, "html").strip() == "<b>Ada</b>"
    assert shown(ada, "plain").strip() == "3 Säcke"


def test_a_list_with_bad_lines_is_refused_with_each_of_them(kind: Kind, alice: User) -> None:
    content = "email,sacks\nada@example.org,3\nnobody,1\nADA@example.org,3\nbob@example.org,\n"

    with pytest.raises(BadPayload) as refused:
        submit_job(kind.name, listed(alice, content, subject="Hi"), owner=alice)

    assert [problem.why for problem in refused.value.problems] == [
        "line 3: 'nobody' is not a mail address; one looks like name@example.org",
        "line 4: is a duplicate of line 2",
        "line 5: has no value for sacks",
    ]
    assert {problem.where for problem in refused.value.problems} == {("file",)}
    assert not Job.objects.exists()
    assert not Item.objects.exists()


def test_a_number_that_no_ledger_can_keep_is_a_bad_line(kind: Kind, alice: User) -> None:
    content = '[{"email": "ada@example.org", "sacks": 1},\n{"email": "bob@example.org", "sacks": 1e999}]'

    with pytest.raises(BadPayload, match="line 2: has a number that is too large in sacks"):
        submit_job(kind.name, listed(alice, content, subject="Hi"), owner=alice)


def test_of_very_many_bad_lines_some_are_told_and_the_rest_counted(
    kind: Kind, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.engines.campaign.TOLD", 3)

    with pytest.raises(BadPayload, match="and 97 more; check the form to see them all"):
        submit_job(kind.name, listed(alice, "email,name\n" + "x,y\n" * 100), owner=alice)


def test_a_list_of_bad_lines_is_not_read_to_its_end(
    kind: Kind, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.engines.campaign.TOLD", 3)
    monkeypatch.setattr("workers.engines.recipients.MOST_BAD", 5)
    payload = listed(alice, "email,name\nada@example.org,Ada\n" + "x,y\n" * 100, text="Hi")
    valid = kind.validate(payload)
    assert kind.review

    with pytest.raises(BadPayload) as refused:
        submit_job(kind.name, payload, owner=alice)

    said = [problem.why for problem in refused.value.problems]
    assert len(said) == 5
    assert said[3] == "and 2 more; check the form to see them all"
    assert said[4].startswith("line 8: is not read, nor is what follows:")
    ends = [line.is_end for line in kind.review.lines(valid, opener(valid))]
    assert ends == [False] * 6 + [True]


def test_a_list_has_no_more_recipients_than_the_setting_allows(
    kind: Kind, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.engines.campaign.conf", lambda: Conf(campaign_recipients=1))

    with pytest.raises(BadPayload, match="there are more than 1 recipients"):
        submit_job(kind.name, listed(alice), owner=alice)


def test_a_test_goes_to_one_address_with_the_values_of_another(
    kind: Kind, mill: ScriptedServer, alice: User
) -> None:
    job = accept(kind, listed(alice, test_to="me@example.net", test_of=2, text="For {{ email }}"), alice)

    run(kind, job)

    [taken] = mill.taken
    assert mill.recipients == ["me@example.net"]
    assert shown(read(taken.content), "plain").startswith("For bob@example.org\n")
    with pytest.raises(BadPayload, match="the list has no 3"):
        submit_job(kind.name, listed(alice, test_to="me@example.net", test_of=3), owner=alice)


def test_the_doubtful_ones_are_sent_to_again_under_their_old_id_when_a_person_says_so(
    kind: Kind, mill: ScriptedServer, alice: User, rung: list[str]
) -> None:
    mill.script["DOT"] = ["250 OK, then HANG UP", "250 OK"]
    job = accept(kind, listed(alice), alice)
    run(kind, job)
    assert states(job) == {"done": 1, "uncertain": 1}
    Job.objects.filter(pk=job.pk).update(
        state="succeeded", holder=None, lease=None, **moved_to(State.SUCCEEDED)
    )
    mill.script.clear()

    new = do_again(Job.objects.get(pk=job.pk), actor="alice", door="web")
    Job.objects.filter(pk=new).update(state="running", **moved_to(State.RUNNING))
    run(kind, Job.objects.get(pk=new))

    ids = [message_from_bytes(taken.content, policy=policy.default)["Message-ID"] for taken in mill.taken]
    assert mill.recipients == ["ada@example.org", "bob@example.org", "ada@example.org"]
    assert ids[0] == ids[2]
    told = kind.item_words.reference_of
    assert told
    assert [told(item.job_id, item.id, item.given) for item in Item.objects.order_by("id")] == ids


def test_the_pages_see_what_is_sent(kind: Kind, mill: ScriptedServer, alice: User) -> None:
    payload = kind.validate(listed(alice, html="<p>{{ name }}</p>"))
    assert kind.review

    sample = kind.review.sample(payload, opener(payload), 1, Seen())
    run(kind, accept(kind, payload, alice))

    back = read(mill.taken[0].content)
    assert sample
    assert (sample.to, sample.subject) == (back["To"], back["Subject"])
    assert sample.html == shown(back, "html").strip() == "<p>Ada</p>"
    assert sample.text == shown(back, "plain").strip()
    assert kind.review.sample(payload, opener(payload), 3, Seen()) is None


def test_the_pages_find_each_by_the_marks_of_the_first_reading(
    kind: Kind, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.engines.recipients.MARKED", 3)
    listed_twice = "".join(f'guest{n}@example.org,"Guest\r\n{n}"\n,nobody\n' for n in (*range(9), 0, 9))
    text = "email,city\n" + listed_twice
    payload = kind.validate(listed(alice, text, subject="Hi", text="{{ city }}"))
    review = kind.review
    assert review
    lines = list(review.lines(payload, opener(payload)))
    bad = frozenset(number for number, line in enumerate(lines, start=1) if line.why)
    good = [number for number, line in enumerate(lines, start=1) if not line.why]
    marks = [
        Mark(number, place, lines[number - 1].next)
        for place, number in enumerate(good, start=1)
        if lines[number - 1].next
    ]

    def read(seen: Seen) -> list[Any]:
        return [review.sample(payload, opener(payload), place, seen) for place in range(1, len(good) + 2)]

    def find(seen: Seen) -> list[Any]:
        return [review.find(payload, opener(payload), "GUEST9", after, seen) for after in (0, 9, 10)] + [
            review.find(payload, opener(payload), "eve@", 0, seen)
        ]

    assert len(marks) == 3
    assert len(bad) == 12, "eleven without an address, and one twice"
    assert read(Seen(marks, bad)) == read(Seen())
    assert find(Seen(marks, bad)) == find(Seen()) == [10, 10, 10, None]


def test_the_pages_do_not_read_what_stands_before_a_mark(
    kind: Kind, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "email\n" + "".join(f"guest{n}@example.org\n" for n in range(2_500))
    payload = kind.validate(listed(alice, text, subject="Hi", text="Hello"))
    review = kind.review
    assert review
    lines = list(review.lines(payload, opener(payload)))
    seen = Seen([Mark(n, n, line.next) for n, line in enumerate(lines, start=1) if line.next], frozenset())
    understood: list[int] = []
    understand = table.understand
    monkeypatch.setattr(
        table, "understand", lambda line, found: understood.append(line) or understand(line, found)
    )

    sample = review.sample(payload, opener(payload), 2_003, seen)

    assert sample
    assert sample.to == "guest2002@example.org"
    assert understood == [2002, 2003, 2004], "the third behind the mark, by line"


def test_the_pages_see_every_line(kind: Kind, alice: User) -> None:
    payload = kind.validate(listed(alice, LIST + "nobody,,,\n"))
    assert kind.review

    lines = list(kind.review.lines(payload, opener(payload)))

    assert [(line.number, line.shown, bool(line.why)) for line in lines] == [
        (2, "ada@example.org", False), (3, "bob@example.org", False), (4, "nobody", True),
    ]  # fmt: skip

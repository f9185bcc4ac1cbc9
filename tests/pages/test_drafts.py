"""Check before sending: what is wrong with a list, what each would get, and only then the button."""

import csv
import io
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.artifacts import delete_files, open_file, store_upload
from jobs.models import Artifact, Item, Job
from jobs.owners import service_user
from jobs.pages import draft as draft_module
from jobs.pages import drafts
from jobs.review import Mark, Seen
from tests.pages.conftest import at_the_door
from tests.pages.listed import Listed, Words, entries

pytestmark = pytest.mark.django_db
URL = "/kinds/test.listed"


@pytest.fixture
def words():
    return Words()


@pytest.fixture(autouse=True)
def kind(declare, words):
    return declare(Listed, name="test.listed", review=words, entries=entries)


def check(page, *words: str, **fields: str):
    content = "".join(f"{word}\n" for word in words).encode()
    asked = {"list": SimpleUploadedFile("words.txt", content), "greeting": "Hello", "check": "1"}
    return page.post(URL, asked | fields)


def test_a_form_is_checked_and_nothing_is_submitted(page):
    answer = check(page, "ada", "bad one", "bob")

    shown = page.get(answer.headers["Location"]).content.decode()
    assert not Job.objects.exists()
    assert "<strong>2</strong> good lines<" in shown
    assert "<strong>1</strong> bad line<" in shown
    assert "<code>bad one</code></td><td>Is bad.</td>" in shown
    assert "Send to" not in shown


def test_a_good_draft_is_sent_once_however_often_one_presses(page):
    where = check(page, "ada", "bob").headers["Location"]

    first, second = page.post(where), page.post(where)

    job = Job.objects.get()
    assert first.headers["Location"] == second.headers["Location"] == f"/jobs/{job.id}"
    assert list(Item.objects.order_by("id").values_list("key", flat=True)) == ["ada", "bob"]


def test_the_fold_of_a_draft_says_when(page):
    where = check(page, "ada").headers["Location"]

    wrong = page.post(where, {"how-run_at": "never"})
    page.post(where, {"how-run_at": "2099-01-01T10:00:00"})

    assert wrong.status_code == 422
    assert Job.objects.get().state == "scheduled"


def test_who_is_left_out_is_counted_before_it_is_sent(page, words, submitter, monkeypatch):
    monkeypatch.setattr(draft_module, "ASKED", 2)
    some = check(page, "ada", "no bob", "eve", "no dan", "fay").headers["Location"]
    asked = list(words.asked)
    one = check(page, "ada", "no bob").headers["Location"]
    nobody = check(page, "no bob").headers["Location"]
    all_of_them = check(page, "ada").headers["Location"]

    shown = [page.get(where).content.decode() for where in (some, one, nobody, all_of_them)]

    assert asked == [(submitter.pk, each) for each in (["ada", "no bob"], ["eve", "no dan"], ["fay"])]
    assert "<strong>5</strong> good lines" in shown[0] and "<strong>2</strong> left out" in shown[0]
    assert "3 get it, 2 are suppressed, as your <a" in shown[0] and "Send to 3<" in shown[0]
    assert "1 gets it, 1 is suppressed, as your <a" in shown[1]
    assert "Nobody gets it: all are suppressed, as your <a" in shown[2] and "Send to 0<" in shown[2]
    assert "left out" not in shown[3] and "suppressed" not in shown[3] and "Send to 1<" in shown[3]


def test_of_a_list_with_a_bad_line_nobody_is_asked_for(page, words):
    where = check(page, "bad", "no bob").headers["Location"]

    shown = page.get(where).content.decode()

    assert words.asked == []
    assert "left out" not in shown and "suppressed" not in shown


def test_what_one_should_know_is_said_and_hinders_nothing(page):
    where = check(page, "ada", greeting="Hm").headers["Location"]

    shown = page.get(where).content.decode()

    assert '<p class="notice warning">That is no &lt;greeting&gt;.</p>' in shown
    assert "Send to 1" in shown


def test_a_draft_with_a_bad_line_cannot_be_sent(page):
    where = check(page, "ada", "bad").headers["Location"]

    answer = page.post(where)

    assert answer.status_code == 422
    assert "line 2: is bad" in answer.content.decode()
    assert not Job.objects.exists()


def test_each_of_the_list_can_be_looked_at(page):
    where = check(page, "ada", "bad", "bob").headers["Location"]

    shown = {
        place: page.get(where, {"place": place}).content.decode() for place in ("1", "2", "9", "-1", "x")
    }

    assert "<strong>Hello ada</strong>" in shown["1"]
    assert "<strong>Hello bob</strong>" in shown["2"]
    assert "line 3" in shown["2"]
    assert "<strong>Hello bob</strong>" in shown["9"], "beyond the end is the last"
    assert shown["-1"].count("Hello ada") == shown["x"].count("Hello ada") == 2


def test_html_is_shown_in_a_frame_where_nothing_runs(page):
    where = check(page, "ada").headers["Location"]

    answer = page.get(f"{where}/html", {"place": "1"})

    assert answer.content.decode() == "<b>Hello ada</b><script>1</script>"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("; sandbox")
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    shown = page.get(where)
    assert 'sandbox=""' in shown.content.decode()
    assert "frame-src 'self'" in shown.headers["Content-Security-Policy"]
    assert "<script>1</script>" not in shown.content.decode()


def test_every_bad_line_is_in_the_file_and_no_cell_is_a_formula(page, monkeypatch):
    monkeypatch.setattr(draft_module, "SHOWN", 1)
    where = check(page, "ada", "bad,one", "=bad()", *["bad"] * 2_000).headers["Location"]

    answer = page.get(f"{where}/lines")

    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(content)))
    assert rows[:3] == [
        ["line", "content", "problem"],
        ["2", "bad,one", "is bad"],
        ["3", "'=bad()", "is bad"],
    ]
    assert len(rows) == 2_003
    assert page.get(where).content.decode().count("Is bad.") == 1


def test_a_list_that_was_not_read_to_its_end_says_so_and_is_judged_anew(page, words):
    """How far its lines are known, and no further, somebody is looked for in it."""
    whole, cut = (check(page, "ada", *bad).headers["Location"] for bad in (["bad"], ["bad", "bad end"]))

    shown = [page.get(where).content.decode() for where in (whole, cut)]

    said = "There are so many that the list was not read to its end."
    assert [said in text for text in shown] == [False, True]
    assert words.seen[-2].bad == {2}
    assert words.seen[-1] == Seen()


def test_a_test_goes_to_the_person_who_asks(page, submitter):
    where = check(page, "ada", "bob").headers["Location"]
    submitter.email = ""
    submitter.save()

    without = page.post(f"{where}/trial", {"place": "2"})
    submitter.email = "alice@example.org"
    submitter.save()
    answer = page.post(f"{where}/trial", {"place": "2"})

    job = Job.objects.get()
    assert without.headers["Location"] == where
    assert answer.headers["Location"] == f"/jobs/{job.id}"
    assert job.payload["to"] == "2 alice@example.org"


def test_a_test_is_said_to_go_where_all_mail_goes(page, sandbox):
    where = check(page, "ada").headers["Location"]

    before = page.get(where).content.decode()
    after = page.post(f"{where}/trial", follow=True).content.decode()

    assert "sandbox@example.org gets it, as it gets all mail" in before
    assert "A test is on its way to sandbox@example.org." in after


def test_a_test_that_is_refused_says_why(page, submitter):
    submitter.email = "alice@example.org"
    submitter.save()
    where = check(page, "ada", "bad").headers["Location"]

    answer = page.post(f"{where}/trial", follow=True)

    assert "The test was not sent: line 2: is bad" in answer.content.decode()
    assert not Job.objects.exists()


def test_a_list_that_cannot_be_read_is_refused_at_its_field(page):
    answer = check(page, "ada", "unreadable")

    assert answer.status_code == 422
    assert "Line 2: is unreadable" in answer.content.decode()
    assert [file.name for file in Artifact.objects.all()] == ["words.txt"], "no draft, and the list is kept"


def test_what_cannot_be_written_for_one_is_said(page):
    where = check(page, "ada", greeting="").headers["Location"]

    assert "It cannot be written for this one: has no greeting." in page.get(where).content.decode()


def test_a_draft_is_nobody_elses(page, charlie):
    where = check(page, "ada").headers["Location"]

    answers = [at_the_door(charlie).get(where), at_the_door(charlie).post(where)]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_a_draft_that_lost_its_list_says_so(page):
    where = check(page, "ada").headers["Location"]
    delete_files(Artifact.objects.filter(name="words.txt").values_list("path", flat=True))

    answers = [page.get(where), page.post(where), page.get(f"{where}/lines")]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert all("is missing in the storage" in answer.content.decode() for answer in answers)


@pytest.mark.parametrize(
    "made_up",
    [
        b"{}",
        b"not json",
        json.dumps({"draft_of": "test.ok", "payload": {}, "good": 1, "bad": 0, "lines": []}).encode(),
        json.dumps({"draft_of": "test.no", "payload": {}, "good": 1, "bad": 0, "lines": []}).encode(),
    ],
    ids=["empty", "no-json", "kind-without-review", "unknown-kind"],
)
def test_an_upload_that_is_no_draft_is_not_found(page, submitter, made_up):
    file = store_upload(io.BytesIO(made_up), name="x.json", owner=submitter)

    assert page.get(f"/drafts/{file.id}").status_code == 404


def test_a_file_larger_than_any_draft_is_none_and_is_not_even_opened(page, submitter, monkeypatch):
    """Read whole it would take many times its 150 MB, as often as one asks."""
    where = check(page, "ada").headers["Location"]
    file = Artifact.objects.get(pk=where.rpartition("/")[2])
    assert file.size < draft_module.MOST_BYTES

    monkeypatch.setattr(draft_module, "open_file", lambda path: pytest.fail("it was opened"))
    Artifact.objects.filter(pk=file.pk).update(size=draft_module.MOST_BYTES + 1)

    assert page.get(where).status_code == 404
    assert "There is no such draft of yours" in page.get(f"{URL}?draft={file.pk}").content.decode()


def test_a_form_that_says_more_than_a_draft_may_hold_is_not_checked(page, monkeypatch):
    monkeypatch.setattr(draft_module, "MOST_BYTES", 1_000)

    answer = check(page, "ada", greeting="Hello " + "x" * 1_000)

    assert answer.status_code == 422
    assert "says too much to be checked" in answer.content.decode()
    assert not Artifact.objects.filter(name__contains="draft").exists()


def test_a_made_up_draft_cannot_name_anothers_list(page, submitter, charlie):
    theirs = store_upload(io.BytesIO(b"secret\n"), name="words.txt", owner=charlie)
    forged = {
        "draft_of": "test.listed",
        "payload": {"list": str(theirs.id)},
        "good": 1,
        "bad": 0,
        "lines": [],
    }
    file = store_upload(io.BytesIO(json.dumps(forged).encode()), name="x.json", owner=submitter)

    answers = [page.get(f"/drafts/{file.id}"), page.post(f"/drafts/{file.id}")]

    assert [answer.status_code for answer in answers] == [410, 410]
    assert not Job.objects.exists()


def test_a_kind_without_a_review_has_no_such_button(page, declare):
    declare(Listed)

    assert 'name="check"' not in page.get("/kinds/test.form").content.decode()
    assert 'name="check"' in page.get(URL).content.decode()


def back_to_the_form(page, where: str) -> tuple[str, str]:
    """The form that a draft leads back to, and the id of its list."""
    [back] = set(re.findall(r'href="(/kinds/test\.listed\?draft=[^"]+)"', page.get(where).content.decode()))
    shown = page.get(back).content.decode()
    return shown, re.findall(r'name="list-kept" value="([^"]+)"', shown)[0]


def test_who_goes_back_finds_the_form_as_it_was_with_the_list_in_it(page):
    where = check(page, "ada", "bad", greeting="Good <day>", **{"how-run_at": "2099-01-01T10:00"})
    where = where.headers["Location"]

    shown, file = back_to_the_form(page, where)
    answer = page.post(URL, {"list-kept": file, "greeting": "Bye", "check": "1"})

    assert 'value="Good &lt;day&gt;"' in shown
    assert 'value="2099-01-01T10:00"' in shown
    assert "<strong>words.txt</strong>" in shown
    assert 'class="why"' not in shown, "nothing is wrong with it"
    assert "<strong>Bye ada</strong>" in page.get(answer.headers["Location"]).content.decode()
    assert Artifact.objects.filter(name="words.txt").count() == 1, "the list was not handed in twice"


def test_another_list_takes_the_place_of_the_one_that_was_there(page):
    _, file = back_to_the_form(page, check(page, "ada", "bad").headers["Location"])

    answer = check(page, "bob", **{"list-kept": file})

    assert "<strong>Hello bob</strong>" in page.get(answer.headers["Location"]).content.decode()


def test_a_list_that_is_gone_is_asked_for_again(page):
    where = check(page, "ada").headers["Location"]
    _, file = back_to_the_form(page, where)
    Artifact.objects.filter(pk=file).delete()

    shown = page.get(f"{URL}?draft={where.rpartition('/')[2]}").content.decode()
    answer = page.post(URL, {"list-kept": file, "greeting": "Hello", "check": "1"})

    assert "words.txt" not in shown
    assert answer.status_code == 422
    assert "There is no such file of yours" in answer.content.decode()


def test_nobody_names_anothers_list(page, charlie):
    theirs = store_upload(io.BytesIO(b"secret\n"), name="secret.txt", owner=charlie)

    answer = page.post(URL, {"list-kept": str(theirs.id), "greeting": "Hello", "check": "1"})

    assert answer.status_code == 422
    assert "There is no such file of yours" in answer.content.decode()
    assert "secret.txt" not in answer.content.decode()


def test_who_has_no_account_names_no_list_at_all(declare, words):
    declare(Listed, name="test.listed", review=words, entries=entries, public=True)
    theirs = store_upload(io.BytesIO(b"ada\n"), name="words.txt", owner=service_user("public"))

    answer = Client().post("/p/test.listed", {"list-kept": str(theirs.id), "greeting": "Hello"})

    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()
    assert not Job.objects.exists()


def test_a_draft_that_is_gone_leaves_an_empty_form_and_says_so(page, charlie):
    where = check(page, "ada", greeting="Mine alone").headers["Location"]
    gone = f"{URL}?draft={where.rpartition('/')[2]}"

    theirs = at_the_door(charlie).get(gone)
    Artifact.objects.all().delete()
    mine, wrong = page.get(gone), page.get(f"{URL}?draft=x")

    assert theirs.status_code == 403
    assert mine.status_code == wrong.status_code == 200
    assert "There is no such draft of yours" in mine.content.decode()
    assert "Mine alone" not in mine.content.decode()


def test_when_it_is_to_run_is_not_asked_twice(page):
    where = check(page, "ada", **{"how-run_at": "2099-01-01T10:00"}).headers["Location"]

    shown = page.get(where).content.decode()

    assert '<details class="fold" open>' in shown
    assert 'value="2099-01-01T10:00"' in shown


def test_somebody_is_found_by_a_part_of_their_address(page):
    where = check(page, "ada", "bob", "bad", "adam").headers["Location"]

    first = page.get(where, {"find": "ada"}).content.decode()
    next = page.get(where, {"find": "ada", "place": "1", "again": "1"}).content.decode()
    none = page.get(where, {"find": "<eve>", "place": "2"}).content.decode()

    assert "<strong>Hello ada</strong>" in first
    assert "<strong>Hello adam</strong>" in next
    assert "Nobody on the list has “&lt;eve&gt;”" in none
    assert "<strong>Hello bob</strong>" in none


def test_who_looks_for_somebody_too_often_is_told_when_to_come_again(page, monkeypatch):
    monkeypatch.setattr(drafts, "FINDS_PER_MINUTE", 1)
    where = check(page, "ada", "bob").headers["Location"]

    first, second = (page.get(where, {"find": "bob"}).content.decode() for _ in range(2))

    assert "<strong>Hello bob</strong>" in first
    assert "That was more than 1 searches of a list a minute." in second
    assert "<strong>Hello ada</strong>" in second


def test_each_language_leads_to_the_first_who_gets_it(page):
    where = check(page, "de:ada", "en:bob", "de:cyd").headers["Location"]

    shown = page.get(where, {"place": "3"}).content.decode()

    assert 'href="?place=1#sample" aria-current="true">de <span class="muted">2</span>' in shown
    assert 'href="?place=2#sample">en <span class="muted">1</span>' in shown


def test_marks_are_believed_under_our_seal_alone(page, submitter, words):
    where = check(page, "ada", "bad", "bob").headers["Location"]
    kept = Artifact.objects.get(name__contains="draft")
    with open_file(kept.path) as file:
        said = json.loads(file.read())
    said["marks"][0][2] = [7]
    seals = [said["seal"], "", "Siegel für „ada“"]
    forged = [
        store_upload(io.BytesIO(json.dumps(said | {"seal": seal}).encode()), name="x.json", owner=submitter)
        for seal in seals
    ]

    page.get(where)
    answers = [page.get(f"/drafts/{each.id}") for each in forged]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert words.seen == [Seen([Mark(1, 1, (1,)), Mark(3, 2, (3,))], frozenset({2})), *[Seen()] * 3]


def test_of_more_bad_lines_than_are_remembered_nothing_is_believed(page, words, monkeypatch):
    monkeypatch.setattr(draft_module, "KNOWN", 1)
    where = check(page, "ada", "bad", "bad", "bob").headers["Location"]

    page.get(where)

    assert words.seen == [Seen()]


def test_a_test_is_not_called_a_mail_to_the_list(page):
    where = check(page, "ada", "bob", to="me@example.org").headers["Location"]

    shown = page.get(where).content.decode()

    assert "Send one test to me@example.org" in shown
    assert "Send to 2" not in shown

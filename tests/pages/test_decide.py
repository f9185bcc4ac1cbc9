"""The decision about what nobody knows: asked back first, about one, some or all, and taken once."""

import re

import pytest
from pydantic import BaseModel

from jobs.item_words import ItemWords
from jobs.models import Item, Job
from tests.factories import give, make_group, make_job
from tests.pages.conftest import at_the_door

pytestmark = pytest.mark.django_db
WORDS = ItemWords(
    one="guest", many="guests", states={"uncertain": "in doubt"}, doubt="whether they came",
    again="Ask again", again_risk="They may be asked twice.", leave_risk="They may be missed.",
)  # fmt: skip


class Payload(BaseModel):
    number: int = 1


@pytest.fixture(autouse=True)
def declared(declare):
    return declare(Payload, name="test.form", item_words=WORDS)


def uncertain(owner, *keys: str, state: str = "succeeded", **fields) -> Job:
    job = make_job(state, owner=owner, kind="test.form", payload={}, **fields)
    for key in keys or ("ada",):
        Item.objects.create(
            job=job, key=key, state="uncertain", detail={"uncertain": 1, "error": f"cut {key}"}
        )
    return job


def id_of(job: Job, key: str) -> int:
    return Item.objects.get(job=job, key=key).id


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def decide(browser, job: Job, **data) -> str:
    """What the page says afterwards."""
    answer = browser.post(f"/jobs/{job.id}/decide", data, follow=True)
    return re.search(r'<p class="notice[^>]*>([^<]+)', answer.content.decode())[1]


def decided(job: Job) -> dict[str, str]:
    return {item.key: (item.detail or {}).get("decided", "") for item in Item.objects.filter(job=job)}


def test_a_kind_says_what_its_items_are_called_and_what_one_risks(page, submitter):
    shown = text_of(page.get(f"/jobs/{uncertain(submitter, 'ada', 'bob').id}"))

    assert "<strong>2</strong> in doubt" in shown
    assert "Of 2 guests nobody knows whether they came." in shown
    assert "<strong>Ask again:</strong> they may be asked twice." in shown
    assert "<strong>Leave:</strong> they may be missed." in shown


@pytest.mark.parametrize(
    ("act", "risk"), [("again", "They may be asked twice."), ("leave", "They may be missed.")]
)
def test_one_is_asked_back_before_anything_is_done(page, submitter, act, risk):
    job = uncertain(submitter, "ada", "bob")

    shown = text_of(page.get(f"/jobs/{job.id}/decide", {"act": act, "all": "1"}))

    assert risk in shown
    assert "It cannot be undone." in shown
    assert all(words in shown for words in ("<strong>ada</strong>", "cut bob", "2 guests"))
    assert decided(job) == {"ada": "", "bob": ""}
    assert Job.objects.count() == 1


def test_all_are_done_again_as_a_new_job(page, submitter):
    job = uncertain(submitter, "ada", "bob")

    said = decide(page, job, act="again", all="1")

    new = Job.objects.get(rerun_of=job.id)
    assert said == "This is a new job for 2 guests of whom nobody knew whether they came."
    assert sorted(item.key for item in Item.objects.filter(job=new)) == ["ada", "bob"]
    assert 'id="b-again"' not in page.get(f"/jobs/{job.id}").content.decode()


def test_done_again_by_an_operator_it_stays_its_owners_job_and_says_who_asked(office, submitter):
    job = uncertain(submitter, "ada")

    decide(office, job, act="again", all="1")

    new = Job.objects.get(rerun_of=job.id)
    shown = text_of(office.get(f"/jobs/{new.id}"))
    assert new.owner == submitter
    assert "olga asked for it, to do again what was uncertain" in shown
    assert "olga had the uncertain ones done again" in text_of(office.get(f"/jobs/{job.id}"))


def test_the_chosen_ones_are_done_again_and_the_others_still_asked_about(page, submitter):
    job = uncertain(submitter, "ada", "bob", "eve")
    chosen = [str(id_of(job, "ada")), str(id_of(job, "eve"))]

    asked = text_of(page.get(f"/jobs/{job.id}/decide", {"act": "again", "item": chosen}))
    decide(page, job, act="again", item=chosen)

    assert "Ask again: 2 guests?" in asked
    assert "bob" not in asked
    assert decided(job) == {"ada": "again", "bob": "", "eve": "again"}
    assert "Of 1 guest nobody knows" in text_of(page.get(f"/jobs/{job.id}"))


@pytest.mark.parametrize("act", ["again", "leave"])
def test_a_lines_own_button_is_about_that_line_alone(page, submitter, act):
    job = uncertain(submitter, "ada", "bob")
    one, other = id_of(job, "ada"), id_of(job, "bob")

    asked = text_of(page.get(f"/jobs/{job.id}/decide", {"one": f"{act}-{one}", "item": str(other)}))

    assert "1 guest" in asked
    assert f'name="item" value="{one}"' in asked
    assert f'value="{other}"' not in asked


def test_left_as_they_are_they_are_asked_about_no_more(page, submitter):
    job = uncertain(submitter)

    assert decide(page, job, act="leave", all="1") == "Left as they are: 1 guest."
    assert decide(page, job, act="leave", all="1").startswith("Nothing is undecided here")
    assert decide(page, job, act="again", all="1").startswith("Nothing is undecided here")
    assert 'id="b-leave"' not in page.get(f"/jobs/{job.id}").content.decode()


def test_nothing_chosen_is_nothing_done(page, submitter):
    job = uncertain(submitter)

    said = [
        decide(page, job, act="again"),
        decide(page, job, act="burn", all="1"),
        decide(page, job, act="leave", item=["x", "-1", "9" * 30]),
    ]

    assert said == ["Choose guests first."] * 3
    assert decided(job) == {"ada": ""}


def test_no_job_decides_about_anothers_items(page, submitter):
    job, other = uncertain(submitter, "ada"), uncertain(submitter, "bob")

    said = decide(page, job, act="leave", item=[str(id_of(other, "bob"))])

    assert said.startswith("Nothing is undecided here")
    assert (decided(job), decided(other)) == ({"ada": ""}, {"bob": ""})


def test_while_it_runs_nothing_can_be_decided(page, submitter):
    job = uncertain(submitter, state="running")

    asked = page.get(f"/jobs/{job.id}/decide", {"act": "leave", "all": "1"}, follow=True)

    assert "It is running: decide when it has ended." in text_of(asked)
    assert "When the job has ended you can decide about it." in text_of(page.get(f"/jobs/{job.id}/items"))


def test_who_may_only_look_decides_nothing(bob, submitter):
    job = uncertain(submitter, group=make_group())
    browser = at_the_door(give(bob, "submit_job"))

    answers = [
        browser.get(f"/jobs/{job.id}/decide", {"act": "leave", "all": "1"}),
        browser.post(f"/jobs/{job.id}/decide", {"act": "leave", "all": "1"}),
    ]
    shown = browser.get(f"/jobs/{job.id}/items").content.decode()

    assert [answer.status_code for answer in answers] == [403, 403]
    assert 'id="b-leave"' not in browser.get(f"/jobs/{job.id}").content.decode()
    assert "/decide?" not in shown
    assert 'name="item"' not in shown
    assert decided(job) == {"ada": ""}


def test_of_very_many_the_first_are_named_and_the_others_counted(page, submitter):
    job = uncertain(submitter, *(f"guest{number:02}" for number in range(25)))

    shown = text_of(page.get(f"/jobs/{job.id}/decide", {"act": "leave", "all": "1"}))

    assert "<strong>guest19</strong>" in shown
    assert "guest20" not in shown
    assert "… and 5 more." in shown

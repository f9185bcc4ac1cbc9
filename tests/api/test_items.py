"""The items of a job by program: found, paged, counted, and decided about."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pydantic import BaseModel

from jobs.item_words import ItemWords
from jobs.models import Item, Job
from jobs.registry import KINDS
from tests.api.conftest import BASE, post
from tests.factories import make_job
from tests.running import make_kind

pytestmark = pytest.mark.django_db


class Payload(BaseModel):
    number: int = 1


@pytest.fixture
def job(submitter: User, monkeypatch: pytest.MonkeyPatch, rung: list[str]) -> Job:
    words = ItemWords(reference="Ticket", reference_of=lambda job, item, given: f"<{given}>")
    monkeypatch.setitem(KINDS._kinds, "test.items", make_kind("test.items", Payload, item_words=words))
    job = make_job("succeeded", kind="test.items", owner=submitter, payload={})
    for key, state in {"ada": "done", "bob": "uncertain", "cyd": "failed", "eve": "uncertain"}.items():
        Item.objects.create(job=job, key=key, state=state, given=key.upper(), detail={"error": f"no {key}"})
    return job


def ask(api: Client, job: Job, **search: Any) -> Any:
    return api.get(f"{BASE}/jobs/{job.id}/items", search).json()


def decide(api: Client, job: Job, **body: Any) -> Any:
    return post(api, f"/jobs/{job.id}/decide", body)


def ids(*keys: str) -> list[int]:
    return list(Item.objects.filter(key__in=keys).values_list("id", flat=True))


def test_each_is_told_with_its_reference_and_the_counts_are_of_all(api: Client, job: Job) -> None:
    found = ask(api, job, state="failed")

    [cyd] = found["items"]
    assert (cyd["key"], cyd["state"], cyd["note"], cyd["reference"]) == ("cyd", "failed", "no cyd.", "<CYD>")
    assert (cyd["detail"], cyd["moved_at"]) == ({"error": "no cyd"}, None)
    assert found["counts"] == {
        "pending": 0, "doing": 0, "done": 1, "failed": 1, "skipped": 0, "uncertain": 2,
    }  # fmt: skip


def test_pages_are_followed_by_next_or_by_link(api: Client, job: Job) -> None:
    first = ask(api, job, limit=3)
    linked = api.get(f"{BASE}/jobs/{job.id}/items", {"limit": 3}).headers["Link"]
    second = ask(api, job, limit=3, after=first["next"])

    assert [item["key"] for item in first["items"] + second["items"]] == ["ada", "bob", "cyd", "eve"]
    assert second["next"] is None
    assert "after=cyd" in linked
    assert [item["key"] for item in ask(api, job, text="DA")["items"]] == ["ada"]


def test_some_are_done_again_and_the_rest_is_left(api: Client, job: Job) -> None:
    again = decide(api, job, act="again", items=ids("bob", "ada")).json()
    left = decide(api, job, act="leave").json()
    none = decide(api, job, act="leave")

    assert again["decided"] == 1, "of ada it is known"
    assert [item.key for item in Item.objects.filter(job_id=again["job"])] == ["bob"]
    assert left == {"decided": 1, "job": None}
    assert (none.status_code, none.json()["code"]) == (409, "not_possible")


def test_done_again_by_an_operator_it_stays_its_owners_job(office: Client, job: Job, submitter: User) -> None:
    new = decide(office, job, act="again").json()["job"]

    events = office.get(f"{BASE}/jobs/{new}/events").json()["events"]
    assert Job.objects.get(pk=new).owner == submitter
    assert [(event["event"], event["actor"]) for event in events] == [("asked_again", "olga")]


@pytest.mark.parametrize(
    "body", [{}, {"act": "burn"}, {"act": "leave", "items": []}, {"act": "leave", "items": [0]}], ids=str
)
def test_what_is_no_decision_is_refused(api: Client, job: Job, body: Any) -> None:
    assert decide(api, job, **body).status_code == 422
    assert not Item.objects.filter(detail__has_key="decided").exists()


def test_while_it_runs_nothing_is_decided(api: Client, submitter: User) -> None:
    job = make_job("running", owner=submitter)
    Item.objects.create(job=job, key="ada", state="uncertain")

    assert decide(api, job, act="leave").status_code == 409

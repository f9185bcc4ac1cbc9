"""Kinds that only code asks for are offered at no door; deliveries stand between nobody and their jobs."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from jobs.admin.schedule import KindSelect
from jobs.errors import BadFilter, BadPayload, NotPossible, UnknownKind
from jobs.lifecycle.rerun import rerun_job
from jobs.models import Job
from jobs.outbox import CARRIER
from jobs.registry import KINDS
from jobs.search import search
from jobs.tasks_backend import RUN, RUN_ONCE
from jobs.webhooks.endpoints import Wish, create_endpoint
from tests.api.conftest import BASE, post, program
from tests.commands.conftest import Run
from tests.commands.conftest import run as run_command
from tests.factories import give, make_job, make_user
from tests.pages.conftest import at_the_door
from tests.webhooks.conftest import inbox, make_endpoint, set_conf
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_endpoints import make_delivery

__all__ = ["inbox", "run_command", "set_conf"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]
UNLISTED = (CARRIER, RUN, RUN_ONCE)


@pytest.fixture
def alice(db: None) -> User:
    return give(make_user("alice"), "submit_job")


@pytest.fixture
def page(alice: User) -> Client:
    return at_the_door(alice)


@pytest.fixture
def api(alice: User) -> Client:
    return program(alice)


def found(text: str) -> set[UUID]:
    return set(search(text).apply(Job.objects.all()).values_list("id", flat=True))


def test_these_are_all_there_are() -> None:
    assert {kind.name for kind in KINDS.all()} - {kind.name for kind in KINDS.listed()} == set(UNLISTED)
    assert [kind.name for kind in KINDS.inner()] == [CARRIER]


@pytest.mark.parametrize("name", UNLISTED)
def test_no_page_has_a_form_for_it(page: Client, name: str) -> None:
    answer = page.get(f"/kinds/{name}")

    assert answer.status_code == 404
    assert page.post(f"/kinds/{name}", {"webhook": "x"}).status_code == 404
    assert f"/kinds/{name}" not in page.get("/").content.decode()


@pytest.mark.parametrize("name", UNLISTED)
def test_no_program_is_offered_it_or_gets_it(api: Client, name: str) -> None:
    kinds = api.get(f"{BASE}/kinds").json()["kinds"]
    document = api.get(f"{BASE}/openapi.json").content.decode()

    assert name not in {kind["name"] for kind in kinds}
    assert api.get(f"{BASE}/kinds/{name}").status_code == 404
    assert f'"{name}"' not in document
    answer = post(api, "/jobs", {"kind": name, "payload": dict(KINDS.find(name).example)})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_kind")
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", UNLISTED)
def test_no_command_offers_or_submits_it(run_command: Run, name: str) -> None:
    example = json.dumps(dict(KINDS.find(name).example))

    assert name not in run_command("kinds").out
    assert name not in run_command("kinds", "--json").out
    assert name not in run_command("describe_kinds").out
    refused = run_command("submit", name, "--payload", example)
    assert (refused.code, refused.err.startswith(f"CommandError: Unknown job kind '{name}'")) == (2, True)
    assert not Job.objects.exists()
    assert name in run_command("kinds", "--all").out


@pytest.mark.parametrize("name", UNLISTED)
def test_no_schedule_or_endpoint_offers_it(page: Client, inbox: Receiver, name: str) -> None:
    assert name not in str(KindSelect().tasks_as_choices())
    assert f'value="{name}"' not in page.get("/webhooks/new").content.decode()


@pytest.mark.parametrize("near", ["webhooks.delivr", "tasks.runn"])
def test_it_is_nobodys_suggestion(near: str) -> None:
    with pytest.raises(UnknownKind) as unknown:
        KINDS.find(near)
    with pytest.raises(BadFilter) as refused:
        search(f"kind:{near}")

    for said in (str(unknown.value), str(refused.value)):
        assert not any(f"{name}`" in said or f"{name}'" in said or f"{name}," in said for name in UNLISTED)


def test_the_list_of_jobs_leaves_deliveries_out_until_they_are_named(page: Client, alice: User) -> None:
    delivery = make_job("failed", kind=CARRIER, queue="webhooks", door="webhook", owner=alice)
    task, job = make_job("failed", kind=RUN, owner=alice), make_job("failed", owner=alice)

    for text in ("", "state:failed", "-queue:bulk", "-kind:images.resize"):
        assert found(text) == {task.id, job.id}, text
    for text in (f"kind:{CARRIER}", "kind:webhooks.*", CARRIER, "queue:webhooks", "door:webhook"):
        assert found(text) == {delivery.id}, text
    assert found(f"id:{delivery.id}") == found(str(delivery.id)) == {delivery.id}
    assert str(delivery.id) not in page.get("/jobs").content.decode()
    assert str(delivery.id) in page.get(f"/jobs?filter=kind:{CARRIER}").content.decode()


def test_the_choice_of_kinds_has_them_apart_below_the_others(page: Client) -> None:
    usual, _, below = page.get("/jobs").content.decode().partition('<optgroup label="Asked for by code">')

    assert 'value="email.send"' in usual
    for name in UNLISTED:
        assert f'value="{name}"' not in usual
        assert f'value="{name}"' in below


def test_acts_by_filter_and_programs_see_the_same_list(run_command: Run, api: Client, alice: User) -> None:
    make_job("queued", kind=CARRIER, owner=alice)
    job = make_job("queued", owner=alice)

    listed = api.get(f"{BASE}/jobs").json()["jobs"]
    exported = run_command("export", "state:queued").out.splitlines()

    assert [one["id"] for one in listed] == [str(job.id)]
    assert [json.loads(line)["id"] for line in exported] == [str(job.id)]


def test_a_delivery_is_found_from_the_log_and_leads_to_its_endpoint(
    page: Client, api: Client, inbox: Receiver, alice: User
) -> None:
    hook = make_endpoint(inbox.url, alice)
    payload = {"webhook": str(hook.id), "delivery": str(hook.id)}
    carrier = make_job("failed", kind=CARRIER, owner=alice, payload=payload)
    make_delivery(hook, carrier)

    log = page.get(f"/webhooks/{hook.id}").content.decode()
    [line] = api.get(f"{BASE}/webhooks/{hook.id}/deliveries").json()["deliveries"]
    job = page.get(f"/jobs/{carrier.id}").content.decode()

    assert f'href="/jobs/{carrier.id}"' in log
    assert api.get(line["links"]["carrier"]).json()["id"] == str(carrier.id)
    assert f'href="/webhooks/{hook.id}"' in job


def test_a_delivery_is_repeated_from_the_log_and_not_as_a_copy(
    page: Client, api: Client, alice: User
) -> None:
    carrier = make_job("failed", kind=CARRIER, owner=alice)

    assert "Run as a new job" not in page.get(f"/jobs/{carrier.id}").content.decode()
    with pytest.raises(NotPossible, match="serves another job"):
        rerun_job(carrier, owner=alice, door="web")
    answer = post(api, f"/jobs/{carrier.id}/rerun")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_possible")
    assert Job.objects.get() == carrier


def test_a_task_may_be_run_again_by_its_owner(page: Client, api: Client, alice: User) -> None:
    """Its payload is signed: the same call may be made again, and no other."""
    task = make_job("failed", kind=RUN, owner=alice, payload=dict(KINDS.find(RUN).example))

    assert "Run as a new job" in page.get(f"/jobs/{task.id}").content.decode()
    assert post(api, f"/jobs/{task.id}/rerun").status_code == 202
    other = dict(task.payload) | {"call": '{"args": ["Bob"], "kwargs": {}}'}
    assert post(api, f"/jobs/{task.id}/rerun", {"payload": other}).status_code == 422


def test_an_endpoint_may_hear_of_tasks_and_not_of_deliveries(inbox: Receiver, alice: User) -> None:
    assert create_endpoint(alice, Wish(url=inbox.url, kinds=[RUN]))[0].kinds == [RUN]

    with pytest.raises(BadPayload, match=f"'{CARRIER}' is no kind here"):
        create_endpoint(alice, Wish(url=inbox.url, kinds=[CARRIER]))

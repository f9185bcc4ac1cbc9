"""Who gets what: every page, every role. What is not named here is not reachable."""

import io

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from jobs.artifacts import make_link, store_upload
from jobs.mail.unsubscribe import unsubscribe_link
from jobs.models import Item, Job, Suppression, Webhook, WebhookDelivery
from jobs.pages.draft import keep_draft
from jobs.pages.public import make_token
from jobs.pages.urls import urlpatterns
from jobs.tokens import make_token as make_mill
from tests.factories import give, make_group, make_job
from tests.pages.conftest import at_the_door
from tests.pages.listed import Listed, Words

pytestmark = pytest.mark.django_db
HERS = "only-alice-and-her-group-know-this"
"""A word that no page says by chance, in everything of hers."""
ROLES = ("nobody", "stranger", "member", "owner", "operator")

# For each role: sign in (→), seen (200), nothing to tell (204), done (302), refused (403), not there (404),
# not this way (405).
IN, OK, NONE, DONE, NO, NOT = "→", "200", "204", "302", "403", "404"
PAGES = {
    # name: (method, path, nobody, stranger, member, owner, operator)
    "catalogue": ("get", "/", IN, OK, OK, OK, OK),
    "sign-in": ("get", "/sign-in", OK, "302", "302", "302", "302"),
    "sign-out": ("post", "/sign-out", DONE, DONE, DONE, DONE, DONE),
    "kind": ("get", "/kinds/test.form", IN, OK, OK, OK, OK),
    "draft": ("get", "/drafts/{draft}", IN, NOT, NOT, OK, NOT),
    "draft-html": ("get", "/drafts/{draft}/html", IN, NOT, NOT, OK, NOT),
    "draft-lines": ("get", "/drafts/{draft}/lines", IN, NOT, NOT, OK, NOT),
    "draft-trial": ("post", "/drafts/{draft}/trial", IN, NOT, NOT, DONE, NOT),
    "jobs": ("get", "/jobs", IN, OK, OK, OK, OK),
    "job": ("get", "/jobs/{job}", IN, NOT, OK, OK, OK),
    "job-live": ("get", "/jobs/{job}/live", IN, NOT, OK, OK, OK),
    "job-log": ("get", "/jobs/{job}/log", IN, NOT, OK, OK, OK),
    "job-events": ("get", "/jobs/{job}/events", IN, NOT, NONE, NONE, NONE),
    "job-decide": ("get", "/jobs/{job}/decide?act=again&all=1", IN, NOT, NO, OK, OK),
    "job-cancel": ("post", "/jobs/{job}/cancel", IN, NOT, NO, DONE, DONE),
    "job-retry": ("post", "/jobs/{job}/retry", IN, NOT, NO, DONE, DONE),
    "job-rerun": ("post", "/jobs/{job}/rerun", IN, NOT, DONE, DONE, DONE),
    "job-items": ("get", "/jobs/{job}/items", IN, NOT, OK, OK, OK),
    "job-items-csv": ("get", "/jobs/{job}/items.csv", IN, NOT, OK, OK, OK),
    "artifact": ("get", "{file}", IN, NOT, OK, OK, OK),
    "queues": ("get", "/queues", IN, NOT, NOT, NOT, OK),
    "queue-pause": ("post", "/queues/default/pause", IN, NOT, NOT, NOT, DONE),
    "queue-resume": ("post", "/queues/default/resume", IN, NOT, NOT, NOT, DONE),
    "webhooks": ("get", "/webhooks", IN, OK, OK, OK, OK),
    "webhook-new": ("get", "/webhooks/new", IN, OK, OK, OK, OK),
    "webhook": ("get", "/webhooks/{hook}", IN, NOT, NOT, OK, OK),
    "webhook-edit": ("get", "/webhooks/{hook}/edit", IN, NOT, NOT, OK, OK),
    "webhook-act": ("post", "/webhooks/{hook}/test", IN, NOT, NOT, DONE, DONE),
    "webhook-replay": ("post", "/webhooks/{hook}/replay/{delivery}", IN, NOT, NOT, DONE, DONE),
    "tokens": ("get", "/tokens", IN, OK, OK, OK, OK),
    "token-revoke": ("post", "/tokens/{mill}/revoke", IN, NOT, NOT, DONE, NOT),
    "suppressions": ("get", "/suppressions", IN, OK, OK, OK, OK),
    "suppressions-export": ("get", "/suppressions/export", IN, OK, OK, OK, OK),
    "suppression-lift": ("post", "/suppressions/{gone}/lift", IN, NOT, NOT, DONE, DONE),
    "unsubscribe": ("get", "/unsubscribe/{leave}", OK, OK, OK, OK, OK),
    "thanks": ("get", "/p/thanks/{token}", OK, OK, OK, OK, OK),
    "public-kind": ("get", "/p/test.open", OK, OK, OK, OK, OK),
}


class Payload(BaseModel):
    word: str = "hello"


@pytest.fixture
def browsers(submitter: User, operator: User, bob: User, charlie: User) -> dict[str, Client]:
    people = {"stranger": charlie, "member": bob, "owner": submitter, "operator": operator}
    return {"nobody": Client()} | {
        role: at_the_door(give(person, "submit_job")) for role, person in people.items()
    }


@pytest.fixture
def objects(submitter: User, declare) -> dict[str, str]:
    declare(Payload)
    declare(Payload, name="test.open", public=True)
    listed = declare(Listed, name="test.listed", review=Words())
    words = store_upload(io.BytesIO(HERS.encode()), name="words.txt", owner=submitter)
    draft = keep_draft(listed, Listed(list=words.id), {}, submitter)
    job = make_job("failed", kind="test.form", owner=submitter, group=make_group(), payload={"word": HERS})
    Item.objects.create(job=job, key=HERS, state="uncertain")
    file = store_upload(io.BytesIO(HERS.encode()), name="in.txt", owner=submitter)
    file.job = job
    file.save()
    hook = Webhook.objects.create(id=uuid7(), owner=submitter, url=f"https://{HERS}.example/", events=[])
    delivery = WebhookDelivery.objects.create(webhook=hook, event="job.failed", kind=HERS)
    suppression = Suppression.objects.create(
        id=uuid7(), owner=submitter, address=f"{HERS}@example.org", key=HERS, reason="by_hand", source="page"
    )
    return {
        "job": str(job.id), "file": make_link(file), "token": make_token(job.id), "hook": str(hook.id),
        "draft": str(draft),
        "delivery": str(delivery.id), "gone": str(suppression.id),
        "leave": unsubscribe_link(submitter.pk, job.id, "ada@example.org").rpartition("/")[2],
        "mill": str(make_mill(submitter, name=HERS, scopes=["read"]).token.id),
    }  # fmt: skip


def outcome(answer) -> str:
    if answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in?"):
        return IN
    return str(answer.status_code)


def body_of(answer) -> str:
    parts = answer.streaming_content if answer.streaming else [answer.content]
    return b"".join(parts).decode()


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_exactly_this(browsers, objects, role):
    got, told = {}, {}
    for name, (method, path, *_) in PAGES.items():
        if name == "sign-out":
            continue  # last: nothing else could be tried after it
        answer = getattr(browsers[role], method)(path.format(**objects))
        told[name] = body_of(answer)
        got[name] = outcome(answer)
    got["sign-out"] = outcome(browsers[role].post("/sign-out"))

    assert got == {name: expected[ROLES.index(role)] for name, (_, _, *expected) in PAGES.items()}
    if role in ("nobody", "stranger"):
        assert [name for name, text in told.items() if HERS in text] == [], "another's data"
        ids = [name for name, text in told.items() if objects["job"] in text]
        assert all("{job}" in PAGES[name][1] for name in ids), "another's job"


@pytest.mark.parametrize("role", ["nobody", "stranger"])
def test_what_strangers_try_changes_nothing(browsers, objects, role):
    before = Job.objects.values().get()

    for verb in ("cancel", "retry", "rerun"):
        browsers[role].post(f"/jobs/{objects['job']}/{verb}")

    assert Job.objects.values().get() == before


def test_another_persons_job_looks_like_none_at_all(browsers, objects):
    theirs, nothing = objects["job"], f"{objects['job'][:-4]}0000"

    pages = [main_of(browsers["stranger"].get(f"/jobs/{id}")).replace(id, "") for id in (theirs, nothing)]

    assert pages[0] == pages[1] != ""


def main_of(answer) -> str:
    return answer.content.decode().partition("<main")[2].partition("</main>")[0]


def test_every_page_is_in_the_table():
    assert {pattern.name for pattern in urlpatterns if pattern.name} == set(PAGES)


def test_every_page_refuses_the_other_method(browsers, objects):
    takes_both = {
        "tokens",
        "sign-in",
        "kind",
        "draft",
        "job-decide",
        "public-kind",
        "unsubscribe",
        "suppressions",
        "webhook-new",
        "webhook-edit",
    }
    got = {}
    for name, (method, path, *_) in PAGES.items():
        other = "delete" if name in takes_both else "get" if method == "post" else "post"
        browser = browsers["nobody" if name == "sign-in" else "operator"]
        got[name] = getattr(browser, other)(path.format(**objects)).status_code

    assert got == dict.fromkeys(PAGES, 405)

"""Roles × operations × things: others' are not there, and nobody gets further than the table says."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django_celery_beat.models import PeriodicTask
from uuid_utils.compat import uuid7

from jobs import tokens
from jobs.api.openapi import OPERATIONS
from jobs.artifacts import store_upload
from jobs.artifacts.links import make_token as sign
from jobs.mail.message_ids import make_message_id
from jobs.models import Artifact, Item, Job, Suppression, Token, Webhook
from jobs.tokens import make_token
from tests.api.conftest import BASE, program
from tests.api.matrix import (
    ASKED,
    FILE,
    MEMBER,
    MESSAGE,
    NOBODY,
    OPERATOR,
    OPERATORS_ALONE,
    OWNER,
    PLAIN,
    READER,
    ROLES,
    SHEET,
    STRANGER,
    WORDS,
    Ask,
    table,
)
from tests.factories import give, make_group, make_job
from tests.mail.letters import bounce
from tests.webhooks.conftest import inbox, make_endpoint, set_conf
from tests.webhooks.test_endpoints import make_delivery

__all__ = ["inbox", "set_conf"]
pytestmark = pytest.mark.django_db

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "access.md"
HEAD = """# Who may do what

Each operation of the [API](api.md), asked by each role about what is Alice's: her failed job, her waiting
job, her file, her token, her webhook endpoint, an address she suppressed. What is another's looks as if it
were not there (404). A token knows only itself and the tokens it made, so Alice's own does not find her other
one. The pages hold to the same rules; tests/pages/test_matrix.py has their table.

This page is made by a test, which fails where the code does otherwise. Made anew by

    WRITE_ACCESS=1 make test ARGS=tests/api/test_matrix.py

"""


@pytest.fixture
def programs(submitter, operator, bob, charlie) -> dict[str, Client]:
    reader = make_token(submitter, name="reader", scopes=["read"])
    return {
        NOBODY: Client(raise_request_exception=False),
        STRANGER: program(give(charlie, "submit_job")),
        MEMBER: program(give(bob, "submit_job")),
        READER: Client(headers={"Authorization": f"Bearer {reader.secret}"}, raise_request_exception=False),
        OWNER: program(submitter),
        PLAIN: program(operator, "submit", "read", "cancel"),
        OPERATOR: program(operator),
    }


@pytest.fixture
def things(submitter, frame, inbox) -> dict[str, str]:
    shared: dict[str, Any] = {"owner": submitter, "kind": "test.frame", "group": make_group()}
    failed = make_job("failed", payload={"width": 20, "title": "quince"}, error="quince", **shared)
    file = store_upload(io.BytesIO(b"the words quince"), name="in.txt", owner=submitter)
    Artifact.objects.filter(pk=file.pk).update(job=failed)
    webhook = make_endpoint(inbox.url, submitter)
    mailed = Item.objects.create(job=failed, key="ada@example.org", state="done")
    Item.objects.create(job=failed, key="quince@example.org", state="uncertain")
    return {
        "job": str(failed.id),
        "waiting": str(make_job("queued", **shared).id),
        "file": str(file.id),
        "link": sign(file),
        "token": str(make_token(submitter, name="quince", scopes=["read"]).token.id),
        "schedule": str(PeriodicTask.objects.get(name="Nightly cleanup").pk),
        "webhook": str(webhook.id),
        "delivery": str(make_delivery(webhook).id),
        "suppression": str(
            Suppression.objects.create(
                id=uuid7(),
                owner=submitter,
                address="quince@example.org",
                key="quince@example.org",
                reason="by_hand",
                source="api",
            ).id
        ),
        "message": bounce(make_message_id(failed.id, mailed.pk, "example.org")).decode(),
        "url": inbox.url,
    }


def ask(client: Client, asked: Ask, things: dict[str, str]) -> tuple[int, str]:
    """Status and text of the answer; what it changed is undone."""
    path = BASE + asked.path.format(**things)
    is_json = asked.body not in (FILE, MESSAGE, SHEET)
    body = json.dumps(asked.body).replace("{url}", things["url"]) if is_json else None
    with transaction.atomic():
        if asked.body is FILE:
            answer = client.post(path, {"file": io.BytesIO(b"words")}, headers=asked.headers)
        elif asked.body is MESSAGE:
            answer = client.post(path, things["message"], content_type="message/rfc822")
        elif asked.body is SHEET:
            answer = client.post(path, "eve@example.org\n", content_type="text/csv")
        elif asked.body is None:
            answer = getattr(client, asked.method)(path, headers=asked.headers)
        else:
            answer = getattr(client, asked.method)(
                path, body, content_type="application/json", headers=asked.headers
            )
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    tokens.forget_known()
    return answer.status_code, content.decode()


def test_every_role_gets_exactly_what_the_page_says(programs, things):
    told = {role: {name: ask(programs[role], each, things) for name, each in ASKED.items()} for role in ROLES}
    got = {role: {name: status for name, (status, _) in answers.items()} for role, answers in told.items()}

    page = HEAD + "\n".join(f"- *{role}* {WORDS[role]}" for role in ROLES)
    page += "\n\n" + "\n".join(table(got)) + "\n"
    if os.environ.get("WRITE_ACCESS"):
        PAGE.write_text(page)
    assert page == PAGE.read_text(), "look at what changed, then run with WRITE_ACCESS=1"
    assert set(got[NOBODY].values()) == {401}
    for role in (STRANGER, PLAIN):
        named = {name for name in ASKED if "{" in ASKED[name].path and name not in OPERATORS_ALONE}
        assert {got[role][name] for name in named} == {404}, role
    for role in (NOBODY, STRANGER, PLAIN):
        assert [name for name, (_, text) in told[role].items() if "quince" in text] == [], "another's data"
    for role in set(ROLES) - {OPERATOR, NOBODY}:
        assert {got[role][name] for name in OPERATORS_ALONE} == {403}, role


def test_every_operation_is_in_the_table():
    assert set(ASKED) == set(OPERATIONS)


def test_what_strangers_try_changes_nothing(programs, things):
    def everything() -> list[Any]:
        return [list(model.objects.order_by("pk").values()) for model in (Job, Artifact, Webhook)]

    before = everything()
    live = Token.objects.filter(revoked_at=None).count()
    for role in (NOBODY, STRANGER):
        for each in ASKED.values():
            if "{" in each.path:
                client, path = programs[role], BASE + each.path.format(**things)
                body = json.dumps(each.body or {}).replace("{url}", things["url"])
                kind = "application/json"
                client.generic(each.method.upper(), path, body, content_type=kind, headers=each.headers)

    assert everything() == before
    assert Token.objects.filter(revoked_at=None).count() == live


@pytest.mark.parametrize("name", [name for name in ASKED if "{job}" in ASKED[name].path])
def test_anothers_job_and_none_at_all_are_told_alike(programs, things, name):
    nothing = things | {"job": things["job"][:-4] + "0000"}

    answers = [ask(programs[STRANGER], ASKED[name], each) for each in (things, nothing)]

    told = [
        json.loads(text.replace(each["job"], "")) | {"request_id": ""}
        for (_, text), each in zip(answers, (things, nothing), strict=True)
    ]
    assert told[0] == told[1]
    assert answers[0][0] == answers[1][0] == 404

"""Tokens open the door as far as they should, and no further."""

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from jobs import tokens
from jobs.errors import Refusal
from jobs.models import Job, Token
from jobs.tokens import is_wellformed, make_secret, make_token, revoke_tokens
from tests.api.conftest import BASE, post, program
from tests.factories import make_job
from tests.jobs.lifecycle.test_change import is_blocked
from tests.waiting import eventually

pytestmark = pytest.mark.django_db


def code_with(header: str | None) -> tuple[int, str]:
    client = Client(headers={"Authorization": header} if header else {})
    answer = client.get(f"{BASE}/me")
    assert answer.status_code == 200 or answer["WWW-Authenticate"].startswith("Bearer")
    return answer.status_code, answer.json().get("code", "")


def test_a_secret_is_kept_nowhere(submitter):
    made = make_token(submitter, name="ci", scopes=["read"])

    kept = [str(value) for value in Token.objects.values().get().values()]

    assert made.secret not in kept
    assert not any(made.secret[5:37] in value for value in kept)


def test_a_typing_error_is_told_from_an_unknown_token_without_asking_anybody(
    submitter, django_assert_num_queries
):
    secret = make_secret()
    mistyped = secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:]

    with django_assert_num_queries(0):
        assert code_with(f"Bearer {mistyped}") == (401, "bad_token")
    assert is_wellformed(secret)
    assert not is_wellformed(mistyped)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic YWxpY2U6eA==", "Bearer mill_ü", "mill_x"]
)
def test_what_is_no_token_opens_nothing(db, header):
    assert code_with(header)[0] == 401


def test_expired_revoked_and_orphaned_tokens_open_nothing(submitter):
    names = ("old", "revoked", "orphan")
    made = {name: make_token(submitter, name=name, scopes=["read"]) for name in names}
    assert {code_with(f"Bearer {each.secret}")[0] for each in made.values()} == {200}

    Token.objects.filter(name="old").update(expires_at=timezone.now() - timedelta(seconds=1))
    revoke_tokens([made["revoked"].token.id])
    assert code_with(f"Bearer {made['old'].secret}") == (401, "bad_token")
    assert code_with(f"Bearer {made['revoked'].secret}") == (401, "bad_token")

    submitter.is_active = False
    submitter.save()
    tokens.forget_known()
    assert code_with(f"Bearer {made['orphan'].secret}") == (401, "bad_token")


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("submit", "post", "/jobs"),
        ("submit", "post", "/jobs/{job}/retry"),
        ("submit", "post", "/jobs/{job}/rerun"),
        ("read", "get", "/jobs"),
        ("read", "get", "/jobs/{job}"),
        ("read", "get", "/jobs/{job}/result"),
        ("read", "get", "/kinds"),
        ("cancel", "post", "/jobs/{job}/cancel"),
    ],
)
def test_a_token_without_the_scope_is_told_which_one_it_lacks(submitter, frame, scope, method, path):
    job = make_job("failed", owner=submitter)
    others = [name for name in tokens.Scope if name != scope]

    answer = getattr(program(submitter, *others), method)(BASE + path.format(job=job.id))

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert scope in answer.json()["detail"]


def test_an_operators_token_without_operate_sees_only_their_own(operator, submitter):
    theirs = make_job("queued", owner=submitter)

    with_it, without = program(operator), program(operator, "read", "cancel", "submit")

    assert with_it.get(f"{BASE}/jobs/{theirs.id}").status_code == 200
    assert without.get(f"{BASE}/jobs/{theirs.id}").status_code == 404
    assert post(without, f"/jobs/{theirs.id}/cancel").status_code == 404
    assert without.get(f"{BASE}/jobs").json()["jobs"] == []


def test_a_scope_gives_no_right_that_its_owner_lacks(charlie, frame):
    theirs = program(charlie, "submit", "read", "operate", "cancel")

    answer = post(theirs, "/jobs", {"kind": "test.frame", "payload": {"width": 20}})

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert theirs.get(f"{BASE}/me").json()["can_operate"] is False
    assert not Job.objects.exists()


def test_its_use_is_written_down_once_a_minute(submitter, monkeypatch):
    made = make_token(submitter, name="ci", scopes=["read"])
    code_with(f"Bearer {made.secret}")
    first = Token.objects.get().last_used_at
    tokens.forget_known()
    code_with(f"Bearer {made.secret}")

    assert first is not None
    assert Token.objects.get().last_used_at == first


def test_a_token_that_is_revoked_while_it_is_read_is_not_remembered(submitter, monkeypatch):
    """The race: a request reads it, it is revoked, and the request keeps what it read."""
    made = make_token(submitter, name="ci", scopes=["read"])
    read = tokens._read

    def read_and_lose(digest: str) -> tokens.Holder:
        found = read(digest)
        revoke_tokens([made.token.id])
        return found

    monkeypatch.setattr(tokens, "_read", read_and_lose)
    assert code_with(f"Bearer {made.secret}")[0] == 200
    monkeypatch.setattr(tokens, "_read", read)

    assert code_with(f"Bearer {made.secret}") == (401, "bad_token")


@pytest.mark.parametrize("act", ["change", "cancel", "retry"])
def test_a_token_that_may_only_act_reads_nothing_by_it(submitter, frame, act):
    state = "failed" if act == "retry" else "queued"
    job = make_job(state, owner=submitter, kind="test.frame", payload={"width": 20, "title": "secret"})

    def ask(*scopes: str) -> dict:
        client = program(submitter, *scopes)
        if act == "change":
            body = {"headers": {"If-Match": "*"}, "content_type": "application/json"}
            answer = client.patch(f"{BASE}/jobs/{job.id}", {"priority": 0}, **body)
        else:
            answer = post(client, f"/jobs/{job.id}/{act}")
        assert answer.status_code in {200, 202}
        return answer.json()

    told = ask("submit", "cancel", "operate")

    assert told["id"] == str(job.id)
    assert not {"payload", "result", "error"} & set(told)
    if act != "retry":
        assert ask("submit", "cancel", "read")["payload"]["title"] == "secret"


def test_with_the_parent_ends_what_it_made(submitter):
    parent = make_token(submitter, name="parent", scopes=["read"])
    child = make_token(submitter, name="child", scopes=["read"], parent=parent.token)
    grandchild = make_token(submitter, name="grandchild", scopes=["read"], parent=child.token)

    revoke_tokens([parent.token.id])

    assert code_with(f"Bearer {grandchild.secret}") == (401, "bad_token")


def test_a_signed_in_page_needs_its_csrf_token(submitter, frame):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(submitter)
    body = {"kind": "test.frame", "payload": {"width": 20}}

    refused = post(browser, "/jobs", body)
    browser.cookies["csrftoken"] = "c" * 32
    accepted = post(browser, "/jobs", body, X_CSRFToken="c" * 32)

    assert (refused.status_code, refused.json()["code"]) == (403, "no_csrf")
    assert accepted.status_code == 202
    assert browser.get(f"{BASE}/me").json()["token"] is None


def test_a_bad_token_does_not_fall_back_to_the_session(submitter):
    browser = Client(headers={"Authorization": "Bearer nonsense"})
    browser.force_login(submitter)

    assert browser.get(f"{BASE}/me").status_code == 401


def test_a_known_token_costs_no_question(submitter, django_assert_num_queries):
    client = program(submitter)
    client.get(f"{BASE}/kinds")

    with django_assert_num_queries(0):
        assert client.get(f"{BASE}/kinds").status_code == 200


def test_an_owner_has_only_so_many_that_are_good(submitter, setting):
    setting(tokens_per_owner=3)
    made = [make_token(submitter, name=f"ci {number}", scopes=["read"]).token for number in range(2)]
    client = program(submitter)  # the third
    wish = {"name": "one too many", "scopes": ["read"]}

    refused = post(client, "/tokens", wish)

    assert (refused.status_code, refused.json()["code"]) == (422, "refused")
    assert "3 good tokens" in refused.json()["detail"]
    revoke_tokens([made[0].id])
    assert post(client, "/tokens", wish).status_code == 201
    assert post(client, "/tokens", wish).status_code == 422
    Token.objects.filter(pk=made[1].id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert post(client, "/tokens", wish).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_counted_one_after_the_other(submitter, setting):
    """The race: the second counts before the first is committed."""
    setting(tokens_per_owner=1)
    said: list[str] = []

    def second() -> None:
        try:
            make_token(submitter, name="second", scopes=["read"])
        except Refusal as error:
            said.append(str(error))
        finally:
            connection.close()

    thread = Thread(target=second)
    with transaction.atomic():
        make_token(submitter, name="first", scopes=["read"])
        thread.start()
        eventually(is_blocked, what="the second waits for its owner's row")
    thread.join(20)

    assert said == ["You have 1 good tokens, which is the limit. Revoke one first."]
    assert [token.name for token in Token.objects.all()] == ["first"]

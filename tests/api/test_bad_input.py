"""Bad input against a real server: a typed problem, nothing half done, nothing left behind."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import pytest
from django.contrib.auth.models import User

from jobs.api.problems import CATALOGUE, MEDIA_TYPE
from jobs.models import IdempotencyKey, Job, Token
from jobs.tokens import Scope, make_token
from tests.api.conftest import BASE
from tests.api.test_waiting import sessions
from tests.waiting import eventually
from tests.web_process import WebProcess

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = {"kind": "test.ok", "payload": {}}
MEGABYTE = 1024 * 1024
NOBODYS = "/jobs/01a203b8-7ce7-76b5-ae55-681e1a85674e"


class Sent(NamedTuple):
    """A request that is no good, and the code of its problem."""

    code: str
    body: bytes = json.dumps(GOOD).encode()
    method: str = "POST"
    path: str = "/jobs"
    headers: dict[str, str | bytes] = {}
    """By their names in lower case; an empty one is not sent."""


def job_with(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


def crowded(names: int) -> bytes:
    """An object of so many names, the last of which stands twice: reading it must not take the square."""
    fields = [f'"{number}": 0' for number in (*range(names), names - 1)]
    return ("{" + ", ".join(fields) + "}").encode()


BAD = {
    "an empty body": Sent("invalid", b""),
    "malformed JSON": Sent("malformed_json", b'{"kind": "test.ok",}'),
    "half of a document": Sent("malformed_json", job_with()[:-1]),
    "a wrong type": Sent("invalid", job_with(priority="high")),
    "a wrong type in the payload": Sent("bad_payload", job_with(payload={"key": 7})),
    "a list for an object": Sent("invalid", b"[]"),
    "nesting of a hundred thousand": Sent("malformed_json", b"[" * 100_000 + b"]" * 100_000),
    "a hundred megabytes": Sent("too_large", b'{"kind": "' + b"x" * (100 * MEGABYTE) + b'"}'),
    "more than is accepted at all": Sent("too_large", b" " * (111 * MEGABYTE)),
    "a NUL": Sent("invalid", job_with(group="\0")),
    "half a surrogate pair": Sent("invalid", b'{"kind": "test.ok", "payload": {"key": "\\ud800"}}'),
    "bytes that are no UTF-8": Sent("malformed_json", b'{"kind": "test.ok\xff"}'),
    "another encoding": Sent("malformed_json", job_with().decode().encode("utf-16")),
    "a field that is not known": Sent("invalid", job_with(speed=3)),
    "a field of the payload that is not known": Sent("bad_payload", job_with(payload={"speed": 3})),
    "a name that stands twice": Sent("malformed_json", b'{"kind": "test.ok", "kind": "test.ok"}'),
    "a name that stands twice among a hundred thousand": Sent("malformed_json", crowded(100_000)),
    "a number that is none": Sent("malformed_json", b'{"kind": "test.ok", "priority": NaN}'),
    "a form": Sent("unsupported_media_type", headers={"content-type": "application/x-www-form-urlencoded"}),
    "a form without its end": Sent(
        "bad_request", b"--x\r\nContent-Dis", path="/uploads",
        headers={"content-type": "multipart/form-data"},
    ),
    "a negative limit": Sent("invalid", b"", "GET", "/jobs?limit=-1"),
    "a limit beyond all numbers": Sent("invalid", b"", "GET", f"/jobs?limit={10**30}"),
    "a forged cursor": Sent("bad_cursor", b"", "GET", f"/jobs?cursor={'A' * 36}"),
    "a cursor that is no text": Sent("bad_cursor", b"", "GET", "/jobs?cursor=%ff%00"),
    "a filter with a NUL": Sent("bad_filter", b"", "GET", "/jobs?filter=kind:%00"),
    "a parameter that is not known": Sent("unknown_parameter", b"", "GET", "/jobs?limt=3"),
    "a key that is none": Sent("bad_key", headers={"idempotency-key": b'"\xff"'}),
    "a key of a thousand characters": Sent("bad_key", headers={"idempotency-key": "k" * 1000}),
    "a key that was used for something else": Sent(
        "key_reused", job_with(run_at="2099-01-01T00:00:00Z"), headers={"idempotency-key": "used"}
    ),
    "no token": Sent("no_token", headers={"authorization": ""}),
    "a token of another's making": Sent("bad_token", headers={"authorization": b"Bearer mill_\xff"}),
    "an expired token": Sent("bad_token", headers={"authorization": "EXPIRED"}),
    "an id that is none": Sent("not_found", b"", "GET", "/jobs/%00"),
    "a change of no job": Sent("not_found", b'{"run_at": null}', "PATCH", NOBODYS, {"if-match": b"\xff"}),
    "a method that is none": Sent("method_not_allowed", b"", "BREW"),
}  # fmt: skip


@pytest.fixture
def alice(web: WebProcess, submitter: User) -> User:
    return submitter


@pytest.fixture
def program(web: WebProcess, alice: User) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {secret_of(alice)}", "content-type": "application/json"}
    with httpx2.Client(base_url=web.url + BASE, headers=headers, timeout=60) as client:
        assert client.post("/jobs", json=GOOD, headers={"idempotency-key": "used"}).status_code == 202
        yield client


def secret_of(user: User) -> str:
    return make_token(user, name="tests", scopes=list(Scope)).secret


def test_each_is_a_typed_problem_and_nothing_is_done_or_left(
    web: WebProcess, program: httpx2.Client, alice: User
) -> None:
    token, expired = make_token(alice, name="tests", scopes=list(Scope))
    Token.objects.filter(pk=token.pk).update(expires_at=datetime.now(UTC) - timedelta(days=1))
    before = web.threads, sessions()

    told = {name: problem_of(program, sent, expired) for name, sent in BAD.items()}

    assert told == {name: (CATALOGUE[sent.code].status, sent.code) for name, sent in BAD.items()}
    assert Job.objects.count() == 1, "the one of the key"
    assert IdempotencyKey.objects.count() == 1
    assert "Traceback" not in web.log.read_text()
    assert web.threads <= before[0] + 5
    assert sessions() <= before[1] + 5
    assert program.post("/jobs", json=GOOD).status_code == 202


def problem_of(program: httpx2.Client, sent: Sent, expired: str) -> tuple[int, str]:
    """What the server made of it: a status and a code, or what came instead of a problem."""
    given: dict[str, Any] = {
        name: f"Bearer {expired}" if value == "EXPIRED" else value for name, value in sent.headers.items()
    }
    headers = {**program.headers, **given}
    if not headers["authorization"]:
        del headers["authorization"]
    address = f"{program.base_url}{sent.path.removeprefix('/')}"
    answer = httpx2.request(sent.method, address, content=sent.body, headers=headers, timeout=60)
    if answer.headers.get("Content-Type") != MEDIA_TYPE:
        return answer.status_code, answer.text[:200]
    found = answer.json()
    assert found["status"] == answer.status_code
    return answer.status_code, found["code"]


def test_who_hangs_up_leaves_nothing_behind(web: WebProcess, program: httpx2.Client, alice: User) -> None:
    """In the middle of the body nothing was asked for; while waiting the job is accepted all the same."""
    before = web.threads, sessions()
    job = json.dumps(GOOD).encode()
    head = [
        f"POST {BASE}/jobs HTTP/1.1", f"Host: {urlsplit(web.url).netloc}", "Content-Type: application/json",
        f"Authorization: Bearer {secret_of(alice)}",
    ]  # fmt: skip

    with asking(web, [*head, f"Content-Length: {len(job) + 10}"], job):
        pass
    for number in range(20):
        with asking(web, [*head, f"Content-Length: {len(job)}", "Prefer: wait=20"], job):
            eventually(lambda wanted=number + 2: Job.objects.count() == wanted, what="it is accepted")

    assert Job.objects.count() == 21, "nothing came of the half of a body"
    eventually(lambda: sessions("millrace room") == 0, what="nobody is waited for any more")
    eventually(lambda: web.threads <= before[0] + 5, what="no thread is left")
    eventually(lambda: sessions() <= before[1] + 5, what="no connection is left")
    assert "Traceback" not in web.log.read_text()


@contextmanager
def asking(web: WebProcess, head: list[str], body: bytes) -> Iterator[None]:
    """A request on its way; at the end its sender is gone, answered or not."""
    address = urlsplit(web.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        yield

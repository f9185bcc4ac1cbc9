"""E5: how long a list of 100,000 takes to be accepted, and what the web process holds for it meanwhile.

Through the API (the file, then the job that names it) and through the form that people fill in, each by a
web process that has just started. No worker runs.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from uuid import uuid4

import psycopg

from bench import letters
from bench.lab import Lab
from bench.measure import Found, Line, alone, at_most
from bench.measures.over_http import headers
from bench.processes import begin_peak, peak
from bench.progress import Progress
from bench.running import running, wait_until
from bench.wishes import Wishes
from core.embedded.ports import LOOPBACK

MEASURES = ("E5",)
TIME_BAR, MEMORY_BAR = at_most(5, "s"), at_most(50, "MB")
RECIPIENTS, QUICK_RECIPIENTS = 100_000, 1_000
CSRF = "c" * 32
"""A form is believed whose token is its cookie's."""
PENDING = "SELECT count(*) FROM millrace_item WHERE state = 'pending'"


class Accepted(NamedTuple):
    """How long it took, and how much more than before the process held at its peak."""

    seconds: float
    megabytes: float


def run(lab: Lab, wishes: Wishes) -> list[Found]:
    """Both doors in every round."""
    count = QUICK_RECIPIENTS if wishes.is_quick else RECIPIENTS
    listed = "".join(letters.as_wide_csv(range(count))).encode()
    doors: dict[str, Door] = {"API": by_api, "form": by_form}
    taken: dict[str, list[Accepted]] = {name: [] for name in doors}
    progress = Progress("E5", wishes.rounds * len(doors))
    for _ in range(wishes.rounds):
        for name, door in doors.items():
            with progress.step(name) as told:
                lab.empty()
                one = accept(lab, door, listed, count)
                taken[name].append(one)
                told.append(f"{one.seconds:.2f} s, {one.megabytes:+.1f} MB")
    values = {
        f"{name} {what}": [getattr(one, what) for one in each]
        for name, each in taken.items()
        for what in Accepted._fields
    }
    more = {"recipients": count, "bytes": len(listed)}
    return [Found(measure="E5", lines=lines(values), values=values, rounds=wishes.rounds, more=more)]


def lines(values: dict[str, list[float]]) -> list[Line]:
    """The time and the memory of either door."""
    return [
        line
        for name in ("API", "form")
        for line in (
            alone(f"E5 {name}", values[f"{name} seconds"], "s", TIME_BAR),
            alone(f"E5 {name} memory", values[f"{name} megabytes"], "MB", MEMORY_BAR),
        )
    ]


def accept(lab: Lab, door: Door, listed: bytes, count: int) -> Accepted:
    """From the first byte sent to the answer that promises all of them."""
    web = lab.web()
    asked = door(listed)
    with running(web):
        wait_until(web.is_ready, f"{web.name} answers (see {web.log})")
        before = begin_peak(web.pid or 0)
        began = time.monotonic()
        asked(web.port)
        seconds = time.monotonic() - began
        more = peak(web.pid or 0) - before
    with psycopg.connect(lab.postgres.url, autocommit=True) as connection:
        found = connection.execute(PENDING).fetchone()
    if found != (count,):
        raise SystemExit(f"{found} of {count} recipients are in the ledger; see {lab.logs}")
    return Accepted(seconds, more)


def by_api(listed: bytes) -> Callable[[int], None]:
    """The file, then the job that names it."""
    known = headers()
    form_type, form = as_form({}, listed)

    def ask(port: int) -> None:
        upload = {**known, "Content-Type": form_type}
        answer = post(port, "/api/v1/uploads", form, upload, HTTPStatus.CREATED)
        body = {"kind": "email.campaign", "payload": letters.payload(json.loads(answer)["id"])}
        post(port, "/api/v1/jobs", json.dumps(body).encode(), known, HTTPStatus.ACCEPTED)

    return ask


def by_form(listed: bytes) -> Callable[[int], None]:
    """What a browser sends for somebody who signed in."""
    from django.conf import settings
    from django.test import Client

    from jobs.owners import service_user

    headers()  # makes the owner a submitter
    client = Client()
    client.force_login(service_user("bench"))
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    texts = {name: text for name, text in letters.payload("").items() if name != "file"}
    form_type, form = as_form(
        {"csrfmiddlewaretoken": CSRF, "charset": "auto", "test_of": "1", **texts}, listed
    )
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={CSRF}"

    def ask(port: int) -> None:
        known = {"Cookie": cookies, "Content-Type": form_type}
        post(port, "/kinds/email.campaign", form, known, HTTPStatus.FOUND)

    return ask


def as_form(fields: Mapping[str, str], listed: bytes) -> tuple[str, bytes]:
    """Media type and body of a form with these fields and the list as its file."""
    boundary = uuid4().hex
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [f'{head}"{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    parts.append(f'{head}"file"; filename="readers.csv"\r\nContent-Type: text/csv\r\n\r\n')
    body = "".join(parts).encode() + listed + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body


def post(port: int, path: str, body: bytes, known: Mapping[str, str], wanted: HTTPStatus) -> bytes:
    """The body of the answer; ends the benchmark if it is another one."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=120)
    try:
        connection.request("POST", path, body, dict(known))
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != wanted:
        raise SystemExit(f"{path} answered {answer.status}, not {wanted}: {content[-2000:].decode()}")
    return content


Door = Callable[[bytes], Callable[[int], None]]

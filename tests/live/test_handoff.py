"""What a caller wishes, and what is handed off for it."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from jobs import handoff
from jobs.handoff import HEADER, MARK, STREAM, WAIT, Handoff
from tests.factories import make_job


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5), ("respond-async, wait=10", 10), ('Wait="7"', 7), ("wait=20;foo=bar, x", 20),
        ("wait=100000", 60), ("wait=0", 0), ("wait", 0), ("wait=-1", 0), ("wait=5x", 0), ("await=5", 0),
        ("foo=wait=5", 0), ("wait=1, wait=9", 1), ("", 0), ("wait=" + "9" * 400, 0),
    ],
)  # fmt: skip
def test_a_wish_to_wait_is_read_as_the_standard_has_it(prefer: str, seconds: float) -> None:
    request = RequestFactory().get("/", headers={"Prefer": prefer})

    assert handoff.wished_seconds(request) == seconds


@pytest.mark.django_db
def test_a_hand_off_says_what_is_left_to_do() -> None:
    job = make_job("queued")
    request = RequestFactory().get("/", headers={"Prefer": "wait=5", "Last-Event-ID": "3.9"})
    request.scope = {MARK: True}  # type: ignore[attr-defined]

    waits = handoff.wait_for(request, HttpResponse(), job.id, path="/jobs/7")
    streams = handoff.stream(request, HttpResponse(), job.id)

    assert Handoff.read(waits[HEADER]) == Handoff(WAIT, job.id, "127.0.0.1", 5, "/jobs/7")
    assert Handoff.read(streams[HEADER]) == Handoff(STREAM, job.id, "127.0.0.1", last_id="3.9")


@pytest.mark.django_db
def test_nothing_is_handed_off_where_nobody_takes_it_or_nobody_waits() -> None:
    job = make_job("queued")
    alone = RequestFactory().get("/", headers={"Prefer": "wait=5"})
    hasty = RequestFactory().get("/")
    hasty.scope = {MARK: True}  # type: ignore[attr-defined]

    for request in (alone, hasty):
        assert HEADER not in handoff.wait_for(request, HttpResponse(), job.id, path="/")


@pytest.mark.django_db
def test_head_hears_of_a_stream_and_takes_no_place() -> None:
    job = make_job("queued")
    request = RequestFactory().head("/", headers={"Prefer": "wait=5"})
    request.scope = {MARK: True}  # type: ignore[attr-defined]

    waits = handoff.wait_for(request, HttpResponse(), job.id, path="/")
    streams = handoff.stream(request, HttpResponse(status=503), job.id)

    assert HEADER not in waits
    assert HEADER not in streams
    assert (streams.status_code, streams["Content-Type"]) == (200, "text/event-stream; charset=utf-8")


@pytest.mark.parametrize(("last_id", "heard"), [("4.0", True), ("3.9", False), ("", False), ("x.1", False)])
def test_who_has_heard_the_end_is_told_nothing_more(last_id: str, heard: bool) -> None:
    request = RequestFactory().get("/", headers={"Last-Event-ID": last_id})

    assert handoff.has_heard_all(request, 4) is heard

"""Whatever goes wrong is an RFC 9457 problem that says what, where and how to mend it."""

import json

import pytest
from django.db import OperationalError
from django.test import Client

from jobs.api import kinds
from jobs.api.problems import CATALOGUE, MEDIA_TYPE
from jobs.models import Job
from tests.api.conftest import BASE, post

pytestmark = pytest.mark.django_db

DEEP = 100_000
HOSTILE = {
    # body: (status, code, a word of the detail)
    b"": (422, "invalid", ""),
    b"{": (400, "malformed_json", "line 1, column 2"),
    b'{"kind": "test.frame",}': (400, "malformed_json", "column 23"),
    b"null": (422, "invalid", ""),
    b"[]": (422, "invalid", ""),
    b'"kind"': (422, "invalid", ""),
    b'\xff{"kind": 1}': (400, "malformed_json", "byte 0"),
    b'{"kind": "\xe4"}': (400, "malformed_json", "byte 10"),
    '{"kind": "test.frame"}'.encode("utf-16"): (400, "malformed_json", "byte 0"),
    b'{"kind": "a", "kind": "b"}': (400, "malformed_json", "twice"),
    b'{"kind": "test.frame", "payload": {"width": NaN}}': (400, "malformed_json", "NaN"),
    b'{"kind": "test.frame", "payload": {"width": -Infinity}}': (400, "malformed_json", "-Infinity"),
    b'{"kind": "test.frame", "payload": {"width": 1e999}}': (400, "malformed_json", "too large"),
    b'{"kind": "test.frame", "priority": 1%s}' % (b"0" * 30): (422, "invalid", ""),
    b'{"kind": "test.frame", "priority": 1%s}' % (b"0" * 5000): (400, "malformed_json", "number"),
    b"[" * DEEP + b"]" * DEEP: (400, "malformed_json", "nested"),
    b'{"a":' * 100 + b"1" + b"}" * 100: (400, "malformed_json", "nested"),
    b'{"kind": "test.frame", "payload": {"width": 20, "title": "\\u0000"}}': (422, "invalid", "NUL"),
    b'{"kind": "test.frame", "payload": {"width": 20, "title": "\\ud800"}}': (422, "invalid", "surrogate"),
    b'{"kind": "test.frame", "payload": {"width": 20}, "group": "\\u0000"}': (422, "invalid", "NUL"),
    b'{"kind": "test\\u0000"}': (422, "invalid", "NUL"),
    b'{"kind": "test.frame", "payload": {"width": 20}, "speed": 3}': (422, "invalid", "/speed"),
    b'{"kind": "test.frame", "payload": {"width": 20}, "priority": "5"}': (422, "invalid", "/priority"),
    b'{"kind": "test.frame", "payload": {"width": 20}, "priority": true}': (422, "invalid", "/priority"),
    b'{"kind": "test.frame", "payload": {"width": 20}, "run_at": 5}': (422, "invalid", "/run_at"),
    b'{"kind": "test.frame", "payload": {"width": 20}, "run_at": "2026-01-01T00:00:00"}': (
        422,
        "invalid",
        "/run_at",
    ),
    b'{"kind": "test.frme"}': (422, "unknown_kind", "Did you mean 'test.frame'?"),
    b'{"kind": "test.frame", "payload": {"width": "20"}}': (422, "bad_payload", "width"),
    b'{"kind": "test.frame", "payload": {"width": 20, "hight": 3}}': (422, "bad_payload", "hight"),
    b'{"kind": "test.frame", "payload": []}': (422, "invalid", "/payload"),
}


def check(answer, status: int, code: str) -> dict:
    """It is a problem, of this status and code, and its type leads to a page."""
    assert (answer.status_code, answer["Content-Type"]) == (status, MEDIA_TYPE), answer.content
    found = answer.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["title"] and found["detail"]
    assert found["request_id"] == answer["X-Request-ID"]
    assert Client().get(found["type"]).status_code == 200
    return found


@pytest.mark.parametrize(("body", "expected"), HOSTILE.items(), ids=lambda case: repr(case)[:60])
def test_a_hostile_body_is_a_typed_problem_and_leaves_nothing(api, frame, body, expected):
    status, code, word = expected

    answer = api.post(f"{BASE}/jobs", body, content_type="application/json")

    assert word in check(answer, status, code)["detail"]
    assert not Job.objects.exists()


@pytest.mark.parametrize(("number", "status"), [("5.0", 202), ("5e0", 202), ("5.5", 422), ("1e300", 422)])
def test_a_whole_number_is_one_however_it_is_written(office, frame, number, status):
    body = f'{{"kind": "test.frame", "payload": {{"width": 20}}, "priority": {number}}}'

    answer = office.post(f"{BASE}/jobs", body.encode(), content_type="application/json")

    assert answer.status_code == status
    assert [job.priority for job in Job.objects.all()] == ([5] if status == 202 else [])


def test_every_place_that_does_not_fit_is_named(api, frame):
    answer = post(api, "/jobs", {"kind": "test.frame", "payload": {"width": 4, "a/b~c": 1}})

    places = {wrong["pointer"] for wrong in check(answer, 422, "bad_payload")["errors"]}
    assert places == {"/payload/width", "/payload/a~1b~0c"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/nothing", 404, "not_found"),
        ("get", "/jobs/", 404, "not_found"),
        ("get", "/jobs/7", 404, "not_found"),
        ("get", "/jobs/01a203b8-7ce7-76b5-ae55-681e1a85674e", 404, "not_found"),
        ("get", "/kinds/test.frme", 404, "not_found"),
        ("get", "/files/forged", 404, "not_found"),
        ("delete", "/jobs", 405, "method_not_allowed"),
        ("trace", "/me", 405, "method_not_allowed"),
        ("get", "/jobs?filter=state:asleep", 422, "bad_filter"),
        ("get", "/jobs?limit=0", 422, "invalid"),
        ("get", "/jobs?limit=-1", 422, "invalid"),
        ("get", "/jobs?limit=9999999999999999999999", 422, "invalid"),
        ("get", "/jobs?filter=kind:%00", 422, "bad_filter"),
        ("get", "/jobs?cursor=forged", 400, "bad_cursor"),
        ("get", "/jobs?limt=5", 422, "unknown_parameter"),
        ("get", "/jobs?limit=5&limit=6", 422, "unknown_parameter"),
        ("get", "/me?%00=%ff", 422, "unknown_parameter"),
        ("post", "/jobs/01a203b8-7ce7-76b5-ae55-681e1a85674e/cancel?force=1", 422, "unknown_parameter"),
    ],
)
def test_what_is_not_there_or_not_so_is_a_problem(api, method, path, status, code):
    found = check(getattr(api, method)(BASE + path), status, code)

    assert found["instance"] == (BASE + path).partition("?")[0]


def test_a_parameter_that_is_not_known_is_named_with_the_nearest(api):
    found = check(api.get(f"{BASE}/jobs?filtr=state:failed&x=1"), 422, "unknown_parameter")

    assert [wrong["pointer"] for wrong in found["errors"]] == ["query:filtr", "query:x"]
    assert "did you mean `filter`?" in found["errors"][0]["detail"]
    assert "known are: `filter`, `cursor`, `limit`, `count`." in found["errors"][1]["detail"]


def test_a_payload_that_is_wrong_in_many_places_is_told_of_in_a_sentence(api, frame):
    payload = {"width": 20} | {f"field{number}": 0 for number in range(100)}

    found = check(post(api, "/jobs", {"kind": "test.frame", "payload": payload}), 422, "bad_payload")

    assert len(found["errors"]) == 100
    assert found["detail"].endswith("; and 90 more")


@pytest.mark.parametrize("code", ["bad_payload", "invalid"])
def test_of_many_places_a_thousand_are_named_and_the_rest_counted(api, frame, code):
    wide, payload = {f"field{number}": 0 for number in range(1200)}, {"width": 20}
    at = {"bad_payload": {"payload": payload | wide}, "invalid": {"payload": payload} | wide}

    found = check(post(api, "/jobs", {"kind": "test.frame"} | at[code]), 422, code)

    assert len(found["errors"]) == 1001
    assert found["errors"][-1] == {"pointer": "", "detail": "200 more places do not fit", "code": "more"}


def test_an_address_that_is_not_understood_does_nothing(api, frame):
    answer = post(api, "/jobs?atomic=true", {"kind": "test.frame", "payload": {"width": 20}})

    assert "it takes none" in check(answer, 422, "unknown_parameter")["detail"]
    assert not Job.objects.exists()


def test_a_wrong_method_is_told_the_right_ones(api):
    answer = api.put(f"{BASE}/jobs")

    assert answer["Allow"] == "GET, HEAD, POST"


def test_head_reads_like_get(api):
    assert api.head(f"{BASE}/kinds").status_code == 200


def test_what_does_not_call_itself_json_is_refused(api, frame):
    answer = api.post(f"{BASE}/jobs", {"kind": "test.frame"})

    assert "--json" in check(answer, 415, "unsupported_media_type")["detail"]


def test_a_body_larger_than_is_kept_in_memory_is_too_large(api, frame):
    body = json.dumps({"kind": "test.frame", "payload": {"title": "x" * 2_200_000}})

    check(api.post(f"{BASE}/jobs", body, content_type="application/json"), 413, "too_large")


def test_what_nobody_expected_is_written_down_and_tells_nothing(api, monkeypatch):
    def broken(*_):
        raise RuntimeError("the secret 4711")

    monkeypatch.setattr(kinds, "shown_kind", broken)

    assert "4711" not in json.dumps(check(api.get(f"{BASE}/kinds"), 500, "internal"))


def test_without_the_database_the_answer_says_when_to_come_back(api, frame, monkeypatch):
    def away(*_, **__):
        raise OperationalError("connection refused")

    monkeypatch.setattr("jobs.api.asking.submit_job", away)
    answer = post(api, "/jobs", {"kind": "test.frame", "payload": {"width": 20}})

    check(answer, 503, "unavailable")
    assert int(answer["Retry-After"]) > 0


def test_every_problem_has_a_page(client):
    for code in CATALOGUE:
        assert code in client.get(f"{BASE}/problems/{code}").content.decode()
    assert client.get(f"{BASE}/problems/none").status_code == 404


def test_a_host_that_is_not_served_is_a_problem(api):
    answer = api.get(f"{BASE}/me", headers={"Host": "evil.example"})

    assert (answer.status_code, answer["Content-Type"]) == (400, MEDIA_TYPE)


def test_what_breaks_outside_the_view_is_a_problem(api, monkeypatch):
    from core import middleware

    def broken(*_, **__):
        raise RuntimeError("outside")

    monkeypatch.setattr(middleware.structlog.contextvars, "bound_contextvars", broken)
    answer = api.get(f"{BASE}/me")

    assert (answer.status_code, answer["Content-Type"]) == (500, MEDIA_TYPE)

"""Whatever is sent, the answer is a typed problem or a job; never a 500, and nothing half done."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.api.problems import MEDIA_TYPE
from jobs.models import Job
from tests.api.conftest import BASE

pytestmark = pytest.mark.django_db

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["kind", "payload", "queue", "priority", "run_at", "group", "jobs", "atomic", "name"])
BODIES = st.one_of(
    st.binary(max_size=200),
    VALUES.map(json.dumps).map(str.encode),
    st.dictionaries(NAMES, VALUES | st.just("test.frame"), max_size=6).map(json.dumps).map(str.encode),
)
PATHS = st.sampled_from(
    ["/jobs", "/jobs/batch", "/schedules", "/tokens", "/queues/frames/pause", "/webhooks"]
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(answer: Any) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code >= 400:
        assert answer["Content-Type"] == MEDIA_TYPE
        assert answer.json()["code"]


@QUICK
@given(path=PATHS, body=BODIES)
def test_a_hostile_body_never_breaks_a_door(office, frame, path, body):
    before = Job.objects.count()

    answer = office.post(BASE + path, body, content_type="application/json")

    check(answer)
    assert answer.status_code < 400 or Job.objects.count() == before


@QUICK
@given(
    name=st.sampled_from(["filter", "cursor", "limit", "count", "after"]),
    value=st.text(max_size=50),
    path=st.sampled_from(["/jobs", "/jobs/export", "/webhooks"]),
)
def test_a_hostile_address_never_breaks_a_door(office, name, value, path):
    check(office.get(BASE + path, {name: value.encode("utf-8", "replace")}))

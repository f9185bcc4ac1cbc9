"""The description is OpenAPI 3.1, whole in itself, and names every header that an answer carries."""

import io
import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from jobs.api.openapi import OPERATIONS, description
from tests.api.conftest import BASE, post
from tests.api.matrix import ASKED, FILE, MESSAGE, OPERATOR, SHEET
from tests.api.test_change import patch, tag_of
from tests.api.test_matrix import inbox, programs, set_conf, things
from tests.factories import make_job

__all__ = ["inbox", "programs", "set_conf", "things"]
pytestmark = pytest.mark.django_db

OF_EVERY_PAGE = {
    "content-type", "content-length", "vary", "x-content-type-options", "x-frame-options", "referrer-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "content-security-policy",
}  # fmt: skip
"""Headers of HTTP itself and of the browser's guards, which OpenAPI leaves out."""


@pytest.fixture
def document() -> dict[str, Any]:
    return json.loads(json.dumps(description()))


def test_it_is_valid_by_the_schema_of_openapi_itself(document):
    errors = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in jsonschema_rs.validator_for(OPENAPI_31).iter_errors(document)
    ]

    assert errors == []


def test_the_schema_of_openapi_finds_what_is_wrong(document):
    document["paths"][f"{BASE}/me"]["get"]["parameters"] = [{"in": "nowhere", "name": 7}]

    assert not jsonschema_rs.validator_for(OPENAPI_31).is_valid(document)


def test_every_schema_in_it_is_a_schema(document):
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.Draft202012Validator(
            {"$id": f"urn:{name}", **schema, "components": document["components"]}
        )


def test_every_reference_leads_to_something(document):
    def there(reference: str) -> bool:
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        return found is not None

    references = list(values_of(document, "$ref"))
    assert len(references) > 100
    assert [each for each in references if not there(each)] == []


def test_every_link_leads_to_an_operation_that_takes_what_it_gives(document):
    links = list(values_of([*values_of(document["paths"], "responses")], "links"))
    assert links
    for each in [link for named in links for link in named.values()]:
        operation, _ = found_at(document, each["operationId"])
        taken = {parameter["name"] for parameter in operation["parameters"]}
        taken |= {f"header.{name}" for name in taken}
        assert set(each["parameters"]) <= taken


def test_every_name_in_a_path_is_a_parameter(document):
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


@pytest.mark.parametrize("name", list(ASKED))
def test_every_header_of_a_good_answer_is_described(document, programs, things, name):
    asked = ASKED[name]
    path = BASE + asked.path.format(**things)
    client = programs[OPERATOR]
    if asked.body is FILE:
        answer = client.post(path, {"file": io.BytesIO(b"words")})
    elif asked.body is MESSAGE:
        answer = client.post(path, things["message"], content_type="message/rfc822")
    elif asked.body is SHEET:
        answer = client.post(path, "eve@example.org\n", content_type="text/csv")
    else:
        body = json.dumps(asked.body).replace("{url}", things["url"]) if asked.body is not None else ""
        answer = client.generic(
            asked.method.upper(), path, body, content_type="application/json", headers=asked.headers
        )

    answer.close()
    assert undescribed(document, name, answer) == set()


def test_every_header_of_a_page_a_replay_a_304_and_a_change_is_described(document, api, frame, submitter):
    jobs = [make_job("queued", kind="test.frame", owner=submitter) for _ in range(5)]
    first = api.get(f"{BASE}/jobs?limit=2")
    middle = api.get(f"{BASE}/jobs?limit=2&cursor={first.json()['next']}")
    body, key = {"kind": "test.frame", "payload": {"width": 20}}, {"Idempotency-Key": "k"}
    post(api, "/jobs", body, **key)
    tag = tag_of(api, jobs[0])
    same = api.get(f"{BASE}/jobs/{jobs[0].id}", headers={"If-None-Match": tag})

    assert 'rel="prev"' in middle["Link"]
    assert undescribed(document, "list_jobs", middle) == set()
    assert undescribed(document, "submit", post(api, "/jobs", body, **key)) == set()
    assert undescribed(document, "get_job", same) == set()
    assert undescribed(document, "change", patch(api, jobs[0], {"run_at": None}, tag)) == set()


def test_every_header_of_a_problem_is_described(document, api, client, frame, submitter):
    job = make_job("running", owner=submitter)
    refused = {
        "get_me": client.get(f"{BASE}/me"),
        "list_jobs": api.put(f"{BASE}/jobs"),
        "submit": api.post(f"{BASE}/jobs", "x", content_type="text/plain"),
        "get_result": api.get(f"{BASE}/jobs/{job.id}/result"),
        "change": patch(api, job, {"run_at": None}, None),
        "get_events": api.get(f"{BASE}/jobs/{job.id}/events", headers={"Accept": "text/event-stream"}),
    }

    assert [each.status_code for each in refused.values()] == [401, 405, 415, 409, 428, 501]
    for name, answer in refused.items():
        assert undescribed(document, name, answer) == set(), name


def test_what_a_program_may_send_is_described(document):
    sent = {
        name: {each["name"] for each in found_at(document, name)[0]["parameters"] if each["in"] == "header"}
        for name in OPERATIONS
    }

    assert sent["submit"] == {"Prefer", "Idempotency-Key"}
    assert sent["get_job"] == {"Prefer", "If-None-Match"}
    assert sent["change"] == {"If-Match", "Idempotency-Key"}
    assert sent["get_events"] == {"Last-Event-ID"}
    assert "text/event-stream" in found_at(document, "get_events")[0]["responses"]["200"]["content"]


def undescribed(document: dict[str, Any], name: str, answer: Any) -> set[str]:
    """The headers of an answer that its operation does not name."""
    operation, _ = found_at(document, name)
    response = operation["responses"][str(answer.status_code)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    described = {each.lower() for each in response.get("headers", {})}
    return {each.lower() for each in answer.headers} - described - OF_EVERY_PAGE


def found_at(document: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """An operation, and its path."""
    return next(
        (operation, path)
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if operation["operationId"] == name
    )


def values_of(found: Any, name: str) -> Iterator[Any]:
    """Every value of that name, however deep."""
    if isinstance(found, dict):
        for key, inner in found.items():
            if key == name:
                yield inner
            yield from values_of(inner, name)
    elif isinstance(found, list):
        for inner in found:
            yield from values_of(inner, name)

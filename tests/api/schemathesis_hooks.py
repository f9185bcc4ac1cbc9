"""What schemathesis is told: the few things that no schema can say, made so that what fits it is accepted.

Only what was made to be accepted is touched; what was made to be refused is sent as it is.
"""

import json
import os
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import schemathesis
from schemathesis.generation.meta import TestPhase

FILE = os.environ.get("SCHEMATHESIS_FILE", "")
"""A picture that is there, in place of ids of files that are not."""
URL = os.environ.get("SCHEMATHESIS_URL", "")
"""An address that webhooks may be sent to."""

_files: dict[str, dict[str, bool]] = {}
"""By kind: the fields of its payload that name files, and whether they name several."""

FIRST, EVERY = 5, int(os.environ.get("SCHEMATHESIS_EVERY", "1"))
"""Of the coverage phase's cases: the first ones of an operation, then each so manieth."""
_cases: Counter[str] = Counter()


@schemathesis.deserializer("application/x-ndjson")
def read_lines(context: Any, response: Any) -> Any:
    """An export: each line is a document."""
    return [json.loads(line) for line in response.content.splitlines()]


@schemathesis.serializer("message/rfc822")
def write_message(context: Any, value: Any) -> Any:
    """A message goes as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.serializer("text/csv")
def write_sheet(context: Any, value: Any) -> Any:
    """A file goes as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.deserializer("text/csv")
def read_sheet(context: Any, response: Any) -> Any:
    """An export: its lines."""
    return response.content.decode().splitlines()


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Learn which fields name files."""
    for name, schema in raw_schema["components"]["schemas"].items():
        fields = schema.get("properties", {})
        found = {
            field: each.get("type") == "array" for field, each in fields.items() if "x-artifact" in str(each)
        }
        if name.endswith(".payload") and found:
            _files[name.removesuffix(".payload")] = found


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Whether a case is tried: what the coverage phase enumerates takes minutes, and most of it is alike."""
    if EVERY == 1 or case.meta is None or case.meta.phase.name != TestPhase.COVERAGE:
        return True
    name = case.operation.definition.raw["operationId"]
    _cases[name] += 1
    return _cases[name] <= FIRST or _cases[name] % EVERY == 0


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Replace what would be refused for a reason that lies outside of the description."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())  # two requests under one key are one
    mend = MEND.get(case.operation.definition.raw["operationId"])
    if mend is not None:
        mend(case)


def mend_submit(case: Any) -> None:
    """No worker serves another queue, nobody is in another group, no other file is there."""
    if isinstance(case.body, dict):
        mend_job(case.body)


def mend_job(job: dict[str, Any]) -> None:
    for name in ("queue", "group"):
        job.pop(name, None)
    payload = job.get("payload")
    for field, are_many in _files.get(job.get("kind", ""), {}).items():
        if isinstance(payload, dict) and payload.get(field):
            payload[field] = [FILE] * len(payload[field]) if are_many else FILE


def mend_again(case: Any) -> None:
    """Which payload fits, the kind of the old job decides."""
    if isinstance(case.body, dict):
        for name in ("payload", "queue"):
            case.body.pop(name, None)


def mend_change(case: Any) -> None:
    """The tag is the one that the job has."""
    mend_again(case)
    if not case.body:
        case.body = {"priority": 1}
    if case.headers and "If-Match" in case.headers:
        case.headers["If-Match"] = "*"


def mend_batch(case: Any) -> None:
    """Which job is no job, is told of each by itself, except of a batch that is one."""
    if isinstance(case.body, dict):
        case.body["jobs"] = [{"kind": "cleanup.run", "payload": {}} for _ in case.body["jobs"][:3]]


def mend_list(case: Any) -> None:
    """A filter has a grammar, and a cursor is made by the server."""
    for name in ("filter", "cursor", "before"):
        if case.query:
            case.query.pop(name, None)


def mend_schedule(case: Any) -> None:
    """A name is given once, a time is a rule of its own, and only kinds that are there have schedules."""
    if isinstance(case.body, dict):
        for name in ("cron", "timezone", "at", "queue"):
            case.body.pop(name, None)
        case.body |= {"name": str(uuid.uuid4()), "kind": "cleanup.run", "payload": {}, "every_seconds": 90}


def mend_token(case: Any) -> None:
    """A time that is over is no end."""
    if isinstance(case.body, dict):
        case.body.pop("expires_at", None)


def mend_webhook(case: Any) -> None:
    """Addresses are looked up, kinds and queues known."""
    if isinstance(case.body, dict):
        case.body["url"] = URL
        for name in ("kinds", "queues"):
            case.body.pop(name, None)


def mend_addresses(case: Any) -> None:
    """What an address is, has rules of its own; a time that is over suppresses nobody."""
    if isinstance(case.body, dict):
        case.body["addresses"] = [f"{uuid.uuid4()}@example.org" for _ in case.body["addresses"][:3]]


def mend_sheet(case: Any) -> None:
    """What is CSV, has rules of its own."""
    case.body = f"address\n{uuid.uuid4()}@example.org\nnobody\n"


MEND: dict[str, Callable[[Any], None]] = {
    "submit": mend_submit,
    "rerun": mend_again,
    "change": mend_change,
    "submit_batch": mend_batch,
    "add_suppressions": mend_addresses,
    "list_suppressions": mend_list,
    "import_suppressions": mend_sheet,
    "add_token": mend_token,
    "list_deliveries": mend_list,
    "list_jobs": mend_list,
    "export": mend_list,
    "add_schedule": mend_schedule,
    "put_schedule": mend_schedule,
    "add_webhook": mend_webhook,
    "put_webhook": mend_webhook,
}

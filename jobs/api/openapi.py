"""The description of this door for programs: OpenAPI 3.1, made from the operations and the kinds.

Ninja describes what each operation takes and gives; added here is what they have in common: problems, keys,
the payload of each kind, where to go on.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse

from jobs.api.answers import answer
from jobs.api.api import OPERATIONS, api
from jobs.api.auth import Bearer
from jobs.api.openapi_headers import COMPONENTS, OF_STATUS, carried, parameters, response_headers
from jobs.api.openapi_kinds import add_kinds
from jobs.api.openapi_links import add_links
from jobs.api.problems import MEDIA_TYPE
from jobs.registry import KINDS
from jobs.search.export import MEDIA_TYPE as JSON_LINES

Described = dict[str, Any]

ALWAYS = (400, 401, 403, 404, 405, 422, 429, 500, 503)
WITH_BODY = (413, 415)
WITH_KEY = (409,)
MEANING = {
    400: "The request cannot be read.",
    401: "No token, or one that is no good.",
    403: "Not for this token, or not for this person.",
    404: "Not there, or not yours to see.",
    405: "Not by this method.",
    409: "Not in this state, or the first request with this key is still being answered.",
    410: "Purged: its time was over.",
    413: "Too large.",
    415: "Not in this format.",
    422: "Something does not fit: `errors` says where and why.",
    429: "Too often, or too many jobs wait.",
    500: "Something broke on our side.",
    503: "The database is away: send the same again, with the same key.",
}
PROBLEM: Described = {
    "type": "object",
    "description": "RFC 9457. `type` leads to a page about it; `code` is stable.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer into the body."},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}
BYTES = {"get_file": "*/*", "export": JSON_LINES, "export_suppressions": "text/csv"}
"""The operations that answer with something else than JSON."""
STREAM: Described = {
    "schema": {
        "type": "string",
        "description": "Server-sent events: `moved`, `log`, `progress`, at last `end`; `data` is JSON.",
    }
}
MORE = {
    "get_events": {204: "It has ended, and you have heard all of it.", 501: "Nothing is streamed here."},
    "change": {412: "The job has changed since you looked.", 428: "There is no `If-Match`."},
}
"""What an operation may answer besides; from 400 on they are problems."""


def openapi_json(request: HttpRequest) -> HttpResponse:
    """The description, for everybody: it tells nothing of anybody."""
    return answer(description())


def description() -> Described:
    """The whole document."""
    return described(tuple(id(kind) for kind in KINDS.listed()))


@lru_cache(maxsize=1)
def described(kinds: tuple[int, ...]) -> Described:
    """The document for the kinds there are; made once, for making it takes a while."""
    document = dict(api.get_openapi_schema())
    document.pop("servers", None)
    document["components"]["schemas"]["Problem"] = PROBLEM
    document["components"]["responses"] = {
        str(status): problem_response(status, text) for status, text in MEANING.items()
    }
    document["components"]["headers"] = COMPONENTS
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            complete(path, method, operation)
    add_kinds(document, KINDS.listed())
    return document


def complete(path: str, method: str, operation: Described) -> None:
    """What ninja does not know of an operation."""
    name = operation["operationId"]
    view = VIEWS[name]
    has_key = hasattr(view, "takes_key")
    statuses = {*ALWAYS, *(WITH_BODY if "requestBody" in operation else ()), *(WITH_KEY if has_key else ())}
    statuses |= {409, 410} if "{id}" in path or "{token}" in path else set()
    more = MORE.get(name, {})
    answers = {int(status): found for status, found in operation["responses"].items()}
    answers |= {status: {"description": text} for status, text in more.items() if status < 400}
    operation["responses"] = {
        **{str(status): own_response(name, status, found) for status, found in answers.items()},
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)},
        **{str(status): problem_response(status, text) for status, text in more.items() if status >= 400},
    }
    operation["parameters"] = [*map(without_null, operation["parameters"]), *parameters(name, view)]
    add_links(operation)
    add_scope(operation)
    if name in BYTES:
        operation["responses"]["200"]["content"] = {BYTES[name]: {"schema": {}}}
    if name == "get_events":
        operation["responses"]["200"]["content"]["text/event-stream"] = STREAM


def without_null(parameter: Described) -> Described:
    """A parameter that may be left out; there is no null in an address."""
    branches = [each for each in parameter["schema"].get("anyOf", []) if each != {"type": "null"}]
    if len(branches) != 1:
        return parameter
    around = {name: value for name, value in parameter["schema"].items() if name not in ("anyOf", "default")}
    return {**parameter, "schema": {**branches[0], **around}}


def own_response(name: str, status: int, found: Described) -> Described:
    """A response that the operation declares, with the headers it carries."""
    shows_job = "JobOut" in str(found.get("content", ""))
    return {**found, "headers": response_headers(carried(name, VIEWS[name], status, shows_job=shows_job))}


def problem_response(status: int, meaning: str) -> Described:
    """A problem of this status."""
    return {
        "description": meaning,
        "headers": response_headers(OF_STATUS.get(status, ())),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def add_scope(operation: Described) -> None:
    """The scope that the operation's token needs."""
    callbacks = OPERATIONS[operation["operationId"]].auth_callbacks
    needed = [each.scope.value for each in callbacks if isinstance(each, Bearer) and each.scope]
    operation["security"] = [{Bearer.__name__: needed}]


VIEWS = {name: operation.view_func for name, operation in OPERATIONS.items()}

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
from jobs.api.idempotent import HEADER
from jobs.api.openapi_kinds import add_kinds
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
    503: "The database is away; nothing was done.",
}
RETRY = {429, 503, 409}
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
KEY: Described = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "description": "The same key and body again get the first answer, with `Idempotent-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[A-Za-z0-9._~:+/=-]+$"},
}
LINKS: Described = dict.fromkeys(
    ("get_job", "cancel", "rerun", "retry", "get_result", "get_log", "get_events"), "/id"
)
MAKES: dict[str, Described] = {
    "submit": LINKS,
    "rerun": LINKS,
    "upload": {"get_upload": "/id"},
    "add_token": {"get_token": "/id", "revoke_token": "/id"},
    "add_schedule": dict.fromkeys(
        ("get_schedule", "put_schedule", "enable_schedule", "disable_schedule", "remove_schedule"), "/id"
    ),
    "add_webhook": dict.fromkeys(
        ("get_webhook", "put_webhook", "enable", "disable", "rotate", "remove_webhook"), "/id"
    ),
}
"""Which operations go on from what an operation made, and where its id stands."""
BYTES = {"get_file": "*/*", "export": JSON_LINES}
"""The operations that answer with something else than JSON."""
HEADERS: dict[str, Described] = {
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "Retry-After": {"description": "When to look, in seconds.", "schema": {"type": "integer"}},
    "ETag": {"description": "For `If-None-Match`.", "schema": {"type": "string"}},
}
CARRIES = {202: ("Location", "Retry-After"), 201: ("Location",), 303: ("Location",)}


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
    document["components"]["responses"] = {str(status): problem_response(status) for status in MEANING}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            complete(path, method, operation)
    add_kinds(document, KINDS.listed())
    return document


def complete(path: str, method: str, operation: Described) -> None:
    """What ninja does not know of an operation."""
    view = VIEWS[operation["operationId"]]
    has_key = hasattr(view, "takes_key")
    statuses = {*ALWAYS, *(WITH_BODY if "requestBody" in operation else ()), *(WITH_KEY if has_key else ())}
    statuses |= {409, 410} if "{id}" in path or "{token}" in path else set()
    operation["responses"] = {
        **{str(status): own_response(status, found) for status, found in operation["responses"].items()},
        **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)},
    }
    operation["parameters"] = [without_null(each) for each in operation["parameters"]]
    if has_key:
        operation["parameters"].append(KEY)
    add_links(operation)
    add_scope(operation)
    if operation["operationId"] in BYTES:
        operation["responses"]["200"]["content"] = {BYTES[operation["operationId"]]: {"schema": {}}}


def without_null(parameter: Described) -> Described:
    """A parameter that may be left out; there is no null in an address."""
    branches = [each for each in parameter["schema"].get("anyOf", []) if each != {"type": "null"}]
    if len(branches) != 1:
        return parameter
    around = {name: value for name, value in parameter["schema"].items() if name not in ("anyOf", "default")}
    return {**parameter, "schema": {**branches[0], **around}}


def own_response(status: int, found: Described) -> Described:
    """A response that the operation declares, with the headers it carries."""
    headers = {name: HEADERS[name] for name in CARRIES.get(int(status), ())}
    return {**found, **({"headers": headers} if headers else {})}


def problem_response(status: int) -> Described:
    """A problem of this status."""
    found: Described = {
        "description": MEANING[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in RETRY:
        found["headers"] = {"Retry-After": HEADERS["Retry-After"]}
    return found


def add_links(operation: Described) -> None:
    """Where to go on from what was made."""
    links = {
        name: {"operationId": name, "parameters": {"id": f"$response.body#{where}"}}
        for name, where in MAKES.get(operation["operationId"], {}).items()
    }
    for status in ("201", "202"):
        if links and status in operation["responses"]:
            operation["responses"][status] = {**operation["responses"][status], "links": links}


def add_scope(operation: Described) -> None:
    """The scope that the operation's token needs."""
    callbacks = OPERATIONS[operation["operationId"]].auth_callbacks
    needed = [each.scope.value for each in callbacks if isinstance(each, Bearer) and each.scope]
    operation["security"] = [{Bearer.__name__: needed}]


VIEWS = {name: operation.view_func for name, operation in OPERATIONS.items()}

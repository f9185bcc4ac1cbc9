"""Flower behind our own login: a proxy that shows what Flower shows, and passes on nothing that acts.

Flower listens on loopback with a password of its own and `--read-only`. Only the pages that are named here
are fetched; the browser's cookies stay with us, Flower's stay with Flower.
"""

from __future__ import annotations

import base64
import http.client
import re
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import structlog
from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from jobs.errors import NotFound
from jobs.pages.answers import Answer, for_operators, page

log = structlog.get_logger()


def b64(content: bytes) -> str:
    """As headers want it."""
    return base64.b64encode(content).decode()


ANSWER_SECONDS = 10.0
LONGEST_BYTES = 20 * 1024 * 1024
READ = frozenset({"GET", "HEAD"})
# Flower's task table sends its search in a form: a POST that reads.
TABLE = "tasks/datatable"
SHOWN = re.compile(
    r"""(?x)
      # nothing: the first page
    | workers | worker/[^/]+
    | tasks | tasks/datatable | task/[^/]+
    | broker
    | api/workers
    | static/[A-Za-z0-9_./-]+
    """
)
SENT = ("Accept", "Content-Type", "If-None-Match", "If-Modified-Since", "X-Requested-With")
GIVEN = ("Content-Type", "Cache-Control", "ETag", "Last-Modified")
# The one script in the midst of a page, with auto-refresh on and off; and DataTables writes style attributes.
INLINE = [f"\nvar autorefresh = {number};\n" for number in (0, 1)]
POLICY = {
    "script-src": ["'self'", *(f"'sha256-{b64(sha256(script.encode()).digest())}'" for script in INLINE)],
    "style-src": ["'self'", "'unsafe-inline'"],
}


class Fetched(NamedTuple):
    """What Flower answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@csrf_exempt
@csp_replace(POLICY)
@for_operators
def flower(request: HttpRequest, path: str = "") -> HttpResponse:
    """A page of Flower, for operators."""
    if not SHOWN.fullmatch(path) or ".." in path:
        raise NotFound("Flower shows no such page here. What acts on workers is not passed on.")
    if request.method not in READ and not (request.method == "POST" and path == TABLE):
        return HttpResponse(
            "Only reading is passed on to Flower.\n", status=405, headers={"Allow": "GET, HEAD"}
        )
    if not settings.FLOWER_URL:
        return sorry(request, "Flower is off", "Start Flower and set FLOWER_URL and FLOWER_AUTH.")
    try:
        fetched = fetch(request, path)
    except (OSError, http.client.HTTPException) as error:
        log.warning("flower_unreachable", path=path, error=str(error) or type(error).__name__)
        return sorry(
            request,
            "Flower does not answer",
            "It may be starting or down; jobs do not need it. Try again soon.",
        )
    if fetched.status == 401:
        log.error("flower_refused_password")
        return sorry(
            request,
            "Flower refuses our password",
            "FLOWER_AUTH must be the user:password that Flower asks for.",
        )
    response = HttpResponse(fetched.body, status=fetched.status)
    del response.headers["Content-Type"]
    for name in GIVEN:
        if value := fetched.headers.get(name):
            response.headers[name] = value
    return response


def fetch(request: HttpRequest, path: str) -> Fetched:
    """Ask Flower; raises OSError or HTTPException where there is no whole answer in time."""
    address = urlsplit(settings.FLOWER_URL)
    connect = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=ANSWER_SECONDS)
    headers = {name: request.headers[name] for name in SENT if name in request.headers}
    if settings.FLOWER_AUTH:
        headers["Authorization"] = f"Basic {b64(settings.FLOWER_AUTH.encode())}"
    query = request.META.get("QUERY_STRING", "")
    target = f"/flower/{quote(path)}" + (f"?{query}" if query else "")
    body = request.body if request.method == "POST" else None
    try:
        connection.request(request.method or "GET", target, body=body, headers=headers)
        answer = connection.getresponse()
        content = answer.read(LONGEST_BYTES + 1)
        if len(content) > LONGEST_BYTES:
            raise http.client.HTTPException(f"{path} is longer than {LONGEST_BYTES} bytes")
        return Fetched(answer.status, answer.headers, content)
    finally:
        connection.close()


def sorry(request: HttpRequest, title: str, text: str) -> HttpResponse:
    """A page of our own instead of Flower's."""
    return page(request, "error.html", {"answer": Answer(503, title, text), "text": text}, status=503)

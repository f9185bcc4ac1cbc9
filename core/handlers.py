"""What Django answers by itself, outside every view: a page for people, a problem for programs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from jobs.api.problems import problem
from jobs.pages import answers

API = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: an unknown host, as a rule."""
    if request.path.startswith(API):
        return problem(request, "bad_request", "This host is not served here, or the request is broken.")
    return answers.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: what broke before or after the view."""
    if request.path.startswith(API):
        return problem(request, "internal", "Something broke on our side. It has been written down.")
    return answers.server_error(request)


def too_large(path: str, text: str) -> tuple[bytes, bytes]:
    """Media type and body of a 413 that is sent before Django is asked."""
    if path.startswith(API):
        answer = problem(None, "too_large", text)
        return answer["Content-Type"].encode(), answer.content
    return b"text/plain; charset=utf-8", f"{text}\n".encode()

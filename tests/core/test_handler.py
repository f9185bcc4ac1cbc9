"""A request passes middleware and view in one visit to its thread, whatever they are."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from core.handler import Handler

SCOPE = {
    "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [],
    "http_version": "1.1", "scheme": "http", "server": ("testserver", 80), "client": ("127.0.0.1", 1),
}  # fmt: skip


def where(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.came_through} {threading.get_ident()}")


async def later(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.came_through} later")


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


class Passage:
    """Middleware that notes its thread."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        request.came_through = threading.get_ident()
        return self.get_response(request)


urlpatterns = [path("", where), path("later", later), path("broken", broken)]


def ask(at: str) -> tuple[int, str]:
    """Status and body."""
    told: list[dict[str, Any]] = []
    whole = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in whole:
            return message
        await asyncio.Event().wait()  # the caller stays
        raise AssertionError("nobody sets it")

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[f"{__name__}.Passage"], ALLOWED_HOSTS=["*"]):
        asyncio.run(Handler()({**SCOPE, "path": at, "raw_path": at.encode()}, receive, send))
    return told[0]["status"], told[1]["body"].decode()


def test_view_and_middleware_share_their_thread() -> None:
    status, body = ask("/")

    middleware, view = body.split()
    assert status == 200
    assert middleware == view != str(threading.get_ident())


def test_an_asynchronous_view_is_answered_too() -> None:
    status, body = ask("/later")

    assert (status, body.split()[1]) == (200, "later")


@pytest.mark.filterwarnings("ignore")
def test_what_breaks_is_a_500() -> None:
    assert ask("/broken")[0] == 500

"""Django's ASGI handler, with all of a request in one visit to its thread.

Django's own goes back to the event loop between the last middleware and the view, in case that is
asynchronous: four more hand-overs between two threads that want the same interpreter. Ours are synchronous;
one that is not runs all the same, and holds a thread meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponseBase

Chain = Callable[[HttpRequest], HttpResponseBase]


class Handler(ASGIHandler):
    """Middleware and views in one piece."""

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)
        if is_async:
            chain: Chain = vars(self)["_middleware_chain"]
            self._middleware_chain = sync_to_async(chain, thread_sensitive=True)


def make_handler() -> Handler:
    """What `get_asgi_application` makes, of our own."""
    django.setup(set_prefix=False)
    return Handler()

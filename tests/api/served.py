"""The whole application behind a real server, on the test's own database."""

import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from django.core.asgi import get_asgi_application
from django.db import connections

from core.body_limit import BodyLimit
from core.handlers import too_large
from tests.waiting import eventually

MEGABYTE = 1024 * 1024


@contextmanager
def served(most: int = 110 * MEGABYTE) -> Iterator[str]:
    """Its address. Connections to the database end with each request, so that none is left behind."""
    application = BodyLimit(get_asgi_application(), most=most, refusal=too_large)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(application, lifespan="off", log_level="warning", access_log=False)
        server = uvicorn.Server(config)
        age = connections.settings["default"]["CONN_MAX_AGE"]
        connections.settings["default"]["CONN_MAX_AGE"] = 0
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thread.start()
            try:
                eventually(lambda: server.started, what="the server is up")
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True
                thread.join(20)
                connections.settings["default"]["CONN_MAX_AGE"] = age

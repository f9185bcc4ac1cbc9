"""A real web process, a token of Alice's, and a proxy that loses answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from millrace_client import Client, Retries

from jobs.tokens import Scope, make_token
from tests.web_process import WebProcess

QUICK = Retries(attempts=4, first=0.01, longest=0.05)


@pytest.fixture
def token(submitter: User) -> str:
    return make_token(submitter, name="tests", scopes=list(Scope)).secret


@pytest.fixture
def millrace(web: WebProcess, token: str) -> Iterator[Client]:
    with Client(web.url, token, retries=QUICK) as client:
        yield client


class Lossy:
    """Passes every request on to the real server; loses the first `lost` answers, or gives them a status.

    What is read (GET) arrives up to the middle of it instead, and then the connection is cut.
    """

    def __init__(self, url: str, lost: int, *, status: int | None) -> None:
        self.keys: list[str] = []
        self.read: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                names = ("Authorization", "Content-Type", "Idempotency-Key")
                kept = {name: self.headers[name] for name in names if name in self.headers}
                answer = httpx2.post(url + self.path, content=body, headers=kept)
                outer.keys.append(self.headers["Idempotency-Key"])
                if len(outer.keys) <= lost and status is None:
                    self.close_connection = True
                    return
                is_turned = len(outer.keys) <= lost
                self.send_response(status if is_turned and status else answer.status_code)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(answer.content)

            def do_GET(self) -> None:
                answer = httpx2.get(url + self.path, headers={"Authorization": self.headers["Authorization"]})
                outer.read.append(self.path)
                is_cut = len(outer.read) <= lost
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content[: len(answer.content) // 2] if is_cut else answer.content)
                self.close_connection = is_cut

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Lossy:
        self.thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


@pytest.fixture
def lossy(web: WebProcess) -> Iterator[Callable[..., Lossy]]:
    with ExitStack() as stack:

        def lossy(lost: int, status: int | None = None) -> Lossy:
            return stack.enter_context(Lossy(web.url, lost, status=status))

        yield lossy

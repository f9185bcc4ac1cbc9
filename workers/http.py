"""A worker main's own /livez, /readyz and /metrics, on loopback: one for each worker, unlike the web's.

Nothing here touches a job. Requests are served in threads of the main process, which also forks the pool's
children; `gate` is held while one looks, so that no fork happens in its midst. Whoever else holds it
for long (a timer whose database is frozen) makes us unready, not silent. A child that inherited the
listening socket closes it at once: the port is free when the main has died, whatever its children still do.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import structlog
from prometheus_client import CollectorRegistry, Gauge, PlatformCollector, ProcessCollector, generate_latest

from jobs.deadline import Question, Unanswered

log = structlog.get_logger()

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 1.3
"""For all checks together."""
LOOK_SECONDS = 1.7
"""For the wait at the gate besides, so that a probe with a limit of 2 s hears why."""
REQUEST_SECONDS = 5.0
"""A caller that sends its request more slowly is cut off."""

Check = Callable[[], object]
"""Truthy = well; falsy or an exception = not ready."""


class NotReady(Exception):
    """What a check raises that can say why, for the probe's answer."""


class WorkerHttp:
    """The server; `port` 0 means none is wanted."""

    def __init__(
        self,
        port: int,
        *,
        checks: Mapping[str, Check],
        gauges: Callable[[], Mapping[str, float]] = dict,
        gate: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.port = port
        self.gauges = gauges
        self.gate = gate if gate is not None else nullcontext()
        self._questions = {
            name: Question(name, check, seconds=ANSWER_SECONDS) for name, check in checks.items()
        }
        self._look = Question("look", self._ready_at_the_gate, seconds=LOOK_SECONDS)
        self._measure = Question("measure", self._metrics_at_the_gate, seconds=LOOK_SECONDS)
        self._server: Server | None = None
        self._processes = CollectorRegistry()
        ProcessCollector(registry=self._processes)
        PlatformCollector(registry=self._processes)

    def start(self) -> None:
        """Listen. A port that is taken is told and does without: it is no reason not to work."""
        if not self.port:
            return
        try:
            self._server = Server((LOOPBACK, self.port), Handler)
        except OSError as error:
            log.error("worker_http_unavailable", port=self.port, error=str(error))
            return
        self._server.worker = self
        os.register_at_fork(after_in_child=self._close_in_child)
        threading.Thread(target=self._server.serve_forever, name="worker http", daemon=True).start()
        log.info("worker_http_started", port=self.port)

    def stop(self) -> None:
        """Stop listening; safe to repeat."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def ready(self) -> tuple[bool, dict[str, str]]:
        """Whether every check is well, and a word for each."""
        try:
            return self._look.answer()
        except Unanswered:
            return False, dict.fromkeys(self._questions, "no answer")

    def metrics(self) -> bytes:
        """The process, and what the worker says about itself; raises Unanswered."""
        return self._measure.answer()

    def _ready_at_the_gate(self) -> tuple[bool, dict[str, str]]:
        with self.gate:
            words = self._ask_all()
        return all(word == "ok" for word in words.values()), words

    def _ask_all(self) -> dict[str, str]:
        deadline = time.monotonic() + ANSWER_SECONDS
        asked = {name: question.start() for name, question in self._questions.items()}
        words = {}
        for name, pending in asked.items():
            try:
                words[name] = "ok" if pending.result(max(deadline - time.monotonic(), 0)) else "not ready"
            except Unanswered:
                words[name] = "no answer"
            except NotReady as reason:
                words[name] = str(reason)
            except Exception as error:  # noqa: BLE001 - whatever a client library raises
                log.warning("health_check_failed", part=name, error=str(error))
                words[name] = "unreachable"
        return words

    def _metrics_at_the_gate(self) -> bytes:
        registry = CollectorRegistry()
        with self.gate:
            for name, value in self.gauges().items():
                Gauge(f"millrace_worker_{name}", "Of this worker alone.", registry=registry).set(value)
            return generate_latest(registry) + generate_latest(self._processes)

    def _close_in_child(self) -> None:
        if self._server is not None:
            self._server.socket.close()
            self._server = None


class Server(ThreadingHTTPServer):
    """Knows its worker."""

    daemon_threads = True
    worker: WorkerHttp


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server
    timeout = REQUEST_SECONDS
    server_version = "millrace"
    sys_version = ""
    ROUTES: ClassVar[dict[str, str]] = {"/livez": "livez", "/readyz": "readyz", "/metrics": "metrics"}

    def do_GET(self) -> None:
        """Answer a known path."""
        route = self.ROUTES.get(self.path.partition("?")[0])
        if route is None:
            self.answer(404, b"There are /livez, /readyz and /metrics.\n")
            return
        getattr(self, route)()

    do_HEAD = do_GET  # noqa: N815 - the name is the library's

    def livez(self) -> None:
        """The process answers."""
        self.answer(200, b"ok\n")

    def readyz(self) -> None:
        """Whether it can do its work."""
        is_ready, words = self.server.worker.ready()
        body = json.dumps({"status": "ready" if is_ready else "unready", **words}).encode()
        self.answer(200 if is_ready else 503, body, "application/json")

    def metrics(self) -> None:
        """For Prometheus."""
        try:
            body = self.server.worker.metrics()
        except Unanswered:
            self.answer(503, b"The worker is busy forking or waits for its database.\n")
        else:
            self.answer(200, body, "text/plain; version=0.0.4; charset=utf-8")

    def answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        """Send it all."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Probes are not worth a line."""

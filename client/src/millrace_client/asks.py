"""Every request as data: what both clients send."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

BASE = "/api/v1"
WAIT_SECONDS = 20
"""How long one request waits for a job; then the next one does."""
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Ask:
    """One request."""

    method: str
    path: str
    json: Mapping[str, Any] | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = TIMEOUT_SECONDS

    @property
    def address(self) -> dict[str, Any]:
        """Where it goes and what goes with it, besides a body."""
        return {
            "method": self.method,
            "url": self.path,
            "params": dict(self.params),
            "headers": dict(self.headers),
            "timeout": self.timeout,
        }


def address_of(url: str | None, token: str | None) -> tuple[str, dict[str, str]]:
    """Where to send requests, and their headers; ValueError if nobody said it, or it is none."""
    found = url or os.environ.get("MILLRACE_URL", "")
    secret = token or os.environ.get("MILLRACE_TOKEN", "")
    if not found or not secret:
        missing = "the address (url=, MILLRACE_URL)" if not found else "a token (token=, MILLRACE_TOKEN)"
        raise ValueError(f"Say where Millrace is and who asks: {missing} is missing.")
    address = found.rstrip("/")
    if not address.startswith(("http://", "https://")) or address.endswith(BASE):
        raise ValueError(f"{found!r} is no address of Millrace: write one like https://mill.example.org.")
    return address, {"Authorization": f"Bearer {secret}", "User-Agent": "millrace-client/0.1.0"}


def keyed(key: str | None) -> dict[str, str]:
    """The key that makes a request once, however often it is sent."""
    text = key or str(uuid.uuid4())
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return {"Idempotency-Key": f'"{escaped}"'}


def submit(
    kind: str,
    payload: Mapping[str, Any],
    *,
    key: str | None,
    queue: str | None,
    priority: int,
    run_at: datetime | None,
    group: str | None,
) -> Ask:
    chosen: dict[str, Any] = {"queue": queue, "group": group, "priority": priority or None}
    chosen["run_at"] = zoned(run_at) if run_at else None
    body = {"kind": kind, "payload": dict(payload)} | {n: v for n, v in chosen.items() if v is not None}
    return Ask("POST", f"{BASE}/jobs", json=body, headers=keyed(key))


def get_job(id: str) -> Ask:
    return Ask("GET", f"{BASE}/jobs/{id}")


def wait(id: str, seconds: int) -> Ask:
    headers = {"Prefer": f"wait={seconds}"} if seconds else {}
    return Ask("GET", f"{BASE}/jobs/{id}", headers=headers, timeout=seconds + TIMEOUT_SECONDS)


def list_jobs(filter: str, cursor: str, size: int) -> Ask:
    params = {"filter": filter, "cursor": cursor, "limit": str(size)}
    return Ask("GET", f"{BASE}/jobs", params={name: value for name, value in params.items() if value})


def export(filter: str, after: str) -> Ask:
    params = {"filter": filter, "after": after}
    return Ask("GET", f"{BASE}/jobs/export", params={name: value for name, value in params.items() if value})


def act(id: str, verb: str, key: str | None, body: Mapping[str, Any] | None = None) -> Ask:
    return Ask("POST", f"{BASE}/jobs/{id}/{verb}", json=body, headers=keyed(key))


def change(id: str, etag: str, key: str | None, wish: Mapping[str, Any]) -> Ask:
    body = {name: value for name, value in wish.items() if value is not None}
    if not body:
        raise ValueError("say what to change: payload, queue, priority or run_at")
    if isinstance(body.get("run_at"), datetime):
        body["run_at"] = zoned(body["run_at"])
    return Ask("PATCH", f"{BASE}/jobs/{id}", json=body, headers=keyed(key) | {"If-Match": etag})


def zoned(run_at: datetime) -> str:
    """A time as the server reads it; ValueError for one without a zone."""
    if run_at.tzinfo is None:
        raise ValueError(f"run_at={run_at.isoformat()} names no time zone")
    return run_at.isoformat()


def result(id: str) -> Ask:
    return Ask("GET", f"{BASE}/jobs/{id}/result", headers={"Accept": "application/json"})


def log(id: str, after: int) -> Ask:
    return Ask("GET", f"{BASE}/jobs/{id}/log", params={"after": str(after)})


def events(id: str, last: str | None) -> Ask:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    return Ask("GET", f"{BASE}/jobs/{id}/events", headers=headers)


def upload(key: str | None) -> Ask:
    return Ask("POST", f"{BASE}/uploads", headers=keyed(key))

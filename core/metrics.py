"""`/metrics` for Prometheus: what all processes counted, and how the queues stand now.

Any web process answers for the whole installation: scrape one, not each. Not for strangers: see `is_allowed`.
"""

from __future__ import annotations

import hmac
import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client.exposition import choose_encoder

from core.snapshot import ANSWER_SECONDS, take_snapshot
from jobs.deadline import Question, Unanswered

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")

SNAPSHOT = Question("metrics", take_snapshot, seconds=ANSWER_SECONDS)
"""Scrapers that come at the same time share one look."""


def page(request: HttpRequest) -> HttpResponse:
    """All metrics, in the form the scraper asked for; 503 while the database gives no answer."""
    if not is_allowed(request):
        return plain("Not for you: send METRICS_TOKEN as a bearer token (docs/reference/metrics.md).\n", 403)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        body = encode(SNAPSHOT.answer())
    except (Unanswered, psycopg.Error):
        return plain("The database gives no answer.\n", 503)
    return HttpResponse(body, content_type=content_type, headers={"Cache-Control": "no-store"})


def is_allowed(request: HttpRequest) -> bool:
    """With a METRICS_TOKEN: whoever sends it. Without: this machine, unless it serves strangers.

    Behind a proxy on the same machine every caller looks local, so being local counts for nothing once
    the public address is not this machine's own.
    """
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    serves_strangers = not is_loopback(urlsplit(settings.PUBLIC_URL).hostname or "")
    is_forwarded = any(name in request.headers for name in FORWARDED)
    return is_loopback(request.META.get("REMOTE_ADDR", "")) and not is_forwarded and not serves_strangers


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def plain(text: str, status: int) -> HttpResponse:
    """A sentence for whoever reads the scraper's log."""
    return HttpResponse(text, content_type="text/plain", status=status)

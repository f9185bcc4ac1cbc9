"""Flower: whether strangers can read it, and we can."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings

from jobs.doctor.finding import Finding, Seen, problem, warning
from jobs.doctor.mask import mask

ANSWER_SECONDS = 3.0
PATHS = ("/flower/workers", "/workers", "/flower/api/workers", "/api/workers")
"""With and without the prefix that our own start gives it. Its API may be open where its pages are not."""
BEGIN = "Start Flower with FLOWER_BASIC_AUTH=user:password, and set FLOWER_AUTH to the same"


def look() -> Seen:
    """Ask as a stranger does, then with our password."""
    url, secret = getattr(settings, "FLOWER_URL", ""), getattr(settings, "FLOWER_AUTH", "")
    if not url:
        return Seen("not used: FLOWER_URL is empty")
    where = mask(url)
    try:
        opened = [path for path in PATHS if status(url, path) == http.client.OK]
        ours = {status(url, path, secret) for path in PATHS[:2]} if secret else set()
    except (OSError, http.client.HTTPException) as error:
        return Seen(f"{where} gives no answer", [away(where, str(error) or type(error).__name__)])
    found = [*is_open(where, opened), *no_password(secret, opened), *refused(where, ours, opened)]
    return Seen(f"{where} {'is open to everybody' if opened else 'asks for a password'}", found)


def status(url: str, path: str, secret: str = "") -> int:
    """What it answers; raises OSError or HTTPException."""
    address = urlsplit(url)
    connect = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=ANSWER_SECONDS)
    headers = {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"} if secret else {}
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def away(where: str, told: str) -> Finding:
    """Jobs do not need it."""
    return warning(
        "flower.away",
        f"{where} gives no answer: {mask(told)}",
        why="Its pages are empty; jobs do not need it.",
        remedy="Start it (deploy/entrypoint flower), or unset FLOWER_URL",
    )


def is_open(where: str, opened: list[str]) -> Iterator[Finding]:
    """It shows arguments and, unless read-only, ends workers."""
    if opened:
        yield problem(
            "flower.open",
            f"{where}{opened[0]} answers without a password.",
            why="Whoever reaches that port sees every job's kind and, unless it is read-only, stops workers.",
            remedy=f"{BEGIN}; and publish its port nowhere",
        )


def no_password(secret: str, opened: list[str]) -> Iterator[Finding]:
    """It asks for one, and we have none."""
    if ":" not in secret and not opened:
        yield warning(
            "flower.no_password",
            "FLOWER_URL is set, and FLOWER_AUTH is no user:password.",
            why="Flower's pages stay closed to operators.",
            remedy=BEGIN,
        )


def refused(where: str, ours: set[int], opened: list[str]) -> Iterator[Finding]:
    """Two settings that should be one."""
    if ours and http.client.OK not in ours and not opened:
        yield warning(
            "flower.refuses",
            f"{where} refuses the password in FLOWER_AUTH.",
            why="Flower's pages stay closed to operators.",
            remedy=BEGIN,
        )

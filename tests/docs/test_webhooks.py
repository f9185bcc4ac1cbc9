"""The receiver of docs/howto/webhooks.md, run against what Millrace really sends."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from jobs.models import WebhookDelivery
from jobs.webhooks.endpoints import EVENTS
from jobs.webhooks.message import body_of, headers_of
from jobs.webhooks.secrets import new_secret
from workers.kinds.webhook import WAITS

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "webhooks.md").read_text()


@pytest.fixture
def page() -> dict[str, Any]:
    """What the page's Python declares."""
    [code] = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_it_takes_an_event_once_and_refuses_a_forged_one(page: dict[str, Any], capsys: Any) -> None:
    now = datetime.now(UTC)
    delivery = WebhookDelivery(id=UUID(int=1), event="job.failed", job=UUID(int=2), kind="a.b", at=now)
    body, secret = body_of(delivery), new_secret()
    headers = headers_of(delivery, body, at=int(now.timestamp()), secrets=[new_secret(), secret])
    seen: set[str] = set()

    answers = [page["receive"](headers, body, secret, seen) for _ in range(2)]
    forged = page["receive"](headers, body + b" ", secret, seen)

    assert (answers, forged) == ([204, 204], 400)
    assert capsys.readouterr().out == f"job.failed {UUID(int=2)}\n"


def test_the_page_names_the_events_and_the_waits_there_are() -> None:
    for event in EVENTS:
        assert f"`{event}`" in PAGE
    words = [
        f"{int(wait.total_seconds())} s" if wait.total_seconds() < 60
        else f"{int(wait.total_seconds() // 60)} min" if wait.total_seconds() < 3600
        else f"{int(wait.total_seconds() // 3600)} h"
        for wait in WAITS
    ]  # fmt: skip
    assert f"{', '.join(words[:-1])} and {words[-1]}" in " ".join(PAGE.split())

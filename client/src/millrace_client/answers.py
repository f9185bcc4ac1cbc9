"""What answers mean: the body, the refusal, when to look again. Both clients read them here."""

from __future__ import annotations

from typing import Any

import httpx2

from millrace_client.errors import Problem, Unreachable, problem_of


def failure_of(response: httpx2.Response, url: str) -> Problem | None:
    """Why it was refused; None for a good answer. Raises Unreachable for one that leads elsewhere."""
    if response.is_redirect:
        raise Unreachable(f"{url} leads to {response.headers['Location']}: give that address.")
    return problem_of(response.status_code, body_of(response)) if response.status_code >= 400 else None


def told_by(response: httpx2.Response) -> Any:
    """The body of a good answer; raises Unreachable where somebody else than Millrace answered."""
    found = body_of(response)
    if found is None:
        raise Unreachable(f"What answered at {response.url} is not Millrace.")
    return found


def body_of(response: httpx2.Response) -> Any:
    """The body if it is JSON; a proxy's page is not."""
    try:
        return response.json()
    except ValueError:
        return None


def pause_of(response: httpx2.Response) -> float:
    """Seconds until another look at a job that the server did not wait for."""
    found = response.headers.get("Retry-After", "")
    return float(found) if found.isdigit() else 1.0

"""Where to go on from an answer, as OpenAPI links: which operations take an id that it tells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Described = dict[str, Any]

OF_JOB = ("get_job", "change", "cancel", "rerun", "retry", "get_result", "get_log", "get_events", "get_items")
OF_SCHEDULE = ("get_schedule", "put_schedule", "enable_schedule", "disable_schedule", "remove_schedule")
OF_WEBHOOK = (
    "get_webhook", "put_webhook", "enable", "disable", "rotate", "test", "replay", "list_deliveries",
    "remove_webhook",
)  # fmt: skip
FIXED = {"change": {"header.If-Match": "*"}}
"""What an operation wants besides, whatever the answer told."""


def leads_to(names: Iterable[str], **parameters: str) -> Described:
    """Links to these operations with values of the answer; a value is where it stands."""
    told = {name: f"$response.body#{where}" for name, where in parameters.items()}
    return {name: {"operationId": name, "parameters": {**told, **FIXED.get(name, {})}} for name in names}


def delivery(where: str) -> Described:
    """Links to a delivery of the endpoint that was asked about."""
    return {
        name: {
            "operationId": name,
            "parameters": {"id": "$request.path.id", "delivery": f"$response.body#{where}"},
        }
        for name in ("get_delivery", "replay_one")
    }


LINKS: dict[tuple[str, str], Described] = {
    ("submit", "202"): leads_to(OF_JOB, id="/id"),
    ("rerun", "202"): leads_to(OF_JOB, id="/id"),
    ("submit_batch", "200"): leads_to(OF_JOB, id="/jobs/0/job/id"),
    ("list_jobs", "200"): leads_to(("get_job", "rerun", "get_log"), id="/jobs/0/id"),
    ("upload", "201"): leads_to(("get_upload",), id="/id"),
    ("list_kinds", "200"): leads_to(("get_kind",), name="/kinds/0/name"),
    ("list_queues", "200"): leads_to(("get_queue", "pause", "resume"), name="/queues/0/name"),
    ("add_schedule", "201"): leads_to(OF_SCHEDULE, id="/id"),
    ("get_schedules", "200"): leads_to(("get_schedule",), id="/schedules/0/id"),
    ("add_token", "201"): leads_to(("get_token", "revoke_token"), id="/id"),
    ("add_webhook", "201"): leads_to(OF_WEBHOOK, id="/id"),
    ("list_webhooks", "200"): leads_to(("get_webhook", "list_deliveries"), id="/webhooks/0/id"),
    ("list_suppressions", "200"): leads_to(
        ("get_suppression", "remove_suppression"), id="/suppressions/0/id"
    ),
    ("test", "202"): delivery("/id"),
    ("list_deliveries", "200"): delivery("/deliveries/0/id"),
}
"""By operation and status."""


def add_links(operation: Described) -> None:
    """Name in each answer where to go on."""
    for status, response in operation["responses"].items():
        if found := LINKS.get((operation["operationId"], status)):
            response["links"] = found

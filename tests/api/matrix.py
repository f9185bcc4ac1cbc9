"""Who gets what at the API: every operation, asked by every role about Alice's things.

`python -m tests.api.matrix` is no program: tests/api/test_matrix.py fills the table and compares it with
docs/reference/access.md.
"""

from typing import Any, NamedTuple

NOBODY, STRANGER, MEMBER, READER, OWNER, PLAIN, OPERATOR = ROLES = (
    "nobody", "stranger", "member", "reader", "owner", "operator, without `operate`", "operator",
)  # fmt: skip
WORDS = {
    NOBODY: "sends no token",
    STRANGER: "has nothing to do with Alice",
    MEMBER: "is in the group with which Alice shared her job",
    READER: "is Alice's own token with the scope `read` alone",
    OWNER: "is Alice, with every scope",
    PLAIN: "is an operator's token without the scope `operate`",
    OPERATOR: "is an operator's token with every scope",
}

JOB = {"kind": "test.frame", "payload": {"width": 20}}
SCHEDULE = {"name": "Frames", **JOB, "every_seconds": 90}


class Ask(NamedTuple):
    """One operation and how it is asked; names in braces are Alice's things."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = {}


FILE = object()
"""An upload, in place of a body."""
MESSAGE = object()
"""A report about Alice's mail."""
SHEET = object()
"""A file of addresses."""
ASKED: dict[str, Ask] = {
    "submit": Ask("post", "/jobs", JOB),
    "submit_batch": Ask("post", "/jobs/batch", {"jobs": [JOB]}),
    "list_jobs": Ask("get", "/jobs"),
    "export": Ask("get", "/jobs/export"),
    "get_job": Ask("get", "/jobs/{job}"),
    "change": Ask("patch", "/jobs/{waiting}", {"run_at": None, "queue": "frames"}, {"If-Match": "*"}),
    "cancel": Ask("post", "/jobs/{waiting}/cancel"),
    "retry": Ask("post", "/jobs/{job}/retry"),
    "rerun": Ask("post", "/jobs/{job}/rerun", {}),
    "get_result": Ask("get", "/jobs/{job}/result"),
    "get_log": Ask("get", "/jobs/{job}/log"),
    "get_items": Ask("get", "/jobs/{job}/items"),
    "decide": Ask("post", "/jobs/{job}/decide", {"act": "leave"}),
    "get_events": Ask("get", "/jobs/{job}/events"),
    "upload": Ask("post", "/uploads", FILE),
    "get_upload": Ask("get", "/uploads/{file}"),
    "get_file": Ask("get", "/files/{link}"),
    "list_kinds": Ask("get", "/kinds"),
    "get_kind": Ask("get", "/kinds/test.frame"),
    "list_queues": Ask("get", "/queues"),
    "get_queue": Ask("get", "/queues/frames"),
    "pause": Ask("post", "/queues/frames/pause", {}),
    "resume": Ask("post", "/queues/frames/resume"),
    "get_schedules": Ask("get", "/schedules"),
    "add_schedule": Ask("post", "/schedules", SCHEDULE),
    "get_schedule": Ask("get", "/schedules/{schedule}"),
    "put_schedule": Ask("put", "/schedules/{schedule}", SCHEDULE),
    "enable_schedule": Ask("post", "/schedules/{schedule}/enable"),
    "disable_schedule": Ask("post", "/schedules/{schedule}/disable"),
    "remove_schedule": Ask("delete", "/schedules/{schedule}"),
    "list_tokens": Ask("get", "/tokens"),
    "add_token": Ask("post", "/tokens", {"name": "ci", "scopes": ["read"]}),
    "get_token": Ask("get", "/tokens/{token}"),
    "revoke_token": Ask("delete", "/tokens/{token}"),
    "list_webhooks": Ask("get", "/webhooks"),
    "add_webhook": Ask("post", "/webhooks", {"url": "{url}"}),
    "get_webhook": Ask("get", "/webhooks/{webhook}"),
    "put_webhook": Ask("put", "/webhooks/{webhook}", {"url": "{url}"}),
    "enable": Ask("post", "/webhooks/{webhook}/enable"),
    "disable": Ask("post", "/webhooks/{webhook}/disable"),
    "rotate": Ask("post", "/webhooks/{webhook}/rotate"),
    "test": Ask("post", "/webhooks/{webhook}/test"),
    "replay": Ask("post", "/webhooks/{webhook}/replay", {"since": "2026-01-01T00:00:00Z"}),
    "list_deliveries": Ask("get", "/webhooks/{webhook}/deliveries"),
    "get_delivery": Ask("get", "/webhooks/{webhook}/deliveries/{delivery}"),
    "replay_one": Ask("post", "/webhooks/{webhook}/deliveries/{delivery}/replay"),
    "remove_webhook": Ask("delete", "/webhooks/{webhook}"),
    "list_suppressions": Ask("get", "/suppressions"),
    "add_suppressions": Ask("post", "/suppressions", {"addresses": ["eve@example.org"]}),
    "lift_suppressions": Ask("post", "/suppressions/lift", {"addresses": ["eve@example.org"]}),
    "look_up_suppressions": Ask("post", "/suppressions/look-up", {"addresses": ["eve@example.org"]}),
    "export_suppressions": Ask("get", "/suppressions/export"),
    "import_suppressions": Ask("post", "/suppressions/import", SHEET),
    "get_suppression": Ask("get", "/suppressions/{suppression}"),
    "remove_suppression": Ask("delete", "/suppressions/{suppression}"),
    "take_bounce": Ask("post", "/bounces", MESSAGE),
    "get_me": Ask("get", "/me"),
}
OPERATORS_ALONE = {name for name, ask in ASKED.items() if ask.path.startswith(("/queues", "/schedules"))}


def table(got: dict[str, dict[str, int]]) -> list[str]:
    """The rows of the page: an operation, and a status for each role."""
    head = ["operation", *ROLES]
    rows = [
        [f"`{ask.method.upper()} {ask.path}`", *(str(got[role][name]) for role in ROLES)]
        for name, ask in ASKED.items()
    ]
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]

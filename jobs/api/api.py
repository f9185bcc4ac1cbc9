"""The API as a whole: its routers, and that every error of theirs is a problem."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.operation import Operation

from jobs.api import (
    acts,
    batches,
    bounces,
    export,
    files,
    items,
    jobs,
    kinds,
    me,
    queues,
    schedules,
    sheets,
    story,
    suppressions,
    tokens,
    uploads,
    webhooks,
)
from jobs.api.answers import refused
from jobs.api.body import StrictParser
from jobs.api.parameters import refuse_unknown


class Door(NinjaAPI):
    """Whatever goes wrong, one place answers: ninja's own handlers are never asked."""

    def on_exception(self, request: HttpRequest, exc: Any) -> HttpResponse:
        return refused(request, exc)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The name of its function: short, and stable."""
        return operation.view_func.__name__


api = Door(
    title="Millrace",
    version="1",
    description="Background work that loses nothing and ends nothing twice.",
    urls_namespace="millrace_api",
    parser=StrictParser(),
    openapi_url=None,
    docs_url=None,
)
ROOMS = (
    jobs, acts, story, items, export, batches, uploads, files, kinds, queues, schedules, tokens, webhooks,
    sheets, suppressions, bounces, me,
)  # fmt: skip
for room in ROOMS:
    api.add_router("", room.router)

OPERATIONS: dict[str, Operation] = {
    api.get_openapi_operation_id(operation): operation
    for router in api._get_bound_routers()
    for view in router.path_operations.values()
    for operation in view.operations
}
"""Every operation by its name."""
for operation in OPERATIONS.values():
    operation.view_func = refuse_unknown(operation)

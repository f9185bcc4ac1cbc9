"""Confirm an order."""

from pydantic import BaseModel, Field

from jobs.registry import Result, job_kind
from workers.context import Context


class Payload(BaseModel):
    order: int = Field(ge=1, description="the order's number")


@job_kind("shop.confirm", title="Confirm an order", payload=Payload, example={"order": 7})
def confirm(context: Context, payload: Payload) -> Result:
    """Twice says the same."""
    return Result(values={"confirmed": payload.order})

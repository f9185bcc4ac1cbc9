"""Take in reports about mail that came back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, Field

from jobs.conf import conf
from jobs.errors import Refusal, Rejected
from jobs.registry import Result, job_kind
from workers.context import Context


class Payload(BaseModel, extra="forbid"):
    """How much at once; where from is the installation's to say."""

    limit: int = Field(
        default=10_000, ge=1, le=100_000, title="At most", description="So many reports are read in one go."
    )


@job_kind(
    "email.bounces",
    title="Read bounced mail",
    payload=Payload,
    example={},
    queue="maintenance",
    timeout=timedelta(minutes=30),
)
def bounces(context: Context, payload: Payload) -> Result:
    """Running it twice takes no report twice: each is remembered with its effects, in one transaction.

    It may be cancelled between two reports.
    """
    from jobs.mail.folder import read_folder

    if not conf().bounce_folder:
        return Result(values={"note": "BOUNCE_FOLDER is not set, so there was nothing to read."})
    try:
        count = read_folder(Path(conf().bounce_folder), limit=payload.limit, check=context.check)
    except Refusal as error:
        raise Rejected(str(error)) from error
    for reason, number in count.reasons.most_common(5):
        context.log.warning("mail_reports_refused", number=number, reason=reason)
    return Result(values={name: number for name, number in vars(count).items() if name != "reasons"})

"""Build a report of what the system did: CSV, workbook and PDF."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from django.conf import settings
from pydantic import BaseModel, Field, field_validator

from jobs.activity import activity
from jobs.registry import Result, job_kind
from workers.context import Context

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PERIODS = {
    "hour": (timedelta(hours=1), "minute"),
    "day": (timedelta(days=1), "hour"),
    "week": (timedelta(days=7), "day"),
    "month": (timedelta(days=30), "day"),
    "year": (timedelta(days=365), "month"),
}


class Payload(BaseModel, extra="forbid"):
    """Which time, and how to hand it out."""

    period: Literal["hour", "day", "week", "month", "year"] = Field(
        default="day", title="Period", description="The last one, up to the moment the report is built."
    )
    formats: list[Literal["pdf", "xlsx", "csv"]] = Field(
        default=["pdf", "xlsx", "csv"],
        min_length=1,
        title="Files",
        description="PDF to read, XLSX and CSV to calculate with; one to a line.",
    )

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: list[str]) -> list[str]:
        return list(dict.fromkeys(formats))


@job_kind(
    "reports.build",
    title="Build an activity report",
    payload=Payload,
    example={"period": "day", "formats": ["pdf", "xlsx", "csv"]},
    queue="reports",
    timeout=timedelta(minutes=10),
)
def build(context: Context, payload: Payload) -> Result:
    """Running it twice counts anew; only the files of the attempt that is kept are ever seen."""
    period, step = PERIODS[payload.period]
    context.progress(0.05, "counting")
    found = activity(period, step=step, zone=settings.TIME_ZONE)
    name = f"activity-{found.until:%Y-%m-%d-%H%M}"
    saved = []
    for done, format in enumerate(payload.formats):
        context.check()
        context.progress(0.2 + 0.8 * done / len(payload.formats), f"writing {format.upper()}")
        if format == "pdf":
            from workers.engines.document import to_pdf

            saved.append(context.artifacts.save(f"{name}.pdf", to_pdf(found), "application/pdf"))
        elif format == "xlsx":
            from workers.engines.sheets import to_workbook

            saved.append(context.artifacts.save(f"{name}.xlsx", to_workbook(found), XLSX))
        else:
            from workers.engines.sheets import to_csv

            saved.append(context.artifacts.save(f"{name}.csv", to_csv(found), "text/csv"))
    values = {
        "period": f"{found.since:%Y-%m-%d %H:%M} – {found.until:%Y-%m-%d %H:%M} {found.zone}",
        "kinds": len(found.kinds),
        "submitted": found.submitted,
        **{state.value: jobs for state, jobs in found.by_state.items()},
        "waiting": found.waiting,
        "running": found.running,
    }
    return Result(values=values, artifacts=saved)

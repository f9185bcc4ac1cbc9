"""An activity report as CSV and as a workbook."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO
from typing import Any

from rustpy_xlsxwriter import FastExcel, Format

from jobs.activity import ENDED, Activity
from workers.engines.cells import harmless, seconds

INK = "#14242C"
COLOURS = {"succeeded": "#2A8C6E", "failed": "#C8553D", "cancelled": "#9AA9B1"}
Row = dict[str, Any]


def detail_rows(activity: Activity) -> list[Row]:
    """One row for each step, kind and way to end that occurred."""
    return [
        {
            activity.step: f"{at:%Y-%m-%d %H:%M}"
            if activity.step in {"minute", "hour"}
            else f"{at:%Y-%m-%d}",
            "kind": harmless(kind),
            "state": state.value,
            "jobs": ended.jobs,
            "wait_p50_s": seconds(ended.wait.half),
            "wait_p95_s": seconds(ended.wait.most),
            "run_p50_s": seconds(ended.run.half),
            "run_p95_s": seconds(ended.run.most),
        }
        for (at, kind, state), ended in activity.by_step.items()
    ]


def kind_rows(activity: Activity) -> list[Row]:
    """One row for each kind."""
    return [
        {
            "kind": harmless(part.kind),
            "submitted": part.submitted,
            **{state.value: part.by_state[state] for state in ENDED},
            "wait_p50_s": seconds(part.ended.wait.half),
            "wait_p95_s": seconds(part.ended.wait.most),
            "run_p50_s": seconds(part.ended.run.half),
            "run_p95_s": seconds(part.ended.run.most),
        }
        for part in activity.kinds
    ]


def course_rows(activity: Activity) -> list[Row]:
    """One row for each step, also where nothing happened."""
    pattern = "%H:%M" if activity.step in {"minute", "hour"} else "%d %b"
    rows: list[Row] = []
    for at in activity.steps:
        ends = {
            state.value: sum(
                ended.jobs for (when, _, how), ended in activity.by_step.items() if (when, how) == (at, state)
            )
            for state in ENDED
        }
        rows.append({activity.step: at.strftime(pattern), **ends})
    return rows


def to_csv(activity: Activity) -> bytes:
    """The detail, in UTF-8 with a mark that lets spreadsheets know it."""
    columns = [
        activity.step, "kind", "state", "jobs", "wait_p50_s", "wait_p95_s", "run_p50_s", "run_p95_s",
    ]  # fmt: skip
    out = StringIO(newline="")
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(detail_rows(activity))
    return out.getvalue().encode("utf-8-sig")


def to_workbook(activity: Activity) -> bytes:
    """Three sheets: the kinds, the course with a chart, the detail."""
    out = BytesIO()
    head = Format().set_bold().set_font_color("#FFFFFF").set_background_color("#1F6F8B")
    book = FastExcel(out).format(float_format="0.000")
    for name, rows, charts in (
        ("Kinds", kind_rows(activity), None),
        ("Course", course_rows(activity), [_chart(activity)]),
        ("Detail", detail_rows(activity), None),
    ):
        book.sheet(
            name,
            rows or [{"kind": "Nothing happened in this period."}],
            header_format=head,
            column_widths=_widths(rows),
            banded_rows="#F3F6F7",
            autofilter=bool(rows) and name != "Course",
            charts=charts,
            page_setup={
                "landscape": True,
                "fit_to_pages": (1, 0),
                "repeat_rows": 0,
                "footer": "&CPage &P of &N",
            },
        )
    book.freeze(row=1)
    book.save()
    return out.getvalue()


def _widths(rows: list[Row]) -> dict[str, float]:
    if not rows:
        return {"kind": 40.0}
    return {
        name: float(min(60, max(len(name), *(len(str(row[name])) for row in rows)) + 4)) for name in rows[0]
    }


def _chart(activity: Activity) -> dict[str, Any]:
    return {
        "type": "column_stacked",
        "title": "Jobs that ended",
        "series": [{"values": state.value, "name": state.value} for state in ENDED],
        "categories": activity.step,
        "width": 760,
        "height": 360,
        "row": 1,
        "col": 5,
    }

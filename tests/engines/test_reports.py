"""An activity as CSV, workbook and PDF."""

import csv
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import openpyxl
import pypdf
import pytest

from jobs.activity import ENDED, Activity, Ended, OfKind, Spread
from jobs.states import State
from workers.engines.cells import harmless, in_words
from workers.engines.document import to_pdf
from workers.engines.sheets import to_csv, to_workbook

NOON = datetime(2026, 11, 22, 12)
EVIL = '=HYPERLINK("http://evil.example")'


def counts(**given: int) -> dict[State, int]:
    return {state: given.get(state.value, 0) for state in ENDED}


def activity(*kinds: str, **changes: Any) -> Activity:
    """Two hours; each kind succeeded twice and failed once in the first."""
    steps = [NOON, NOON + timedelta(hours=1)]
    by_step = {
        (NOON, kind, state): Ended(jobs, Spread(0.5, 1.25), Spread(2.0, 61.0))
        for kind in kinds
        for state, jobs in ((State.SUCCEEDED, 2), (State.FAILED, 1))
    }
    parts = [
        OfKind(kind, 4, Ended(3, Spread(0.5, 1.25), Spread(2.0, 61.0)), counts(succeeded=2, failed=1))
        for kind in kinds
    ]
    number = len(kinds)
    fields: dict[str, Any] = {
        "since": NOON, "until": NOON + timedelta(hours=2), "zone": "UTC", "step": "hour",
        "submitted": 4 * number, "waiting": 1, "running": 0, "ended": Ended(3 * number),
        "by_state": counts(succeeded=2 * number, failed=number), "kinds": parts, "steps": steps,
        "by_step": by_step,
    }  # fmt: skip
    return Activity(**fields | changes)


def sheet(content: bytes, name: str) -> list[tuple[Any, ...]]:
    return list(openpyxl.load_workbook(BytesIO(content))[name].values)


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(content)).pages)


def test_csv_has_a_row_for_each_step_kind_and_end() -> None:
    rows = list(csv.DictReader(StringIO(to_csv(activity("email.send")).decode("utf-8-sig"))))

    assert rows == [
        {
            "hour": "2026-11-22 12:00", "kind": "email.send", "state": state, "jobs": jobs,
            "wait_p50_s": "0.5", "wait_p95_s": "1.25", "run_p50_s": "2.0", "run_p95_s": "61.0",
        }
        for state, jobs in (("succeeded", "2"), ("failed", "1"))
    ]  # fmt: skip


def test_the_workbook_can_be_calculated_with() -> None:
    content = to_workbook(activity("email.send", "images.resize"))

    head = "kind submitted succeeded failed cancelled wait_p50_s wait_p95_s run_p50_s run_p95_s"
    assert sheet(content, "Kinds") == [
        tuple(head.split()),
        ("email.send", 4, 2, 1, 0, 0.5, 1.25, 2, 61),
        ("images.resize", 4, 2, 1, 0, 0.5, 1.25, 2, 61),
    ]  # fmt: skip
    assert sheet(content, "Course")[:3] == [
        ("hour", "succeeded", "failed", "cancelled"), ("12:00", 4, 2, 0), ("13:00", 0, 0, 0),
    ]  # fmt: skip
    assert len(sheet(content, "Detail")) == 5


def test_the_pdf_says_what_happened() -> None:
    text = text_of(to_pdf(activity("email.send"))).replace("\xa0", " ")

    assert "22 November 2026, 12:00 – 22 November 2026, 14:00 (UTC)" in text
    for expected in ("Activity", "email.send", "1.0 min", "500 ms", "Page 1"):
        assert expected in text


def test_a_long_table_goes_on_over_the_page() -> None:
    pages = pypdf.PdfReader(BytesIO(to_pdf(activity(*(f"kind.number{n}" for n in range(60)))))).pages

    assert len(pages) >= 2
    assert "Submitted" in pages[1].extract_text(), "the head of the table is repeated"


def test_an_empty_period_is_a_report_too() -> None:
    nothing = activity()

    assert len(to_csv(nothing).splitlines()) == 1
    assert sheet(to_workbook(nothing), "Kinds")[1] == ("Nothing happened in this period.",)
    assert "Nothing happened" in text_of(to_pdf(nothing))


def test_no_cell_is_a_formula() -> None:
    evil = activity(EVIL)

    assert "'" + EVIL in StringIO(to_csv(evil).decode("utf-8-sig")).read().replace('""', '"')
    for name in ("Kinds", "Detail"):
        book = openpyxl.load_workbook(BytesIO(to_workbook(evil)))
        assert all(cell.data_type != "f" for row in book[name] for cell in row)
        assert any(cell.value == "'" + EVIL for row in book[name] for cell in row)


def test_a_kinds_name_cannot_write_markup_into_the_pdf() -> None:
    assert "<b>x</b>&" in text_of(to_pdf(activity("<b>x</b>&")))


@pytest.mark.parametrize("sign", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1"])
def test_every_sign_of_a_formula_is_known(sign: str) -> None:
    assert harmless(sign) == "'" + sign


@pytest.mark.parametrize("value", ["email.send", -1, -1.5, None, ""])
def test_plain_values_stay_as_they_are(value: object) -> None:
    assert harmless(value) is value


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 ms"), (0.0123, "12 ms"), (3.44, "3.4 s"), (125, "2.1 min"), (4850, "1.3 h")],
)
def test_durations_are_for_people(seconds: float | None, words: str) -> None:
    assert in_words(seconds).replace("\xa0", " ") == words

"""An activity report as a PDF: figures, chart, table."""

from __future__ import annotations

from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import matplotlib
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import inch, mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Image, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from jobs.activity import ENDED, Activity, OfKind
from jobs.states import State
from workers.engines.cells import in_words
from workers.engines.chart import draw_chart
from workers.engines.sheets import COLOURS

MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
PADDING = 6  # what ReportLab's frame keeps free inside its margins
NAME_WIDTH = 0.26 * WIDTH
INK, QUIET, LINE, BAND, WATER = map(HexColor, ("#14242C", "#6B7D86", "#DDE5E8", "#F3F6F7", "#1F6F8B"))
PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
Align = Literal[0, 2]
RIGHT: Align = 2


def to_pdf(activity: Activity) -> bytes:
    """The whole report, on as many pages as it has kinds."""
    _register_fonts()
    out = BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=MARGIN - PADDING, rightMargin=MARGIN - PADDING, topMargin=18 * mm,
        bottomMargin=18 * mm,
        title="Activity", author="Millrace", subject=_period(activity),
    )  # fmt: skip
    story: list[Any] = [
        Paragraph("Activity", _style(24, BOLD, INK)),
        Spacer(1, 2.5 * mm),
        Paragraph(_period(activity), _style(9.5, PLAIN, QUIET)),
        Spacer(1, 8 * mm),
        _tiles(activity),
        Spacer(1, 9 * mm),
        Paragraph(f"Jobs that ended, by {activity.step}", _style(12, BOLD, INK)),
        Spacer(1, 1.5 * mm),
        Paragraph(_legend(), _style(8, PLAIN, QUIET)),
        Spacer(1, 2 * mm),
        _chart(activity),
        Spacer(1, 8 * mm),
        Paragraph("By kind", _style(12, BOLD, INK)),
        Spacer(1, 3 * mm),
        _table(activity) if activity.kinds else Paragraph("Nothing happened in this period.", _style(9.5)),
    ]
    document.build(story, onFirstPage=_decorate, onLaterPages=_decorate)
    return out.getvalue()


def _period(activity: Activity) -> str:
    return f"{activity.since:%d %B %Y, %H:%M} – {activity.until:%d %B %Y, %H:%M} ({escape(activity.zone)})"


def _tiles(activity: Activity) -> Table:
    figures = [
        (f"{activity.submitted:,}", "submitted", INK),
        *((f"{activity.by_state[state]:,}", state.value, HexColor(COLOURS[state.value])) for state in ENDED),
        (f"{activity.waiting + activity.running:,}", "open now", INK),
        (in_words(activity.ended.wait.most), "95 % waited at most", INK),
    ]
    widths = [WIDTH * share for share in (0.16, 0.16, 0.14, 0.15, 0.15, 0.24)]
    cells = [
        [
            Paragraph(figure, _style(_fitting(figure, width - 14, 15), BOLD, colour, leading=19)),
            Spacer(1, 1.5 * mm),
            Paragraph(name, _style(7.5, PLAIN, QUIET)),
        ]
        for width, (figure, name, colour) in zip(widths, figures, strict=True)
    ]
    look: list[Any] = [
        ("BACKGROUND", (0, 0), (-1, -1), BAND),
        ("LINEAFTER", (0, 0), (-2, -1), 2, HexColor("#FFFFFF")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 9),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 9),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 9),
    ]
    return Table([cells], widths, style=TableStyle(look))


def _legend() -> str:
    return "&nbsp;&nbsp;&nbsp;".join(
        f'<font color="{COLOURS[state.value]}">■</font> {state.value}' for state in ENDED
    )


def _chart(activity: Activity) -> Image:
    height = 66 * mm
    picture = draw_chart(activity, width=WIDTH / inch, height=height / inch)
    return Image(BytesIO(picture), WIDTH, height)


def _table(activity: Activity) -> Table:
    head = ["Kind", "Submitted", "Succeeded", "Failed", "Cancelled", "Wait p50", "p95", "Run p50", "p95"]
    rows = [[Paragraph(head[0], _head()), *(Paragraph(name, _head(RIGHT)) for name in head[1:])]]
    rows += [_table_row(part) for part in activity.kinds]
    widths = [NAME_WIDTH] + [WIDTH * share for share in (0.1, 0.105, 0.075, 0.1, 0.095, 0.085, 0.095, 0.085)]
    look: list[Any] = [
        ("LINEBELOW", (0, 0), (-1, 0), 1, WATER),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [HexColor("#FFFFFF"), BAND]),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ]
    return Table(rows, widths, repeatRows=1, style=TableStyle(look))


def _table_row(part: OfKind) -> list[Any]:
    failed = part.by_state[State.FAILED]
    figures = [
        (f"{part.submitted:,}", INK),
        (f"{part.by_state[State.SUCCEEDED]:,}", INK),
        (f"{failed:,}", HexColor(COLOURS["failed"]) if failed else QUIET),
        (f"{part.by_state[State.CANCELLED]:,}", INK),
        *((in_words(spread), QUIET) for spread in (*part.ended.wait, *part.ended.run)),
    ]
    size = _fitting(part.kind, NAME_WIDTH - 9, 8)
    return [
        Paragraph(escape(part.kind), _style(size, BOLD, INK)),
        *(Paragraph(text, _style(8, PLAIN, colour, RIGHT)) for text, colour in figures),
    ]


def _decorate(canvas: Any, document: Any) -> None:
    """What stands on every page."""
    canvas.saveState()
    canvas.setFillColor(WATER)
    canvas.rect(0, A4[1] - 5 * mm, A4[0], 5 * mm, stroke=0, fill=1)
    canvas.setFont(PLAIN, 7.5)
    canvas.setFillColor(QUIET)
    canvas.drawString(MARGIN, 11 * mm, "Millrace")
    canvas.drawRightString(A4[0] - MARGIN, 11 * mm, f"Page {document.page}")
    canvas.restoreState()


def _style(
    size: float, font: str = PLAIN, colour: Any = INK, align: Align = 0, leading: float = 0
) -> ParagraphStyle:
    return ParagraphStyle(
        "text",
        fontName=font,
        fontSize=size,
        leading=leading or size * 1.25,
        textColor=colour,
        alignment=align,
        splitLongWords=True,
    )


def _fitting(text: str, room: float, size: float) -> float:
    """The font size at which bold text fits on one line, within reason."""
    return min(size, max(5.0, size * room / pdfmetrics.stringWidth(text, BOLD, size)))


def _head(align: Align = 0) -> ParagraphStyle:
    return _style(7, PLAIN, QUIET, align)


def _register_fonts() -> None:
    """The chart's own font, so that chart and text are of one hand and every letter can be shown."""
    if PLAIN not in pdfmetrics.getRegisteredFontNames():
        folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
        for name in (PLAIN, BOLD):
            pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))

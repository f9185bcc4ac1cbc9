"""A picture of how many jobs ended, how, and when."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from jobs.activity import ENDED, Activity
from workers.engines.sheets import COLOURS, course_rows

QUIET = "#6B7D86"
LINE = "#DDE5E8"
DOTS_PER_INCH = 220
LABELS = 12


def draw_chart(activity: Activity, *, width: float, height: float) -> bytes:
    """Stacked bars, one for each step of time, as PNG; sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rows = course_rows(activity)
    places = range(len(rows))
    below = [0] * len(rows)
    for state in ENDED:
        heights = [row[state.value] for row in rows]
        if any(heights):
            axes.bar(
                places, heights, 0.72, bottom=below, color=COLOURS[state.value], label=state.value, zorder=2
            )
        below = [under + height for under, height in zip(below, heights, strict=True)]
    axes.set_ylim(0, max(4, max(below, default=0) * 1.12))
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    every = -(-len(rows) // LABELS) or 1
    axes.set_xticks(list(places)[::every], [label(at, activity.step) for at in activity.steps[::every]])
    axes.tick_params(length=0, labelsize=7, labelcolor=QUIET, pad=5)
    axes.grid(axis="y", color=LINE, linewidth=0.7, zorder=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LINE)
    out = BytesIO()
    figure.savefig(out, format="png", facecolor="white")
    return out.getvalue()


def label(at: datetime, step: str) -> str:
    """A step of time, as short as it can be."""
    return at.strftime({"minute": "%H:%M", "hour": "%H:%M", "day": "%d %b", "month": "%b %Y"}[step])

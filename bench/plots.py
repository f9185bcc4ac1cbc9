"""The pictures of the page: SVG, once for a light page and once for a dark one."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from bench.kept import Kept
from bench.peers import PEERS
from bench.titles import depth, title

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SALT = {"svg.hashsalt": "millrace", "svg.fonttype": "path", "font.family": "DejaVu Sans"}


@dataclass(frozen=True)
class Look:
    """The colours of one kind of page."""

    name: str
    text: str
    quiet: str
    line: str
    ours: str
    durable: str
    other: str


LOOKS = (
    Look("light", "#1F2A30", "#5B6B73", "#D9E1E5", "#0B7A75", "#7FB7BE", "#C3CCD1"),
    Look("dark", "#E6EDF0", "#9AA8B0", "#37434A", "#2FB8AE", "#3E7C86", "#56646C"),
)
DRAWN_PERCENT = 99.5


def draw(results: dict[str, Kept], folder: Path = IMAGES) -> None:
    """Every picture whose figures are there."""
    pictures: dict[
        str, tuple[Callable[[Figure, Look, dict[str, Kept]], None], set[str], tuple[float, float]]
    ] = {
        "bench-drain": (drains, {"S1", "S2"}, (8.0, 3.9)),
        "bench-latency": (latencies, {"S5"}, (8.0, 3.2)),
        "bench-depth": (depths, {"S6"}, (8.0, 2.7)),
        "bench-mail": (mails, {"E1"}, (8.0, 2.4)),
        "bench-mail-memory": (mail_memory, {"E4"}, (8.0, 2.7)),
    }
    for name, (paint, needed, size) in pictures.items():
        if needed <= results.keys():
            for look in LOOKS:
                with matplotlib.rc_context(SALT):
                    figure = Figure(figsize=size, layout="constrained")
                    paint(figure, look, results)
                    figure.savefig(
                        folder / f"{name}-{look.name}.svg", transparent=True, metadata={"Date": None}
                    )


def drains(figure: Figure, look: Look, results: dict[str, Kept]) -> None:
    """A bar for each queue, a mark for each round."""
    rows = [
        ("Millrace, batches of up to 500", results["S2"]["values"]["millrace"], look.ours),
        ("Millrace, one at a time", results["S1"]["values"]["millrace"], look.ours),
    ]
    for peer in PEERS:
        if rates := results["S2"]["values"].get(peer.name):
            rows.append((peer.title, rates, look.durable if peer.is_durable else look.other))
    rows.sort(key=lambda row: statistics.median(row[1]))
    axes = bars(figure, look, rows)
    axes.set_xlabel("tiny jobs a second, two processes (line: least and most of all rounds)", fontsize=9)
    handles = [Patch(color=colour) for colour in (look.ours, look.durable, look.other)]
    names = ["Millrace", "keeps accepted jobs too", "can lose jobs"]
    axes.legend(handles, names, loc="lower right", frameon=False, fontsize=9, labelcolor=look.text)


def latencies(figure: Figure, look: Look, results: dict[str, Kept]) -> None:
    """How many percent had started after so many milliseconds."""
    axes = tidy(figure.add_subplot(), look, grid="both")
    widest = 0.0
    for name, colour in (("celery_raw", look.quiet), ("millrace", look.ours)):
        shape = results["S5"]["more"]["shape"][name]
        percents = [100 * place / (len(shape) - 1) for place in range(len(shape))]
        axes.plot(shape, percents, color=colour, linewidth=2, zorder=2)
        for percent in (50, 99):
            ms = statistics.median(results["S5"]["values"][f"{name} p{percent}"])
            axes.plot([ms], [percent], "o", color=colour, markersize=5, zorder=3)
            axes.annotate(
                f"p{percent}  {ms:.1f} ms", (ms, percent), xytext=(8, -12), textcoords="offset points",
                color=look.text, fontsize=9,
            )  # fmt: skip
        axes.text(shape[20], 13, title(name) + "  ", ha="right", color=colour, fontsize=10)
        widest = max(widest, shape[round(DRAWN_PERCENT / 100 * (len(shape) - 1))])
    axes.set_xlim(0, widest * 1.15)
    axes.set_ylim(0, 103)
    axes.set_xlabel("milliseconds from the call that asks to the first line of the job", fontsize=9)
    axes.set_ylabel("percent started", fontsize=9)


def depths(figure: Figure, look: Look, results: dict[str, Kept]) -> None:
    """Three curves that should be flat."""
    found = results["S6"]
    waiting = found["more"]["depths"]
    panels = (("S1", "jobs/s, one at a time"), ("S2", "jobs/s, in batches"), ("claim", "p99 of a claim, ms"))
    for place, (name, label) in enumerate(panels):
        axes = tidy(figure.add_subplot(1, len(panels), place + 1), look, grid="y")
        rounds = [found["values"][f"{name} {one}"] for one in waiting]
        middles = [statistics.median(one) for one in rounds]
        places = range(len(waiting))
        axes.plot(places, middles, "o-", color=look.ours, linewidth=2, markersize=5, zorder=3)
        for where, each in zip(places, rounds, strict=True):
            axes.plot([where, where], [min(each), max(each)], color=look.quiet, linewidth=1, zorder=2)
        axes.set_xticks(places, [depth(one) for one in waiting])
        axes.set_xlim(-0.4, len(waiting) - 0.6)
        axes.set_ylim(0, max(max(each) for each in rounds) * 1.15)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axes.set_title(label, fontsize=9, color=look.text, loc="left")
        axes.set_xlabel("jobs waiting", fontsize=9)


def mails(figure: Figure, look: Look, results: dict[str, Kept]) -> None:
    """A bar for each way to send."""
    values = results["E1"]["values"]
    rows = [
        (title(name).replace("`", ""), values[name], look.other if name == "send_messages" else look.ours)
        for name in ("send_messages", "rsa", "ed25519", "plain")
        if name in values
    ]
    axes = bars(figure, look, rows)
    axes.set_xlabel("personal mails a second (line: least and most of all rounds)", fontsize=9)


def mail_memory(figure: Figure, look: Look, results: dict[str, Kept]) -> None:
    """Megabytes over the mails that were sent."""
    curve = results["E4"]["more"]["curve"]
    axes = tidy(figure.add_subplot(), look, grid="both")
    sent = [point[0] / 1000 for point in curve]
    lines = ((1, "the process that sends", look.ours, 6), (2, "the worker's main", look.quiet, -14))
    for place, label, colour, above in lines:
        sizes = [point[place] for point in curve]
        axes.plot(sent, sizes, color=colour, linewidth=2, zorder=3)
        axes.annotate(
            label, (sent[-1], sizes[-1]), xytext=(0, above), textcoords="offset points", ha="right",
            color=colour, fontsize=9,
        )  # fmt: skip
    axes.set_xlim(0, max(sent) * 1.02)
    axes.set_ylim(0, max(max(point[1], point[2]) for point in curve) * 1.3)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("mails sent, in thousands", fontsize=9)
    axes.set_ylabel("MB (PSS)", fontsize=9)


def bars(figure: Figure, look: Look, rows: list[tuple[str, list[float], str]]) -> Axes:
    """One for each name, with the median beside it and a mark from the least to the most."""
    axes = tidy(figure.add_subplot(), look, grid="x")
    for place, (_, rates, colour) in enumerate(rows):
        middle = statistics.median(rates)
        axes.barh(place, middle, 0.66, color=colour, zorder=2)
        axes.plot([min(rates), max(rates)], [place, place], color=look.text, linewidth=1, zorder=3)
        axes.text(max(rates), place, f"  {middle:,.0f}", va="center", color=look.text, fontsize=9)
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.set_xlim(0, max(max(row[1]) for row in rows) * 1.12)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return axes


def tidy(axes: Axes, look: Look, *, grid: Any) -> Axes:
    """Quiet lines, readable text."""
    axes.set_facecolor("none")
    axes.tick_params(length=0, labelsize=9, labelcolor=look.text, pad=5)
    axes.grid(axis=grid, color=look.line, linewidth=0.7, zorder=0)
    axes.xaxis.label.set_color(look.quiet)
    axes.yaxis.label.set_color(look.quiet)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(look.line)
    return axes

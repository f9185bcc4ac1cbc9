"""The demo's pictures: bars while the jobs run, a table when they have ended."""

import shutil
import sys
import textwrap
from collections.abc import Sequence

from core.demo.tour import Stop

BAR = 24
KIND = 18
COLOURS = {"succeeded": 32, "running": 36, "failed": 31, "refused": 31, "cancelled": 33, "retrying": 33}


class Bars:
    """Drawn over themselves on a terminal; elsewhere a line for every move."""

    def __init__(self) -> None:
        self.drawn = 0
        self.told: dict[str, str] = {}

    def show(self, stops: Sequence[Stop]) -> None:
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns
            up = f"\033[{self.drawn}A" if self.drawn else ""
            print(up + "\n".join(f"\033[K{bar(stop, width)}" for stop in stops), flush=True)
            self.drawn = len(stops)
            return
        for stop in stops:
            if self.told.get(stop.kind) != stop.state and stop.job:
                print(f"  {stop.kind:<{KIND}} {stop.state}", flush=True)
            self.told[stop.kind] = stop.state


def bar(stop: Stop, width: int) -> str:
    full = round(stop.fraction * BAR)
    picture = "█" * full + "░" * (BAR - full)
    text = f"  {stop.kind:<{KIND}} {picture} {stop.fraction:>4.0%}  "
    rest = f"{stop.state}  {stop.note}"[: max(0, width - len(text) - 1)]
    return coloured(stop.state, text + rest)


def table(stops: Sequence[Stop]) -> str:
    """Kind, job, state, waited, ran; what came out and where to look below each other."""
    head = (
        f"  {'Kind':<{KIND}} {'Job':<13} {'State':<10} {'Waited':>8} {'Ran':>8}  What came out, where to look"
    )
    indent = len(head) - len("What came out, where to look")
    width = max(shutil.get_terminal_size((140, 24)).columns - indent - 1, 40)
    lines = ["", bold(head)]
    for stop in stops:
        out = [part for one in [*stop.came_out, stop.note] if one for part in textwrap.wrap(one, width)]
        first, *more = [*out, stop.url] if stop.url else out or [""]
        known = f"  {stop.kind:<{KIND}} {short(stop.job):<13} "
        times = f" {seconds(stop.waited):>8} {seconds(stop.ran):>8}  "
        lines.append(f"{known}{coloured(stop.state, f'{stop.state:<10}')}{times}{first}")
        lines += [f"{' ' * indent}{line}" for line in more]
    return "\n".join(lines)


def short(job: str) -> str:
    """The end of an id: ids of the same second begin alike."""
    return f"…{job[-12:]}" if job else ""


def seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def coloured(state: str, text: str) -> str:
    colour = COLOURS.get(state)
    return f"\033[{colour}m{text}\033[0m" if colour and sys.stdout.isatty() else text


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text

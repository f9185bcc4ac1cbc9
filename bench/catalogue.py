"""All measures, in their order. Two that share their runs share a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.lab import Lab
from bench.measure import Found
from bench.measures import (
    depth,
    drain,
    idle,
    latency,
    mail,
    mail_list,
    mail_memory,
    memory,
    over_http,
    price,
    submit_many,
)
from bench.wishes import Wishes


class Group(NamedTuple):
    """Measures that come from the same runs."""

    measures: tuple[str, ...]
    run: Callable[[Lab, Wishes], list[Found]]


GROUPS = [
    Group(module.MEASURES, module.run)
    for module in (
        drain, submit_many, over_http, latency, depth, price, idle, memory, mail, mail_memory, mail_list
    )
]  # fmt: skip
MEASURES = tuple(sorted(name for group in GROUPS for name in group.measures))
TOGETHER = {"EMAIL": tuple(name for name in MEASURES if name.startswith("E"))}
"""Words that ask for several."""

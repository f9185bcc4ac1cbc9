"""What a job costs the processors, and how the page says what each part of it does."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import tables
from bench.drains import time_counter
from bench.lab import Lab
from bench.measures import price
from bench.meter import Meter, typical

WORKS = "import time; input()\nwhile time.process_time() < 0.5: pass\nprint(flush=True); input()"


def test_a_meter_says_what_each_cost_since_it_began() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as one:  # fmt: skip
        assert one.stdin is not None and one.stdout is not None
        meter = Meter({"worker": [one], "beside": []})
        one.stdin.write(b"\n")
        one.stdin.flush()
        one.stdout.readline()

        costs = meter.each(10)

        one.communicate(b"\n")
    assert 20_000 < costs["worker"] <= 52_000, "half a second for ten, less its start"
    assert costs["beside"] == 0


def test_the_typical_cost_is_the_one_in_the_middle() -> None:
    assert typical([{"redis": 1.0}, {"redis": 90.0}, {"redis": 3.04}]) == {"redis": 3.0}


@pytest.mark.parametrize(
    ("part", "cpu", "said"),
    [
        (
            "logs",
            {"all": {"workers": 500.0, "redis": 90.0}, "logs": {"workers": 450.0, "redis": 95.0}},
            "+45 µs",
        ),
        ("limit", {"all": {"workers": 500.0}, "limit": {"workers": 700.0}}, "+200 µs"),
    ],
)
def test_a_part_costs_what_jobs_with_it_cost_more(part: str, cpu: dict[str, Any], said: str) -> None:
    """Whether the arm of the benchmark lacks the part or has it besides."""
    line = {"measure": f"S7 {part}", "value": 1.0, "peer_value": 1000.0, "spread": (-2.0, 3.0)}
    found = {"lines": [line], "values": {"all": [1000.0]}, "more": {"cpu": cpu}}

    assert f"| {said} |" in tables.prices(found)[-2]


def test_the_page_knows_which_parts_were_added() -> None:
    assert {arm.name for arm in price.ADDED} == tables.ADDED


@pytest.mark.parametrize("seen", [[0, 20], [0, 3, 20]], ids=["all at once", "a tenth, then all"])
def test_few_jobs_that_are_over_between_two_looks_have_a_rate(seen: list[int]) -> None:
    lab = SimpleNamespace(done=lambda: seen.pop(0), logs="")

    drained = time_counter(cast(Lab, lab), 20, "few")

    assert drained.rate > 0
    assert drained.costs == {}

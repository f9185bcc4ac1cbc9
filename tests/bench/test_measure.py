"""Medians, ratios and bars."""

from __future__ import annotations

import json

from bench.measure import alone, at_least, at_most, beside


def test_a_ratio_is_of_medians_and_is_held_against_its_bar() -> None:
    line = beside("S1", [90, 130, 120], "jobs/s", "celery_raw", [50, 200, 100], at_least(1.2))

    assert (line.value, line.peer_value, line.ratio, line.spread) == (120, 100, 1.2, (90, 130))
    assert line.is_met


def test_less_can_be_better() -> None:
    assert beside("S5 p50", [3.0], "ms", "celery_raw", [2.0], at_most(1.5)).is_met
    assert not beside("S5 p50", [3.2], "ms", "celery_raw", [2.0], at_most(1.5)).is_met


def test_without_a_peer_the_value_is_held_against_the_bar() -> None:
    line = alone("S3", [49_000, 52_000, 51_000], "jobs/s", at_least(50_000, "jobs/s"))

    assert line.is_met
    assert line.bar == "≥ 50,000 jobs/s"


def test_a_line_is_one_line_of_json_with_the_agreed_names() -> None:
    told = alone("S3", [1.0], "jobs/s").as_json()

    assert "\n" not in told
    assert set(json.loads(told)) == {
        "measure", "value", "unit", "peer", "peer_value", "ratio", "spread", "rounds", "bar", "is_met",
    }  # fmt: skip

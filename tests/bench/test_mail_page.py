"""What was measured about mail can be kept, read, told on the page and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import kept, page, plots
from bench.measure import Found, alone
from bench.measures import mail, mail_list, mail_memory
from bench.measures.mail_memory import Point

MACHINE = {
    "cores": 2, "processor": "A mill", "memory": "24 GiB", "system": "Linux", "python": "3.11",
    "postgresql": "18, fsync on", "others_percent": 3.2,
}  # fmt: skip
RATES = {
    "plain": [3_000.0, 3_100.0], "rsa": [1_400.0, 1_450.0], "ed25519": [2_500.0, 2_600.0],
    "send_messages": [700.0, 720.0], "sink": [8_000.0, 9_000.0],
}  # fmt: skip
ACCEPTED = {"API seconds": [4.1], "API megabytes": [8.5], "form seconds": [5.2], "form megabytes": [9.0]}


@pytest.fixture
def results(tmp_path: Path) -> dict[str, kept.Kept]:
    """As if all of it had been measured."""
    cpu = {name: {"sender": 150.0, "postgresql": 60.0, "sink": 70.0} for name in RATES}
    found = [
        Found(measure=name, lines=mail.lines(name, RATES), values=RATES, rounds=2, more={"cpu": cpu})
        for name in mail.MEASURES
    ]
    curve = mail_memory.thinned([Point(number, 80.0, 60.0, 200.0) for number in range(500)])
    found.append(
        Found(
            measure="E4", lines=[alone("E4", [80.0], "MB", mail_memory.BAR)], rounds=1,
            values={"largest": [80.0], "main": [60.0], "whole": [200.0]},
            more={"recipients": 500, "looks": 500, "curve": [list(point) for point in curve]},
        )
    )  # fmt: skip
    more = {"recipients": 100_000, "bytes": 9_000_000}
    found.append(Found(measure="E5", lines=mail_list.lines(ACCEPTED), values=ACCEPTED, rounds=1, more=more))
    for one in found:
        kept.keep(one, MACHINE, tmp_path)
    return kept.read(tmp_path)


def test_every_figure_stands_beside_its_bar(results: dict[str, kept.Kept]) -> None:
    told = page.page(results)

    for row in (
        "| E1 | 3,050 mails/s |  |  |  | ≥ 2,000 mails/s | met |",
        "| E2 | 1,425 mails/s |  |  |  | ≥ 1,500 mails/s | **missed** |",
        "| E3 | 3,050 mails/s | Django's `send_messages` | 710 mails/s | 4.30 | ≥ 2.5 × | met |",
        "| E4 | 80 MB |  |  |  | ≤ 150 MB | met |",
        "| E5 form | 5.2 s |  |  |  | ≤ 5 s | **missed** |",
        "| Millrace, signed with RSA-2048 | 1,425 (1,400 … 1,450) | 2.01 | 150 | 60 | 70 |",
        "| what the sink takes | 8,500 (8,000 … 9,000) |  | 150 | 60 | 70 |",
        "| 500 | 80.0 | 60.0 | 200.0 |",
        "| API | 4.1 (4.1 … 4.1) | 8.5 (8.5 … 8.5) |",
    ):
        assert row in told


def test_every_picture_that_the_page_shows_is_drawn(results: dict[str, kept.Kept], tmp_path: Path) -> None:
    plots.draw(results, tmp_path)

    drawn = {path.name for path in tmp_path.glob("*.svg")}
    assert drawn == {
        f"bench-{name}-{look.name}.svg" for name in ("mail", "mail-memory") for look in plots.LOOKS
    }
    assert all(f"../images/{name}" in page.page(results) for name in drawn)

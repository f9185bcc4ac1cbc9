"""How doctor tells it: exit codes, JSON, a page without secrets."""

import json
import subprocess

import pytest

from jobs.doctor.examine import Probe, examine
from jobs.doctor.finding import Area, Seen, State, problem, unknown, warning
from jobs.doctor.report import Page, as_json, exit_code
from jobs.management.colour import wants_colour
from jobs.text import MANAGE
from tests.commands.test_away import manage

TOLD = {"why": "It hurts.", "remedy": "mend it"}
BY_STATE = {
    State.OK: [],
    State.WARNING: [warning("a.w", "Odd.", **TOLD)],
    State.PROBLEM: [warning("a.w", "Odd.", **TOLD), problem("a.p", "Broken.", **TOLD)],
    State.UNKNOWN: [problem("a.p", "Broken.", **TOLD), unknown("a.u", "Unseen.", **TOLD)],
}


def make_area(state: State, *, is_essential: bool = False) -> Area:
    return Area("a", "A", Seen("figures", BY_STATE[state]), 0.1, is_essential)


@pytest.mark.parametrize(
    ("state", "is_essential", "strict", "code"),
    [
        (State.OK, True, True, 0),
        (State.WARNING, True, False, 0),
        (State.WARNING, True, True, 1),
        (State.PROBLEM, True, False, 1),
        (State.UNKNOWN, False, False, 1),
        (State.UNKNOWN, True, False, 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst(
    state: State, is_essential: bool, strict: bool, code: int
) -> None:
    areas = [make_area(State.OK), make_area(state, is_essential=is_essential)]

    assert exit_code(areas, strict=strict) == code
    assert as_json(areas, seconds=1, strict=strict)["exit_code"] == code
    assert as_json(areas, seconds=1, strict=strict)["state"] == state


def test_a_look_that_fails_takes_no_other_with_it_and_shows_no_password() -> None:
    def fail() -> Seen:
        raise RuntimeError("no route to redis://ada:s3cret@host:6379/0, password=hunter2\nand more")

    bad, good = examine([Probe("bad", "Bad", fail), Probe("good", "Good", lambda: Seen("fine"))])

    assert [bad.state, good.state] == [State.UNKNOWN, State.OK]
    [found] = bad.seen.findings
    assert found.found == "no route to redis://***@host:6379/0, password=***"


def test_the_page_shows_found_why_and_a_remedy_that_can_be_copied() -> None:
    remedy = "command " + "with a long line " * 20
    area = Area("a", "Area", Seen("seen", [problem("a.p", "found it", why="why", remedy=remedy)]), 0.1, False)

    lines = list(Page(width=80, is_coloured=False).lines([area], seconds=0.5))

    assert " ✗ Area           seen" in lines
    assert f"       → {remedy}" in lines
    assert lines[-1] == "1 problem, 0 of 1 areas ok (0.5 s)"
    assert "\033" not in "\n".join(lines)
    assert "\033[31m✗" in "\n".join(Page(width=80, is_coloured=True).lines([area], seconds=0.5))


class Terminal:
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_and_for_those_who_did_not_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(Terminal(), forced=False, never=False)
    assert not wants_colour(Terminal(), forced=False, never=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal(), forced=False, never=False)
    assert wants_colour(Terminal(), forced=True, never=False)


def run_doctor(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return manage("doctor", *arguments, **environment)


def test_without_database_and_broker_it_says_so_and_nothing_is_guessed() -> None:
    ran = run_doctor(
        "--json",
        DATABASE_URL="postgres://ada:s3cret@127.0.0.1:9/none",
        BROKER_URL="redis://:s3cret@127.0.0.1:9/0",
        REDIS_URL="redis://:s3cret@127.0.0.1:9/1",
    )

    told = json.loads(ran.stdout)
    states = {area["name"]: area["findings"][0]["id"] for area in told["areas"] if area["findings"]}
    assert (ran.returncode, told["exit_code"], told["state"]) == (2, 2, "unknown")
    assert (states["database"], states["broker"]) == ("database.away", "broker.away")
    assert states["tables"] == "tables.skipped"
    assert "s3cret" not in ran.stdout + ran.stderr


def test_the_page_of_a_database_without_tables_says_what_to_run() -> None:
    ran = run_doctor()  # the suite's own tables are in another database

    assert ran.returncode == 1
    assert f"→ {MANAGE} migrate" in ran.stdout
    assert "\033" not in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr

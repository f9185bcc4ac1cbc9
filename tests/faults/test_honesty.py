"""Whoever looks is told the truth, soon; the judge finds it where they are not."""

from uuid import uuid4

import pytest

from tests.faults.audit import Change
from tests.faults.honesty import Look, Spell, judge_looks
from tests.faults.judge import Verdict
from tests.faults.onlooker import read

JOB = uuid4()
ENDED = Change(JOB, 1, uuid4(), "running", "succeeded", "ok", 0, 0, 10.0)


def page(state: str, at: float = 0.0, **more: object) -> Look:
    return Look(f"/jobs/{JOB}", at, **{"seconds": 0.1, "status": 200, "states": {JOB: state}} | more)  # type: ignore[arg-type]


def probe(word: str, at: float = 5.0) -> Look:
    return Look("/readyz", at, 0.1, 200, word=word)


def found(*looks: Look, spells: list[Spell] | None = None) -> list[str]:
    verdict = Verdict()
    judge_looks(verdict, list(looks), spells or [], [ENDED])
    return verdict.violations


def test_what_is_said_to_be_over_was_over() -> None:
    assert found(page("running", at=9.0), page("succeeded", at=9.95)) == []
    assert "said to be over" in found(page("succeeded", at=9.0))[0]
    assert "said to be over" in found(page("failed", at=11.0))[0]


@pytest.mark.parametrize(
    "look",
    [
        page("running", seconds=2.5),
        page("running", status=0),
        page("running", status=302),
        page("running", status=500, is_ours=False),
    ],
)
def test_an_answer_that_hangs_or_is_none_is_found(look: Look) -> None:
    assert "I10" in found(look)[0]


def test_an_error_page_of_ours_is_an_answer() -> None:
    assert found(Look("/jobs", 0.0, 0.1, 500)) == []


def test_who_is_ill_says_so_as_long_as_it_lasts() -> None:
    spells = [Spell(4.0, 6.0, "degraded")]

    assert found(probe("ready", at=3.0), probe("degraded"), probe("ready", at=5.95), spells=spells) == []
    assert "was to say degraded" in found(probe("ready"), spells=spells)[0]
    assert "nobody heard" in found(probe("degraded", at=3.0), spells=spells)[0]


def test_pages_are_read_as_people_read_them() -> None:
    line = f'<li><a id="j-{JOB}" href="x"><span class="state queued"><svg/>queued</span></a></li>'
    hero = '<section class="card hero running" aria-labelledby="job">'

    assert read(Look("/jobs", 0, 0, 200), line).states == {JOB: "queued"}
    assert read(page("", at=0), hero).states == {JOB: "running"}
    assert not read(Look("/jobs", 0, 0, 500), "Internal Server Error").is_ours
    assert read(Look("/readyz", 0, 0, 503), '{"status": "unready"}').word == "unready"

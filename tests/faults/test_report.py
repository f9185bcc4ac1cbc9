"""The table says what was measured, no more and no less."""

from tests.faults import report, source
from tests.faults.case import Row
from tests.faults.control.plant import Control
from tests.faults.one_case import untimed


def test_the_page_is_what_the_runs_remember() -> None:
    assert report.page(report.remembered()) == report.TABLE.read_text()


def test_no_result_is_older_than_its_case() -> None:
    to_run = source.stale(report.remembered())

    assert not to_run, f"The judge or these cases changed since they were measured: run {'; '.join(to_run)}"


def test_a_case_that_changed_is_named() -> None:
    memory = {name: {"source": source.fingerprint(name)} for name in ("1", "2", "soak")}
    assert source.stale(memory | {"guards": {}}) == []

    memory |= {"2": {"source": "of another day"}, "12": {}, "soak": {}}
    assert source.stale(memory) == ["make faults CASE=2,12", "make soak"]


def test_the_page_says_on_what_a_result_was_measured() -> None:
    assert source.told({"commit": "abc1234", "is_dirty": False}) == "at abc1234"
    assert (
        source.told({"commit": "abc1234", "is_dirty": True})
        == "at abc1234, with changes that are in no commit"
    )
    assert "nobody noted" in source.told({})


def test_a_row_that_failed_says_so_in_bold() -> None:
    row = Row("cut", "everything", 3, 1, 0, 0, None, violations=["I1: lost: 1 (a)"]).as_json()

    assert "**I1: lost: 1 (a)**" in report.table_row(row)
    assert "FAIL cut" in report.line(row)
    memory = {"1": {"at": "now", "machine": "here", "rows": [row]}}
    assert "**(failed)**" in report.page(memory)


def test_the_control_arm_stands_beside_it() -> None:
    row = Row("cut", "a | b", 3, 0, 0, 0, 1.25, control=Control(4, 1, 2, 3, 1, "slow")).as_json()

    assert report.plain(row) == "4 jobs: 1 / 2, 3 held back, 1 done but to run again; slow"
    assert "a \\| b" in report.table_row(row), "nothing ends a cell"
    assert "1.2 s" in report.table_row(row)


def test_a_short_time_is_not_printed_as_none() -> None:
    assert [report.seconds(value) for value in (None, 0.04, 4.04)] == ["–", "0.04 s", "4.0 s"]


def test_a_row_that_is_judged_by_another_measure_says_so() -> None:
    row = Row("cut", "everything", 3, 0, 0, 0, 4.0, "not judged: nobody was there").as_json()

    assert "| 4.0 s (not judged: nobody was there) |" in report.table_row(row)


def test_a_case_that_did_not_run_says_why() -> None:
    page = report.page({})

    assert "waits for the schedules" in page
    assert "not run yet" in page


def test_the_quick_form_judges_no_time() -> None:
    found = Row("v", "i", 1, 0, 0, 0, 9.9, violations=["I9: seconds to recover: 1 (9.9 of 5.5)", "I4: twice"])

    assert untimed(found).violations == ["I4: twice"]
    assert "9.9 of 5.5" in found.note

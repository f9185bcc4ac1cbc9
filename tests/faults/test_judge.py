"""The judge finds every kind of wrong: a judge that cannot object is worth nothing."""

from collections import Counter
from uuid import UUID, uuid4

import pytest

from tests.faults.account import Account, Answer
from tests.faults.audit import Change
from tests.faults.judge import Budgets, JobRow, Verdict, judge
from tests.faults.recovery import longest

HOLDER = uuid4()


def account(**answers: Answer) -> Account:
    found = Account()
    for key, answer in answers.items():
        found.note(key, answer)
    return found


def job(key: str = "a", state: str = "succeeded", kind: str = "test.ok", **more: object) -> JobRow:
    given = {"attempt": 1, "failures": 0, "crashes": 0, "events": {}} | more
    return JobRow(uuid4(), key, kind, state, **given)  # type: ignore[arg-type]


def change(job: UUID, before: str, after: str, at: float = 1.0, attempt: int = 1) -> Change:
    return Change(job, attempt, HOLDER, before, after, "", 0, 0, at)


def seen(
    given: Account, *jobs: JobRow, effects: dict[str, int] | None = None, changes: list[Change] | None = None,
    **more: object,
) -> Verdict:  # fmt: skip
    counted = Counter({"a": 1} if effects is None else effects)
    return judge(given, list(jobs), counted, changes or [], **more)  # type: ignore[arg-type]


def test_a_clean_account_has_no_violations() -> None:
    assert seen(account(a=Answer.OK), job()).violations == []


def test_an_accepted_job_that_is_not_there_is_lost() -> None:
    verdict = seen(account(a=Answer.OK), effects={})

    assert verdict.lost == 1
    assert "I1" in verdict.violations[0]


def test_a_job_that_never_ends_is_lost() -> None:
    assert seen(account(a=Answer.OK), job(state="queued"), effects={}).lost == 1


def test_a_success_without_its_effect_is_lost() -> None:
    assert seen(account(a=Answer.OK), job(), effects={}).lost == 1


@pytest.mark.parametrize(("jobs", "effects"), [([job(state="succeeded")], {"a": 1}), ([], {"a": 1})])
def test_a_refused_submit_that_left_something_is_a_phantom(
    jobs: list[JobRow], effects: dict[str, int]
) -> None:
    assert any("I2" in found for found in seen(account(a=Answer.FAILED), *jobs, effects=effects).violations)


def test_an_unknown_submit_may_be_one_job_or_none() -> None:
    assert seen(account(a=Answer.UNKNOWN), effects={}).violations == []
    assert seen(account(a=Answer.UNKNOWN), job()).violations == []
    assert seen(account(a=Answer.UNKNOWN), job(), job(), effects={"a": 1}).doubled == 1
    assert seen(account(a=Answer.UNKNOWN), effects={"a": 1}).violations


def test_asked_again_and_accepted_is_accepted() -> None:
    given = account(a=Answer.UNKNOWN)
    given.note("a", Answer.OK)

    assert seen(given, effects={}).lost == 1


def test_one_attempt_that_finished_twice_is_doubled() -> None:
    one = job()
    changes = [change(one.id, "running", "retrying"), change(one.id, "running", "succeeded")]

    assert seen(account(a=Answer.OK), one, changes=changes).doubled == 1


def test_only_a_recorded_retry_leaves_a_final_state() -> None:
    one, retried = job(), job(events={"retried": 1})

    assert seen(account(a=Answer.OK), one, changes=[change(one.id, "succeeded", "queued")]).doubled == 1
    assert seen(account(a=Answer.OK), retried, changes=[change(retried.id, "failed", "queued")]).doubled == 0


def test_attempts_beyond_the_budget_are_found() -> None:
    assert "I5" in seen(account(a=Answer.OK), job(crashes=4)).violations[0]
    assert "I5" in seen(account(a=Answer.OK), job(failures=4)).violations[0]


def test_an_attempt_that_nothing_accounts_for_is_found() -> None:
    known = job(attempt=3, crashes=1, events={"released": 1, "lost": 1})
    given, effects = account(a=Answer.OK), {"a": 1}

    assert seen(given, known, effects=effects, faults=2).violations == []
    assert "I5" in seen(given, job(attempt=3), effects=effects, faults=2).violations[0]


def test_endless_runs_that_are_never_charged_are_found() -> None:
    again = job(attempt=4, events={"lost": 2, "released": 1})

    assert seen(account(a=Answer.OK), again, faults=3).violations == []
    assert "I5" in seen(account(a=Answer.OK), again, faults=2).violations[0]
    assert seen(account(a=Answer.OK), again, budgets=Budgets(uncharged=3)).violations == []


@pytest.mark.parametrize(
    ("state", "item", "is_left"),
    [
        ("succeeded", "pending", True),
        ("succeeded", "doing", True),
        ("failed", "doing", True),
        ("failed", "pending", False),
    ],
)
def test_a_ledger_is_settled_when_its_job_is(state: str, item: str, is_left: bool) -> None:
    verdict = seen(account(a=Answer.OK), job(state=state, kind="test.items", items={"one": item}), effects={})

    assert (verdict.lost, "I8" in "".join(verdict.violations)) == (int(is_left), is_left)


def test_a_guarded_effect_happens_once_or_is_uncertain() -> None:
    def one(state: str) -> JobRow:
        return job(kind="test.once", items={"effect": state})

    assert seen(account(a=Answer.OK), one("done")).violations == []
    assert seen(account(a=Answer.OK), one("done"), effects={"a": 2}).doubled == 1
    assert seen(account(a=Answer.OK), one("done"), effects={}).lost == 1
    uncertain = seen(account(a=Answer.OK), one("uncertain"), effects={})
    assert (uncertain.violations, uncertain.uncertain) == ([], 1)


def test_an_effect_that_is_repeat_safe_happens_once_an_attempt() -> None:
    again = job(attempt=2, events={"released": 1})

    assert seen(account(a=Answer.OK), again, effects={"a": 2}, faults=1).violations == []
    assert seen(account(a=Answer.OK), job(attempt=1), effects={"a": 2}).doubled == 1


def test_a_claim_that_a_failover_undid_has_had_its_effect() -> None:
    given = account(a=Answer.OK)

    assert seen(given, job(), effects={"a": 2}, budgets=Budgets(undone=1)).doubled == 0
    assert seen(given, job(), effects={"a": 3}, budgets=Budgets(undone=1)).doubled == 1


def test_a_slow_recovery_and_a_hung_caller_are_found() -> None:
    slow = account()
    slow.note("a", Answer.OK, seconds=3)

    assert "I11" in seen(slow, job()).violations[0]
    assert "I9" in seen(account(a=Answer.OK), job(), recovery=6.0).violations[0]


def test_a_budget_of_ones_own_for_the_recovery_is_argued() -> None:
    with pytest.raises(ValueError, match="says why"):
        Budgets(recovery=2)
    given = account(a=Answer.OK)

    fast = seen(given, job(), recovery=3.0, budgets=Budgets(recovery=2, why="no process died"))
    free = seen(given, job(), recovery=60.0, budgets=Budgets(recovery=None, why="nobody was there"))

    assert ("I9" in fast.violations[0], fast.measure) == (True, "of 2 s: no process died")
    assert (free.violations, free.measure) == ([], "not judged: nobody was there")


def test_a_call_that_hands_in_many_jobs_made_its_caller_wait_once() -> None:
    given = Account()
    given.note_many([str(number) for number in range(1000)], Answer.OK, 3.0)
    given.note("a", Answer.OK, seconds=0.1)

    assert given.p99() == 3.0


def test_recovery_is_from_the_fault_to_the_restart_of_what_it_interrupted() -> None:
    one, other = uuid4(), uuid4()
    changes = [
        change(one, "queued", "running", at=1), change(other, "running", "succeeded", at=3),
        change(one, "running", "queued", at=6), change(one, "queued", "running", at=6.5),
    ]  # fmt: skip

    assert longest([2.0], changes, {}) == 4.5
    assert longest([], changes, {}) is None


def test_recovery_from_a_fault_that_interrupts_nothing_is_the_first_start_of_what_waited() -> None:
    waited, later, other = uuid4(), uuid4(), uuid4()
    accepted = {waited: 1.0, later: 2.5, other: 0.0}
    changes = [
        change(other, "queued", "running", at=1), change(other, "running", "succeeded", at=2.1),
        change(later, "queued", "running", at=3), change(waited, "queued", "running", at=5),
    ]  # fmt: skip

    assert longest([2.0], changes, accepted) == 3.0, (
        "what was handed in after the fault says nothing about it"
    )
    assert longest([5.5], changes, accepted) is None
    assert longest([2.0, 5.5], changes, accepted) == 3.0


def test_a_job_that_was_lost_a_second_time_was_interrupted_by_the_second_fault() -> None:
    one = uuid4()
    changes = [
        change(one, "queued", "running", at=1), change(one, "running", "queued", at=3),
        change(one, "queued", "running", at=3.5), change(one, "running", "queued", at=9),
        change(one, "queued", "running", at=9.5),
    ]  # fmt: skip

    assert longest([2.0], changes, {}) == 1.5
    assert longest([2.0, 7.0], changes, {}) == 2.5

"""Limits hold jobs back in the gate, hand their slots on, and leak none."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import transaction

from jobs.attempt import Claimed, Outcome
from jobs.database import DJANGO, OwnDatabase
from jobs.early import Awaited
from jobs.lifecycle import limits
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.finish import finish_jobs
from jobs.lifecycle.gate import open_gate
from jobs.lifecycle.limits import PUT_OFF, PUT_OFF_SECONDS, Rounds, forget_keys, idle_keys, let_through
from jobs.lifecycle.reasons import waiting_reasons
from jobs.lifecycle.release import release_jobs
from jobs.lifecycle.rescue import rescue_expired
from jobs.lifecycle.retry import retry_jobs
from jobs.lifecycle.submit import submit_job
from jobs.lifecycle.submit_many import submit_many
from jobs.models import Job, LimitKey, Worker
from jobs.states import Reason, State
from tests.clock import Clock
from workers.events import Events
from workers.lease import Leases
from workers.recorder import Recorder
from workers.runner import Runner
from workers.shared import FLAGS, Drain

pytestmark = pytest.mark.django_db(transaction=True)

ACTIVE = "SELECT count(*) FROM millrace_job WHERE state = 'running' OR (state = 'queued' AND ready)"
PAST = datetime.now(UTC) - timedelta(minutes=10)


@pytest.fixture(autouse=True)
def silent(rung: list[str]) -> None:
    """Nobody hears a bell here, and no look of another test puts one off."""
    PUT_OFF.take()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


def submit(owner: User, **payload: str) -> UUID:
    return submit_job("test.limited", payload, owner=owner).id


def ready() -> list[UUID]:
    return list(Job.objects.filter(state="queued", ready=True).order_by("seq").values_list("id", flat=True))


def asking(holder: UUID) -> Asking:
    return Asking(queue="limited", holder=holder, kinds={"test.limited": 1})


def claim(own: OwnDatabase, holder: UUID) -> Claimed:
    (job,) = claim_jobs(asking(holder), db=own)
    return job


def finish(own: OwnDatabase, holder: UUID, job: Claimed, state: State = State.SUCCEEDED) -> None:
    outcome = Outcome(job=job.id, kind=job.kind, attempt=job.attempt, state=state, limits=job.limits)
    assert finish_jobs([outcome], holder=holder, db=own)


# -- Holding back ----------------------------------------------------------------------------------


def test_no_more_stand_in_line_than_a_limit_allows(alice: User) -> None:
    ids = [submit(alice, account="a") for _ in range(5)]

    assert ready() == ids[:3]
    assert LimitKey.objects.get(key="account=a").holders == ids[:3]


def test_many_at_once_are_held_back_as_well(alice: User, rung: list[str]) -> None:
    ids = submit_many("test.limited", ({"account": "a"} for _ in range(50)), owner=alice)

    assert ready() == ids[:3]
    assert rung == ["limited"]


def test_keys_are_apart_and_no_key_is_no_limit(alice: User) -> None:
    for account in ("a", "b", ""):
        for _ in range(5):
            submit(alice, account=account)

    assert len(ready()) == 3 + 3 + 5


def test_a_job_waits_until_each_of_its_keys_has_room(alice: User, own: OwnDatabase) -> None:
    holder = uuid4()
    first = submit(alice, host="h")
    both = submit(alice, account="a", host="h")
    assert ready() == [first]
    others = [submit(alice, account="a") for _ in range(3)]
    assert ready() == [first, *others]

    finish(own, holder, claim(own, holder))

    # The host has room now; the job moved on to the account, whose slots others took meanwhile.
    assert both not in ready()
    assert Job.objects.get(pk=both).held_by == "account=a"
    finish(own, holder, claim(own, holder))
    assert both in ready()


@pytest.mark.parametrize(
    ("payload", "reason", "words"),
    [
        ({"host": "h"}, Reason.LIMIT, "1 at once for host=h"),
        ({"pace": "p"}, Reason.RATE, "2 every hour for pace=p"),
    ],
)
def test_the_reason_names_the_limit(payload: dict[str, str], reason: Reason, words: str, alice: User) -> None:
    Worker.objects.create(
        id=uuid4(), name="w", pid=1, version="1", queues=["limited"], kinds=["test.limited"], slots=2
    )
    ids = [submit(alice, **payload) for _ in range(4)]

    found = waiting_reasons(ids)

    assert found[ids[0]].reason is Reason.BEHIND
    assert found[ids[3]].reason is reason
    assert words in found[ids[3]].text


def test_a_transaction_that_is_rolled_back_takes_no_slot(alice: User) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        submit(alice, host="h")
        raise ZeroDivisionError

    job = submit(alice, host="h")

    assert ready() == [job]


def test_the_callers_transaction_holds_nobody_up(alice: User, own: OwnDatabase) -> None:
    """It may stay open for minutes: finish must not wait for it."""
    holder = uuid4()
    first, second = submit(alice, host="h"), submit(alice, host="h")
    job = claim(own, holder)
    with transaction.atomic():
        submit(alice, host="h")
        finish(own, holder, job)
        assert own.rows("SELECT id FROM millrace_job WHERE ready") == [(second,)]
    assert first == job.id


# -- Handing on ------------------------------------------------------------------------------------


def test_whoever_ends_hands_the_slot_to_the_next_and_rings(
    alice: User, own: OwnDatabase, rung: list[str]
) -> None:
    ids, holder = [submit(alice, host="h") for _ in range(3)], uuid4()

    for job in ids:
        assert ready() == [job]
        claimed = claim(own, holder)
        assert ready() == []
        rung.clear()
        finish(own, holder, claimed)
        assert rung == ([] if job == ids[-1] else ["limited"])


def test_an_attempt_that_waits_for_its_next_holds_no_slot(alice: User, own: OwnDatabase) -> None:
    first, second, holder = submit(alice, host="h"), submit(alice, host="h"), uuid4()
    job = claim(own, holder)
    outcome = Outcome(
        job=job.id, kind=job.kind, attempt=1, state=State.RETRYING, delay=timedelta(0), limits=job.limits
    )

    finish_jobs([outcome], holder=holder, db=own)

    assert ready() == [second]
    open_gate()
    assert Job.objects.get(pk=first).held_by == "host=h"
    finish(own, holder, claim(own, holder))
    assert ready() == [first]


def test_a_cancelled_job_hands_its_slot_on(alice: User) -> None:
    first, second = submit(alice, host="h"), submit(alice, host="h")

    cancel_jobs([first], actor="alice")

    assert ready() == [second]


def test_a_cancelled_job_leaves_the_line_before_the_key(alice: User, own: OwnDatabase) -> None:
    ids, holder = [submit(alice, host="h") for _ in range(3)], uuid4()

    cancel_jobs([ids[1]], actor="alice")
    finish(own, holder, claim(own, holder))

    assert ready() == [ids[2]]


def test_what_is_handed_back_or_rescued_keeps_its_slot(alice: User, own: OwnDatabase) -> None:
    first, second, holder = submit(alice, host="h"), submit(alice, host="h"), uuid4()

    release_jobs({first: claim(own, holder).attempt}, holder=holder, db=own)
    assert ready() == [first]
    claim(own, holder)
    Job.objects.filter(pk=first).update(lease=PAST)
    rescue_expired()

    assert ready() == [first]
    assert Job.objects.get(pk=second).held_by == "host=h"


def test_what_is_handed_back_until_a_time_hands_its_slot_on(alice: User, own: OwnDatabase) -> None:
    first, second, holder = submit(alice, host="h"), submit(alice, host="h"), uuid4()

    release_jobs({first: claim(own, holder).attempt}, holder=holder, again_in_seconds=60, db=own)

    assert ready() == [second]


def test_a_job_whose_budget_of_deaths_is_spent_hands_its_slot_on(alice: User, own: OwnDatabase) -> None:
    first, second, holder = submit(alice, host="h"), submit(alice, host="h"), uuid4()
    claim(own, holder)
    Job.objects.filter(pk=first).update(lease=PAST, crashes=9)

    rescue_expired()

    assert Job.objects.get(pk=first).state == "failed"
    assert ready() == [second]


def test_what_is_retried_waits_for_a_slot_again(alice: User) -> None:
    first, second = submit(alice, host="h"), submit(alice, host="h")
    cancel_jobs([first], actor="alice")

    retry_jobs([first], actor="alice")

    assert ready() == [second]
    assert Job.objects.get(pk=first).held_by == "host=h"


def test_what_becomes_due_waits_for_a_slot(alice: User) -> None:
    later = submit_job(
        "test.limited", {"host": "h"}, owner=alice, run_at=datetime.now(UTC) + timedelta(hours=1)
    ).id
    now = submit(alice, host="h")
    Job.objects.filter(pk=later).update(run_at=PAST)

    open_gate()

    assert ready() == [now]
    assert Job.objects.get(pk=later).held_by == "host=h"


def test_a_kind_that_becomes_known_waits_for_a_slot(alice: User) -> None:
    worker = Worker.objects.create(
        id=uuid4(), name="w", pid=1, version="1", queues=["limited"], kinds=[], slots=2
    )
    ids = [submit(alice, host="h") for _ in range(2)]
    assert ready() == []
    Worker.objects.filter(pk=worker.pk).update(kinds=["test.limited"])

    open_gate()

    assert ready() == [ids[0]]
    assert waiting_reasons(ids)[ids[1]].reason is Reason.LIMIT


def test_the_timers_find_what_nobody_told_of(alice: User, own: OwnDatabase) -> None:
    """We die between a finish and the look at its keys."""
    first, second = submit(alice, host="h"), submit(alice, host="h")
    Job.objects.filter(pk=first).update(state="succeeded", ready=False)

    assert Rounds().turn(own) == ["limited"]

    assert ready() == [second]


def test_the_timers_go_round_all_keys(alice: User, own: OwnDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEYS", 2)
    for host in "abcde":
        submit(alice, host=host)
        submit(alice, host=host)
    Job.objects.filter(ready=True).update(state="succeeded", ready=False)
    rounds = Rounds()

    for _ in range(3):
        rounds.turn(own)

    assert len(ready()) == 5


def test_a_free_slot_goes_to_the_highest_priority(alice: User, own: OwnDatabase) -> None:
    first = submit(alice, host="h")
    submit(alice, host="h")
    urgent = submit_job("test.limited", {"host": "h"}, owner=alice, priority=9).id

    cancel_jobs([first], actor="alice")

    assert ready() == [urgent]


def test_a_limit_that_is_declared_anew_counts_from_the_next_job_on(alice: User) -> None:
    """A deploy: the front declares two where it was one."""
    first, second = submit(alice, host="h"), submit(alice, host="h")
    Job.objects.filter(pk=second).update(limits=[["host=h", 2, None, None]])

    let_through(["host=h"])

    assert ready() == [first, second]


def test_a_key_is_forgotten_only_when_nobody_needs_it(alice: User) -> None:
    first, second = submit(alice, host="h"), submit(alice, host="h")
    assert idle_keys(10) == []
    cancel_jobs([second], actor="alice")
    assert idle_keys(10) == []
    cancel_jobs([first], actor="alice")

    assert idle_keys(10) == ["host=h"]
    third = submit(alice, host="h")
    assert forget_keys(["host=h"]) == 0
    cancel_jobs([third], actor="alice")
    assert forget_keys(["host=h"]) == 1

    assert submit(alice, host="h") in ready()


# -- Rates -----------------------------------------------------------------------------------------


def test_a_rate_lets_through_its_count_and_then_waits_for_time(alice: User, own: OwnDatabase) -> None:
    ids, holder = [submit(alice, pace="p") for _ in range(4)], uuid4()
    assert ready() == ids[:2]

    for _ in range(2):
        finish(own, holder, claim(own, holder))
    assert ready() == []

    LimitKey.objects.update(earliest=0)  # hours go by
    Rounds().turn(own)
    assert ready() == ids[2:]


# -- Races -----------------------------------------------------------------------------------------


def test_of_two_that_looked_at_once_one_looks_again(alice: User, own: OwnDatabase) -> None:
    """Two gates read the same free slot before either writes."""
    submit(alice, host="h")
    second, third = submit(alice, host="h"), submit(alice, host="h")
    rival = OwnDatabase("rival")
    Job.objects.filter(ready=True).update(state="succeeded", ready=False)
    read = limits.read

    def read_slowly(keys: list[str], db: OwnDatabase) -> object:
        found = read(keys, db)
        if db is own:
            let_through(["host=h"], db=rival)
        return found

    limits.read = read_slowly  # type: ignore[assignment]
    try:
        let_through(["host=h"], db=own)
    finally:
        limits.read = read
        rival.close()

    assert ready() == [second]
    assert Job.objects.get(pk=third).held_by == "host=h"


def test_many_gates_at_once_never_exceed_a_limit(alice: User) -> None:
    """Ten threads finish, cancel and look at the same three slots."""
    submit_many("test.limited", ({"account": "a", "host": str(n % 4)} for n in range(60)), owner=alice)
    most, errors = [0], []

    def work() -> None:
        own, holder = OwnDatabase("thread"), uuid4()
        asking = Asking(queue="limited", holder=holder, kinds={"test.limited": 1})
        try:
            while own.rows("SELECT 1 FROM millrace_job WHERE state IN ('queued', 'running') LIMIT 1"):
                for job in claim_jobs(asking, db=own):
                    most[0] = max(most[0], own.rows(ACTIVE)[0][0])
                    finish(own, holder, job)
                let_through(["account=a"], db=own)
        except (psycopg.Error, AssertionError) as error:
            errors.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert not errors
    assert Job.objects.filter(state="succeeded").count() == 60
    assert most[0] <= 3


def test_a_process_that_freezes_between_looking_and_writing_holds_no_lock(
    alice: User, own: OwnDatabase
) -> None:
    first, second = submit(alice, host="h"), submit(alice, host="h")
    frozen = OwnDatabase("frozen")
    limits.read(["host=h"], frozen)

    cancel_jobs([first], actor="alice")

    assert ready() == [second]
    assert not DJANGO.rows(
        "SELECT 1 FROM pg_locks JOIN pg_class ON relation = pg_class.oid WHERE relname = 'millrace_limit'"
        " AND pid <> pg_backend_pid()"
    )
    frozen.close()


def test_who_waits_for_the_slot_of_what_ended_is_claimed_with_its_record(
    alice: User, own: OwnDatabase
) -> None:
    """It becomes ready after the commit, too late for the claim in the same statement."""
    first, second = submit(alice, host="h"), submit(alice, host="h")
    holder = uuid4()
    recorder = Recorder(holder, own, Leases(holder), Events("test"))
    ended = claim(own, holder)
    outcome = Outcome(
        job=ended.id, kind=ended.kind, attempt=1, state=State.SUCCEEDED, limits=ended.limits
    )  # fmt: skip

    (job,) = recorder.exchange([outcome], asking(holder), None)

    assert (ended.id, job.id) == (first, second)


def test_a_slot_is_not_given_away_while_many_stand_in_line(
    alice: User, own: OwnDatabase, clock: Clock
) -> None:
    """Each look would be a commit; the line is filled again, at once, before half of it is gone."""
    submit_many("test.limited", ({"crowd": "c"} for _ in range(60)), owner=alice)
    holder, lengths = uuid4(), []

    for _ in range(60):
        clock.now += 1
        finish(own, holder, claim(own, holder))
        lengths.append(len(ready()))

    assert lengths[:12] == [19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 20, 19]
    assert lengths[-17:] == list(range(16, -1, -1)), "the last seven are let through together"


def test_who_found_many_in_line_looks_again_only_later(
    alice: User, own: OwnDatabase, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[list[str]] = []
    monkeypatch.setattr(
        limits, "read", lambda keys, db, read=limits.read: looks.append(list(keys)) or read(keys, db)
    )
    submit_many("test.limited", ({"crowd": "c"} for _ in range(60)), owner=alice)
    holder, looked = uuid4(), len(looks)

    for _ in range(5):
        finish(own, holder, claim(own, holder))
    assert len(looks) == looked, "who put them in found twenty in line"

    clock.now += 2 * PUT_OFF_SECONDS
    finish(own, holder, claim(own, holder))
    assert len(looks) == looked + 1


def test_nobody_finds_the_line_empty_while_a_look_was_put_off(
    alice: User, own: OwnDatabase, runner: Runner, clock: Clock
) -> None:
    """Of sixty the first twenty stand in line; whoever finds no more of them lets the next through."""
    submit_many("test.limited", ({"crowd": "c"} for _ in range(60)), owner=alice)
    for _ in range(20):
        finish(own, runner.holder, claim(own, runner.holder))
    assert not ready()

    jobs = runner._next("limited", 1, [])

    assert len(jobs) == 1
    assert len(ready()) == 19


def test_a_child_that_stops_leaves_no_look_undone(
    alice: User, own: OwnDatabase, runner: Runner, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_many("test.limited", ({"crowd": "c"} for _ in range(60)), owner=alice)
    for _ in range(20):
        finish(own, runner.holder, claim(own, runner.holder))
    monkeypatch.setattr(FLAGS, "drain", Drain.FINISH)

    runner.hear("limited", Awaited(""))

    assert len(ready()) == 20


def test_those_who_stand_in_one_queue_hold_up_nobody_in_another(alice: User) -> None:
    """They may stand there for long: it is paused, or has no worker."""
    submit_many("test.limited", ({"crowd": "c"} for _ in range(12)), owner=alice)
    Job.objects.update(queue="paused")

    submit_many("test.limited", ({"crowd": "c"} for _ in range(30)), owner=alice)

    assert Job.objects.filter(queue="limited", ready=True).count() == 8


def test_who_comes_before_the_line_does_not_wait_for_it_to_empty(alice: User, own: OwnDatabase) -> None:
    submit_many("test.limited", ({"crowd": "c"} for _ in range(30)), owner=alice)
    urgent = submit_job("test.limited", {"crowd": "c"}, owner=alice, priority=9).id
    holder = uuid4()

    finish(own, holder, claim(own, holder))

    assert claim(own, holder).id == urgent

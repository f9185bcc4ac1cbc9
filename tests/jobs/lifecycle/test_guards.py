"""The conditions of the verbs one by one: each of these fails when its condition is taken out."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django_celery_results.models import TaskResult
from pytest_django import Settings

from jobs import metrics
from jobs.attempt import Outcome
from jobs.conf import conf
from jobs.database import DJANGO
from jobs.idempotency import Key
from jobs.lifecycle import known
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.claim import Asking, claim_jobs
from jobs.lifecycle.finish import finish_jobs
from jobs.lifecycle.gate import open_gate
from jobs.lifecycle.known import silent_seconds
from jobs.lifecycle.release import release_jobs
from jobs.lifecycle.renew import renew_leases
from jobs.lifecycle.rescue import rescue_expired
from jobs.lifecycle.retry import retry_jobs
from jobs.lifecycle.submit import submit_job
from jobs.models import Item, Job, JobEvent, Worker
from jobs.registry import KINDS, Kind
from jobs.states import Code, State
from tests.factories import make_job
from tests.jobs.lifecycle.test_other_verbs import PAST, make_worker, state_of
from tests.running import make_kind

pytestmark = pytest.mark.django_db


def doing(job: Job) -> Item:
    return Item.objects.create(job=job, key="a", state="doing", attempt=1)


# -- the attempt's number --------------------------------------------------------------------------


def test_an_older_attempt_of_the_same_holder_renews_nothing() -> None:
    job = make_job("running", attempt=2)

    assert renew_leases({job.id: (1, 600.0)}, holder=job.holder, db=DJANGO).kept == set()


def test_an_older_attempt_of_the_same_holder_releases_nothing() -> None:
    job = make_job("running", attempt=2)

    assert release_jobs({job.id: 1}, holder=job.holder, db=DJANGO) == set()
    assert state_of(job) == "running"


# -- suspects and deaths ---------------------------------------------------------------------------


def test_who_is_claimed_is_no_longer_a_suspect() -> None:
    job = make_job(suspect=True)

    claim_jobs(Asking(queue="default", holder=uuid4(), kinds={"test.ok": 1}), db=DJANGO)

    assert not Job.objects.get(pk=job.pk).suspect


@pytest.fixture
def fragile(monkeypatch: pytest.MonkeyPatch) -> Kind:
    kind = make_kind("test.fragile", worker_deaths=1)
    monkeypatch.setitem(KINDS._kinds, kind.name, kind)
    return kind


def test_a_kind_may_have_a_budget_of_deaths_of_its_own(fragile: Kind) -> None:
    job, other = make_job("running", kind=fragile.name, lease=PAST), make_job("running", lease=PAST)

    rescue_expired()

    assert (state_of(job), state_of(other)) == ("failed", "queued")


# -- items of a job that ends ----------------------------------------------------------------------


def test_a_job_that_fails_leaves_what_it_was_doing_uncertain() -> None:
    job = make_job("running")
    item = doing(job)

    outcome = Outcome(job=job.id, kind=job.kind, attempt=1, state=State.FAILED, code=Code.ERROR)
    finish_jobs([outcome], holder=job.holder, db=DJANGO)

    item.refresh_from_db()
    assert item.state == "uncertain"


def test_a_rescue_leaves_items_uncertain_only_where_no_attempt_follows() -> None:
    last, other = make_job("running", lease=PAST, crashes=2), make_job("running", lease=PAST)
    undecided, open_ = doing(last), doing(other)

    rescue_expired()

    undecided.refresh_from_db()
    open_.refresh_from_db()
    assert (undecided.state, open_.state) == ("uncertain", "doing")


def test_cancelling_what_waits_leaves_what_it_was_doing_uncertain() -> None:
    job = make_job("retrying")
    item = doing(job)

    cancel_jobs([job.id], actor="alice")

    item.refresh_from_db()
    assert item.state == "uncertain"


# -- cancel ----------------------------------------------------------------------------------------


def test_a_job_that_was_to_be_cancelled_is_cancelled_when_it_is_handed_back(rung_at_once: list[str]) -> None:
    job = make_job("running")
    item = doing(job)
    cancel_jobs([job.id], actor="alice")
    before = metrics.pending().get(("finished", job.kind, "cancelled", ""), 0)

    assert release_jobs({job.id: 1}, holder=job.holder, db=DJANGO) == {job.id}

    job.refresh_from_db()
    item.refresh_from_db()
    assert (job.state, job.code, job.ready, job.holder) == ("cancelled", "cancelled_by", False, None)
    assert job.finished_at is not None
    assert item.state == "uncertain"
    assert [event.event for event in JobEvent.objects.filter(job=job).order_by("id")][-1] == "cancelled"
    assert TaskResult.objects.get(task_id=f"{job.id}:1").status == "REVOKED"
    assert metrics.pending()["finished", job.kind, "cancelled", ""] == before + 1
    assert rung_at_once == []


@pytest.mark.parametrize(("keep", "kept"), [("all", 1), ("failed", 0)])
def test_where_all_results_are_kept_a_cancelled_waiting_job_has_one(
    settings: Settings, keep: str, kept: int
) -> None:
    settings.MILLRACE = settings.MILLRACE | {"keep_results": keep}
    conf.cache_clear()
    job = make_job()

    cancel_jobs([job.id], actor="alice")
    conf.cache_clear()

    assert TaskResult.objects.filter(task_id=str(job.id), status="REVOKED").count() == kept
    assert TaskResult.objects.count() == kept, "there was no attempt"


# -- retry -----------------------------------------------------------------------------------------


def test_a_retry_forgets_the_cancellation_and_the_suspicion() -> None:
    job = make_job("failed", cancel_asked=True, suspect=True)

    retry_jobs([job.id], actor="alice")

    job.refresh_from_db()
    assert (job.cancel_asked, job.suspect) == (False, False)


def test_a_retry_of_a_kind_that_nobody_knows_is_held_back() -> None:
    make_worker("test.other")
    job = make_job("failed")

    retry_jobs([job.id], actor="alice")

    assert not Job.objects.get(pk=job.pk).ready


@pytest.mark.parametrize("state", ["failed", "running"])
def test_the_wait_counts_from_when_a_job_could_last_be_claimed(state: str) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=30)
    job = make_job(state, created_at=long_ago, **({"lease": PAST} if state == "running" else {}))
    Job.objects.filter(pk=job.pk).update(created_at=long_ago, run_at=long_ago)

    retry_jobs([job.id], actor="alice")
    rescue_expired()
    (claimed,) = claim_jobs(Asking(queue="default", holder=uuid4(), kinds={"test.ok": 1}), db=DJANGO)

    assert 0 <= claimed.waited_seconds < 60


def test_the_wait_after_a_release_counts_from_the_release() -> None:
    job = make_job("running")
    Job.objects.filter(pk=job.pk).update(created_at=datetime.now(UTC) - timedelta(days=30))

    release_jobs({job.id: 1}, holder=job.holder, db=DJANGO)
    (claimed,) = claim_jobs(Asking(queue="default", holder=uuid4(), kinds={"test.ok": 1}), db=DJANGO)

    assert 0 <= claimed.waited_seconds < 60


# -- gate ------------------------------------------------------------------------------------------


def test_what_has_become_due_but_nobody_knows_does_not_stand_in_line() -> None:
    make_worker("test.other")
    job = make_job("scheduled", run_at=PAST)

    open_gate()

    job.refresh_from_db()
    assert (job.state, job.ready) == ("queued", False)


def test_a_worker_that_fell_silent_holds_nothing_back(alice: User) -> None:
    silent = make_worker("test.other")
    beat = datetime.now(UTC) - timedelta(seconds=silent_seconds() + 5)
    Worker.objects.filter(pk=silent.pk).update(beat_at=beat)

    job = submit_job("test.ok", {}, owner=alice).id

    assert Job.objects.get(pk=job).ready


def test_a_worker_that_is_leaving_holds_nothing_back(alice: User) -> None:
    leaving = make_worker("test.other")
    Worker.objects.filter(pk=leaving.pk).update(is_draining=True)

    job = submit_job("test.ok", {}, owner=alice).id

    assert Job.objects.get(pk=job).ready


def test_what_nobody_knows_any_more_is_taken_out_of_the_line_until_somebody_does() -> None:
    future, known, elsewhere = make_job(kind="test.future"), make_job(), make_job(queue="nobody")
    make_worker("test.ok")

    assert open_gate() == 0

    assert [Job.objects.get(pk=job.pk).ready for job in (future, known, elsewhere)] == [False, True, True]
    make_worker("test.future")
    assert open_gate() == 1
    assert Job.objects.get(pk=future.pk).ready


def test_what_nobody_knew_stays_out_of_the_line_when_the_last_worker_goes() -> None:
    """Else thousands of them would stand before what the next worker can do."""
    future = make_job(kind="test.future")
    last = make_worker("test.ok")
    open_gate()
    Worker.objects.filter(pk=last.pk).delete()

    assert open_gate() == 0
    assert not Job.objects.get(pk=future.pk).ready

    make_worker("test.future")
    assert open_gate() == 1
    assert Job.objects.get(pk=future.pk).ready


def test_one_turn_of_the_gate_lets_in_more_than_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "CHUNK", 2)
    for _ in range(5):
        make_job(ready=False)
    make_worker("test.ok")

    assert open_gate() == 5


def test_one_turn_of_the_gate_looks_at_the_head_of_a_line_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = [make_job(kind="test.future") for _ in range(5)]
    monkeypatch.setattr(known, "DEMOTE", known.DEMOTE.replace(f"LIMIT {known.HEAD}", "LIMIT 2"))
    make_worker("test.ok")

    open_gate()

    assert not Job.objects.filter(pk__in=[job.pk for job in jobs], ready=True).exists()


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_kept_for_half_an_hour_too(alice: User, settings: Settings) -> None:
    settings.MILLRACE = settings.MILLRACE | {"keep_key_hours": 0.5}
    conf.cache_clear()
    try:
        first, second = (submit_job("test.ok", {}, owner=alice, key=Key("web", "k")) for _ in range(2))
    finally:
        conf.cache_clear()

    assert second == (first.id, True)

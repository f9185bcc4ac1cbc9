"""What a filter finds, whom it refuses, and how it says what it understood."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from jobs.database import DJANGO
from jobs.errors import BadFilter
from jobs.models import Job
from jobs.owners import visible_jobs
from jobs.registry import KINDS
from jobs.search import count_up_to, search
from jobs.search.fields import FIELDS, first_id
from jobs.search.patience import patience
from tests.factories import give, make_group, make_job

pytestmark = pytest.mark.django_db
KIND = "images.resize"


def found(text: str, user: User | None = None) -> set[UUID]:
    jobs = Job.objects.all() if user is None else visible_jobs(user)
    return set(search(text, user=user).apply(jobs).values_list("id", flat=True))


def refusal(text: str, user: User | None = None) -> BadFilter:
    with pytest.raises(BadFilter) as refused:
        search(text, user=user)
    return refused.value


def ids(*jobs: Job) -> set[UUID]:
    return {job.id for job in jobs}


def dated(moment: datetime, **fields) -> Job:
    """A job that was submitted then."""
    id = UUID(int=first_id(moment).int | uuid4().int & (1 << 80) - 1)
    job = make_job(id=id, **fields)
    Job.objects.filter(id=job.id).update(created_at=moment)
    return job


def test_states_by_comma_are_either_of_them() -> None:
    failed, retrying, running = make_job("failed"), make_job("retrying"), make_job("running")
    waiting, ended = make_job("queued"), make_job("succeeded")

    assert found("state:failed,retrying") == ids(failed, retrying)
    assert found("state:running") == ids(running)
    assert found("-state:running,failed,retrying") == ids(waiting, ended)
    assert found("") == ids(failed, retrying, running, waiting, ended)


def test_stars_stand_for_anything_and_dots_for_dots() -> None:
    resize, thumb, other = make_job(kind=KIND), make_job(kind="images.thumb"), make_job(kind="imagesXresize")

    assert found("kind:images.*") == ids(resize, thumb)
    assert found("kind:*resize") == ids(resize, other)
    assert found("kind:i*.*e") == ids(resize)
    assert found("-kind:images.*") == ids(other)
    assert found(f"kind:{KIND}") == ids(resize)


def test_queue_door_and_code_are_compared() -> None:
    job = make_job("failed", queue="mail", door="api")
    make_job("succeeded", queue="a", door="web")

    assert found("queue:mail") == found("door:api") == found("code:error") == found("queue:m*") == ids(job)


def test_an_error_is_searched_in_any_case() -> None:
    job = make_job("failed", error="Connection TIMED out: 100%")
    make_job("failed", error="other")
    make_job("succeeded")

    assert found("error:timed") == found('"timed OUT"') == found("100%") == ids(job)
    assert found("-error:timed,other -state:succeeded") == set()


def test_a_free_word_is_an_id_a_state_a_kind_or_text() -> None:
    job = make_job("failed", kind=KIND, error="failed to begin")
    make_job("queued", kind="test.ok", error="failed to begin")

    assert found(str(job.id)) == found("failed") == found(KIND) == found("images.*") == ids(job)
    assert len(found('"failed"')) == 2


def test_an_id_may_be_given_by_its_beginning() -> None:
    job = make_job()
    make_job(id=UUID("ffffffff-0000-7000-8000-000000000000"))

    assert found(f"id:{str(job.id)[:13]}") == found(f"id:{job.id}") == ids(job)
    assert "4 of its digits" in refusal("id:01a").why
    assert "4 of its digits" in refusal("id:nonsense").why


def test_a_span_is_that_long_ago_and_more_is_later() -> None:
    now = timezone.now()
    old, new = dated(now - timedelta(hours=5)), dated(now - timedelta(minutes=5))

    assert found("created:>2h") == found("created:2h") == ids(new)
    assert found("created:<2h") == ids(old)
    assert found("created:>6h created:<1h") == ids(old)
    assert found("-created:>2h") == ids(old)


def test_a_day_is_the_whole_of_it() -> None:
    before, on, after = (
        dated(datetime(2026, 3, day, hour, tzinfo=UTC)) for day, hour in ((1, 23), (2, 12), (3, 0))
    )

    assert found("created:2026-03-02") == ids(on)
    assert found("created:>2026-03-02") == ids(after)
    assert found("created:>=2026-03-02") == ids(on, after)
    assert found("created:<2026-03-02") == ids(before)
    assert found("created:<=2026-03-02") == ids(before, on)
    assert found("created:>2026-03-02T11:00Z created:<2026-03-02T14:00+01:00") == ids(on)


def test_a_clock_that_made_the_id_early_or_late_hides_no_job() -> None:
    now = timezone.now()
    job = dated(now - timedelta(hours=3))
    Job.objects.filter(id=job.id).update(created_at=now - timedelta(hours=2, minutes=30))

    assert found("created:>2h") == set()
    assert found("created:>170m") == ids(job)


@pytest.mark.parametrize("field", ["created", "started", "finished", "due"])
@pytest.mark.parametrize(
    ("time", "finds_it"),
    [
        ("0001-01-01", False),
        (">0001-01-01T00:00+14:00", True),
        ("<0001-01-01T00:00+14:00", False),
        ("<9999-12-31T23:59:59-12:00", True),
        (">9999-12-31T23:59:59-12:00", False),
    ],
)
def test_the_ends_of_the_calendar_are_times_too(field: str, time: str, finds_it: bool) -> None:
    now = timezone.now()
    state = "scheduled" if field == "due" else "succeeded"
    job = make_job(state, run_at=now if field == "due" else None)
    Job.objects.filter(id=job.id).update(started_at=now, finished_at=None if field == "due" else now)

    assert (job.id in found(f"{field}:{time}")) is finds_it


def test_times_of_an_attempt_and_of_what_is_due() -> None:
    ended, waits = make_job("succeeded"), make_job("scheduled")

    assert found("finished:today") == found("started:>1h") == ids(ended)
    assert found("due:<2h") == found("due:2h") == ids(waits)
    assert found("due:>2h") == found("finished:<1h") == set()


def test_me_is_who_asks_and_others_are_for_operators(alice: User, bob: User, charlie: User) -> None:
    mine, shared = make_job(owner=alice), make_job(owner=bob, group=make_group())
    operator = give(charlie, "operate_job")

    assert found("owner:me", alice) == found("owner:alice", alice) == ids(mine)
    assert found("-owner:me", alice) == ids(shared)
    assert found("owner:bob", operator) == found("owner:bob") == ids(shared)
    assert "only operators" in refusal("owner:bob", alice).why
    assert refusal("owner:nobody", alice).why == refusal("owner:bob", alice).why.replace("bob", "nobody")
    assert "no user `nobody`" in refusal("owner:nobody", operator).why
    assert "command line" in refusal("owner:me").why


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("x stat:failed", 3, "no field `stat`; did you mean `state`?"),
        ("http://example.org", 1, "put it in quotes"),
        ("state:nonsense", 7, "there are: cancelled, failed"),
        ("state:faild", 7, "did you mean `failed`?"),
        ("kind:images.resiz", 6, "did you mean `images.resize`?"),
        ("kind:nope", 6, "`kind:nope*`"),
        ("code:tiemout", 6, "did you mean `timeout`?"),
        ("created:soon", 9, "is no time"),
        ("created:>2026-13-01", 9, "is no time"),
        ("created:>99999999h", 9, "is no time"),
        ("created:>999999w", 9, "is no time"),
        ("state:>failed", 7, "compares times"),
        ("kind:images.* state:failed state:queued", 28, "`state:one,other`"),
    ],
)
def test_what_means_nothing_is_refused_with_what_would(text: str, column: int, said: str) -> None:
    refused = refusal(text)

    assert said in refused.why
    assert refused.column == column
    assert f"column {column}" in str(refused)


def test_the_meaning_is_said_in_plain_words() -> None:
    told = [part.meaning for part in search("state:failed,queued -kind:a* created:2026-03-02 x").parts]

    assert told == [
        "state is failed or queued",
        "not: kind is like a*",
        "created on 2026-03-02",
        "the error says “x”",
    ]


def test_every_field_has_an_example_that_works(alice: User) -> None:
    for field in FIELDS.values():
        if field.name not in {"kind", "owner"}:
            assert search(field.example, user=alice).parts
    assert KINDS.get(KIND)


def test_a_count_stops_where_it_is_told_to() -> None:
    for _ in range(3):
        make_job()

    assert str(count_up_to(Job.objects.all(), 2)) == "2+"
    assert str(count_up_to(Job.objects.all(), 3)) == "3"


def test_a_search_that_takes_too_long_is_ended_and_says_how_to_narrow_it() -> None:
    slow = Job.objects.extra(where=["pg_sleep(30) IS NOT NULL"])
    make_job()

    with pytest.raises(BadFilter, match="narrow it"), patience("x", 0.05):
        slow.first()

    assert Job.objects.count() == 1


def test_patience_ends_with_the_search() -> None:
    with patience("x", 0.05):
        Job.objects.first()

    assert DJANGO.rows("SELECT current_setting('statement_timeout')") == [("0",)]

"""The page of one job: honest in every state, live until the end."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from jobs import events, results
from jobs.attempt import Outcome
from jobs.database import DJANGO
from jobs.holder import make_holder
from jobs.lifecycle.cancel import cancel_jobs
from jobs.lifecycle.finish import finish_jobs
from jobs.lifecycle.rescue import rescue_expired
from jobs.models import Item, Job, JobEvent, LogLine, Progress, Tombstone, Worker
from jobs.pages import timeline
from jobs.pages.job_page import LOG_LINES
from jobs.states import FINAL, Code, State
from tests.factories import make_artifact, make_group, make_job
from tests.pages.conftest import at_the_door

pytestmark = pytest.mark.django_db


def text_of(browser, job: Job) -> str:
    return browser.get(f"/jobs/{job.id}").content.decode()


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_word_and_only_unfinished_ones_ask_again(page, submitter, state):
    text = text_of(page, make_job(state, owner=submitter))

    assert f'<span class="state {state}">' in text
    assert ("hx-trigger" in text) is (state not in FINAL)
    assert ('http-equiv="refresh"' in text) is (state not in FINAL)


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("scheduled", {"cancel"}),
        ("queued", {"cancel"}),
        ("running", {"cancel"}),
        ("retrying", {"cancel"}),
        ("succeeded", {"rerun"}),
        ("failed", {"retry", "rerun"}),
        ("cancelled", {"retry", "rerun"}),
    ],
)
def test_the_buttons_are_those_that_are_possible(page, submitter, state, buttons):
    text = text_of(page, make_job(state, owner=submitter))

    assert set(re.findall(r'id="b-(\w+)"', text)) == buttons


def test_a_job_that_was_asked_to_stop_is_not_asked_again(page, submitter):
    text = text_of(page, make_job("running", owner=submitter, cancel_asked=True))

    assert "asked to stop" in text and 'id="b-cancel"' not in text


def test_members_of_the_group_may_look_but_not_act(submitter, bob):
    job = make_job("failed", owner=submitter, group=make_group())

    assert re.findall(r'id="b-(\w+)"', text_of(at_the_door(bob), job)) == []


def test_the_time_left_follows_from_the_pace(page, submitter):
    now = timezone.now()
    job = make_job("running", owner=submitter, started_at=now - timedelta(minutes=10))
    Progress.objects.create(job=job, attempt=1, fraction=0.5, note="half", updated_at=now)

    text = text_of(page, job)

    assert 'value="50"' in text and re.search(r"about 1?\d minutes left", text)


def test_a_guess_is_no_estimate(page, submitter):
    job = make_job("running", owner=submitter)
    Progress.objects.create(job=job, attempt=1, fraction=0.01, updated_at=timezone.now())

    assert " left" not in text_of(page, job)


def test_the_timeline_tells_what_happened_in_order(page, submitter):
    now = timezone.now()
    job = make_job("succeeded", owner=submitter, attempt=3, started_at=now, finished_at=now)
    happened = [
        (job.id, "failed", 1, "", "no route"),
        (job.id, "lost", 2, "", ""),
        (job.id, "retried", 2, "olga", ""),
    ]
    events.record(happened, db=DJANGO)
    JobEvent.objects.update(at=now - timedelta(minutes=1))

    titles = re.findall(r'<li class="\w+"><strong>([^<]+)</strong>', text_of(page, job))

    assert titles == [
        "Submitted",
        "Attempt 1 failed",
        "Attempt 2 lost its worker",
        "olga queued it again",
        "Attempt 3 started",
        "Succeeded",
    ]


def titles_of(text: str) -> list[str]:
    return re.findall(r'<li class="\w+"><strong>([^<]+)</strong>', text)


def test_every_attempt_that_ended_badly_has_a_start(page, submitter):
    begun = timezone.now() - timedelta(minutes=9)
    job = make_job("running", owner=submitter, attempt=1, started_at=begun)
    events.record([(job.id, "timed_out", 1, "", "too long")], db=DJANGO)
    Job.objects.update(attempt=2, started_at=timezone.now())

    text = text_of(page, job)

    assert titles_of(text) == [
        "Submitted",
        "Attempt 1 started",
        "Attempt 1 ran out of time",
        "Attempt 2 started",
    ]
    assert JobEvent.objects.get().started_at == begun


def aside(
    job: Job, times: int, *, seconds: float, after: int = 0, why: str = "Mail waits for x.example."
) -> None:
    """So often it was put aside: an attempt of a second, then a wait of that long."""
    first = job.created_at
    for number in range(after + 1, after + times + 1):
        events.record([(job.id, "released", number, "", why)], db=DJANGO)
        began = first + timedelta(seconds=(number - 1) * (1 + seconds))
        JobEvent.objects.filter(attempt=number, event="released").update(
            started_at=began, at=began + timedelta(seconds=1)
        )
    Job.objects.update(
        attempt=after + times + 1, started_at=first + timedelta(seconds=(after + times) * (1 + seconds))
    )


def test_a_job_that_was_put_aside_for_a_limit_says_so_in_one_line(page, submitter):
    """It was told of a worker that stopped, as many times."""
    job = make_job("running", owner=submitter)
    aside(job, 13, seconds=3)

    text = text_of(page, job)

    assert titles_of(text) == [
        "Submitted",
        "Attempt 1 started",
        "Put aside 13 times, 39 seconds in all",
        "Attempt 14 started",
    ]
    assert '<span class="detail pre">Mail waits for x.example.</span>' in text


def test_once_put_aside_is_told_with_what_it_waits_for(page, submitter):
    job = make_job("scheduled", owner=submitter, attempt=1)
    events.record([(job.id, "released", 1, "", "Mail waits for x.example.")], db=DJANGO)

    text = text_of(page, job)

    assert titles_of(text)[-2:] == [
        "Put aside until what it waits for may be free",
        "Next attempt",
    ]
    assert '<span class="detail pre">Mail waits for x.example.</span>' in text


def test_what_happens_between_is_not_folded_away(page, submitter, monkeypatch):
    job = make_job("running", owner=submitter)
    aside(job, 2, seconds=3)
    events.record([(job.id, "released", 3, "", "")], db=DJANGO)
    aside(job, 2, seconds=3, after=3, why="Mail waits for y.example.")
    whole = titles_of(text_of(page, job))
    monkeypatch.setattr(timeline, "READ", 2)

    cut = text_of(page, job)

    assert [title for title in whole if "started" not in title] == [
        "Submitted",
        "Put aside 2 times, 6 seconds in all",
        "Attempt 3 was handed back by a stopping worker",
        "Put aside 2 times, 6 seconds in all",
    ]
    assert "Put aside at least 2 times" in cut


def test_who_had_asked_is_named_once_the_job_has_stopped(page, submitter):
    job = make_job("running", owner=submitter)
    cancel_jobs([job.id], actor="olga")
    asked = text_of(page, job)
    outcome = Outcome(
        job=job.id, kind=job.kind, attempt=1, state=State.CANCELLED, code=Code.CANCELLED_BY,
        error="Stopped because cancellation was asked.", was_troubled=True,
    )  # fmt: skip
    finish_jobs([outcome], holder=job.holder, db=DJANGO)

    text = text_of(page, job)

    assert "asked to stop by olga" in asked
    assert "Cancelled by olga. Stopped because cancellation was asked." in text
    assert titles_of(text)[-2:] == ["olga asked to stop it", "Stopped, as olga had asked"]


def test_a_job_that_was_lost_on_its_way_to_a_stop_ends_as_cancelled(page, submitter):
    job = make_job("running", owner=submitter, lease=timezone.now() - timedelta(minutes=1))
    cancel_jobs([job.id], actor="olga")
    rescue_expired()

    assert titles_of(text_of(page, job))[-2:] == ["Attempt 1 lost its worker", "Cancelled, as olga had asked"]


def test_operators_alone_see_where_a_job_runs(page, office, submitter):
    worker = Worker.objects.create(
        id=uuid4(), name="celery@mill", pid=1, version="", queues=[], kinds=[], slots=1
    )
    job = make_job("running", owner=submitter, holder=make_holder(worker.id, 4711))

    assert "celery@mill, process 4711" in text_of(office, job)
    assert "celery@mill" not in text_of(page, job)


def test_a_lost_attempt_names_the_process_it_ran_on():
    job = make_job("running", lease=timezone.now() - timedelta(minutes=1), holder=make_holder(uuid4(), 4711))

    rescue_expired()

    assert "process 4711" in JobEvent.objects.get(job=job, event="lost").detail


@pytest.mark.parametrize(("attempt", "said"), [(0, "It has not started yet."), (1, "Nothing yet.")])
def test_who_began_and_goes_on_later_is_not_said_to_be_new(page, submitter, attempt, said):
    job = make_job("scheduled", owner=submitter, attempt=attempt)

    assert said in text_of(page, job)


def test_the_page_shows_the_newest_lines_and_a_link_to_all(page, submitter):
    job = make_job("running", owner=submitter)
    now = timezone.now()
    LogLine.objects.bulk_create(
        LogLine(job=job, attempt=1, at=now, level="info", text=f"line {number};")
        for number in range(LOG_LINES + 50)
    )

    text = text_of(page, job)
    whole = page.get(f"/jobs/{job.id}/log")

    assert "line 49;" not in text and "line 50;" in text and f"/jobs/{job.id}/log" in text
    assert whole.content.decode().count("\n") == LOG_LINES + 50
    assert whole.headers["Content-Type"].startswith("text/plain")


def test_what_a_kind_says_is_shown_as_text(page, submitter):
    evil = "<script>alert(1)</script>"
    job = make_job("failed", owner=submitter, error=evil, payload={"a": evil}, result={evil: evil})
    LogLine.objects.create(job=job, attempt=1, at=timezone.now(), level="info", text=evil)
    make_artifact(owner=submitter, job=job.id, name=evil)

    assert evil not in text_of(page, job)


def test_the_ledger_adds_up(page, submitter):
    job = make_job("succeeded", owner=submitter)
    for number, state in enumerate(["done", "done", "failed", "uncertain"]):
        Item.objects.create(job=job, key=str(number), state=state)

    text = text_of(page, job)

    assert "4 accepted" in text
    assert re.findall(r"<strong>(\d+)</strong> (\w+)", text) == [
        ("2", "done"),
        ("1", "failed"),
        ("1", "uncertain"),
    ]


def test_images_are_shown_and_everything_else_is_saved(page, submitter):
    job = make_job("succeeded", owner=submitter)
    make_artifact(owner=submitter, job=job.id, name="a.png", media_type="image/png")
    make_artifact(owner=submitter, job=job.id, name="b.svg", media_type="image/svg+xml")
    make_artifact(owner=submitter, job=job.id, name="c.xlsx", media_type="application/zip")

    text = text_of(page, job)

    assert text.count("<img ") == 1 and 'alt="a.png"' in text
    assert text.count("?save") == 3


def test_the_live_part_answers_nothing_while_nothing_moves(page, submitter):
    job = make_job("running", owner=submitter)
    seen = re.search(r"seen=(\w+)", text_of(page, job))[1]
    live = f"/jobs/{job.id}/live?seen={seen}"
    assert page.get(live).status_code == 204

    LogLine.objects.create(job=job, attempt=1, at=timezone.now(), level="info", text="a word")
    answer = page.get(live)

    assert answer.status_code == 200 and "a word" in answer.content.decode()
    assert answer.content.decode().startswith('<div id="live"')


def test_the_last_live_part_asks_no_more(page, submitter):
    job = make_job("succeeded", owner=submitter)

    assert "hx-get" not in page.get(f"/jobs/{job.id}/live?seen=old").content.decode()


def test_a_purged_job_is_gone_and_a_live_page_of_it_reloads(page, submitter):
    stone = Tombstone.objects.create(id=uuid4(), owner=submitter, until=timezone.now() + timedelta(days=1))

    whole = page.get(f"/jobs/{stone.id}")
    live = page.get(f"/jobs/{stone.id}/live", headers={"HX-Request": "true"})

    assert whole.status_code == 410 and "purged" in whole.content.decode()
    assert live.headers["HX-Refresh"] == "true"


def test_a_live_part_of_somebody_signed_out_reloads_the_page(client):
    answer = client.get(f"/jobs/{uuid4()}/live", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["HX-Refresh"]) == (401, "true")


def test_a_kind_that_is_declared_no_more_still_has_its_jobs(page, submitter):
    job = make_job("succeeded", kind="long.gone", owner=submitter, result={"values": {"n": 1}})

    assert "long.gone" in text_of(page, job)
    assert page.get("/jobs").status_code == 200


def test_drawing_the_page_anew_keeps_the_links_to_its_pictures(page, submitter, monkeypatch):
    """A fresh signature each time would make the browser fetch every picture at every live update."""
    job = make_job("running", owner=submitter)
    make_artifact(owner=submitter, job=job.id, name="mill.png", media_type="image/png")
    sources = []
    for second in (0, 1, 61):
        monkeypatch.setattr("django.core.signing.time.time", lambda second=second: 2_000_000_000.0 + second)
        sources.append(re.search(r'<img src="([^"]+)"', text_of(page, job))[1])

    assert len(set(sources)) == 1


@pytest.mark.parametrize("state", ["queued", "running", "scheduled"])
def test_an_old_attempts_error_is_told_as_history(page, submitter, state):
    job = make_job(state, owner=submitter, attempt=3, error="Its worker died.")
    events.record([(job.id, "lost", 1, "", ""), (job.id, "released", 2, "", "")], db=DJANGO)

    text = text_of(page, job)

    assert ">Attempt 1: Its worker died.</p>" in text and 'class="notice' not in text


@pytest.mark.parametrize("state", ["retrying", "failed", "cancelled"])
def test_the_error_that_stopped_a_job_is_told_as_present(page, submitter, state):
    text = text_of(page, make_job(state, owner=submitter, attempt=1, error="It broke."))

    assert re.search(r'class="notice \w+">.*It broke', text)


def test_operators_see_where_an_attempt_was_when_it_failed(page, submitter, operator):
    job = make_job("failed", owner=submitter, attempt=2)
    for attempt, trace in [(1, "in spin"), (2, "in <regex>")]:
        ended = Outcome(
            job=job.id, kind=job.kind, attempt=attempt, state=State.FAILED, code=Code.TIMEOUT, trace=trace
        )
        results.keep([ended], db=DJANGO)

    shown = text_of(at_the_door(operator), job)

    assert shown.index("in &lt;regex&gt;") < shown.index("in spin"), "the newest first, as text"
    assert "Traces" not in text_of(page, job), "code is not the submitter's business"

"""One delivery: signed as Standard Webhooks has it, repeated under the same id, and never silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django import Settings
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from jobs.attempt import Claimed
from jobs.errors import Busy, Failed, Rejected
from jobs.models import Job, Webhook, WebhookDelivery, WebhookSecret, WebhookTry
from jobs.outbox import CARRIER
from jobs.registry import KINDS, Result
from jobs.states import State
from jobs.webhooks import guard
from jobs.webhooks.carry import carry_deliveries
from jobs.webhooks.deliveries import Progress, newest_deliveries
from jobs.webhooks.endpoints import delete_endpoint
from jobs.webhooks.replay import send_test
from jobs.webhooks.secrets import new_secret, rotate_secret
from tests.factories import make_job
from tests.running import lose, run
from tests.webhooks.conftest import SetConf, make_endpoint, make_endpoint_and_secret, operator
from tests.webhooks.receiver import Receiver, answer, cut
from tests.webhooks.test_outbox import finish
from workers.kinds.webhook import LONGEST_WAIT, WAITS, wait_asked
from workers.outcome import failed

pytestmark = pytest.mark.django_db


def carried(hook: Webhook) -> Job:
    """A running job that carries an event about a job of the endpoint's owner."""
    finish(make_job("running", owner=hook.owner))
    assert carry_deliveries() == 1
    return running()


def running() -> Job:
    """The newest carrier, as if a worker had claimed it."""
    job = Job.objects.filter(kind=CARRIER).latest("seq")
    Job.objects.filter(pk=job.pk).update(
        state="running", ready=False, held_by=None, attempt=1, holder=job.id,
        lease=Now() + timedelta(minutes=1),
    )  # fmt: skip
    job.refresh_from_db()
    return job


def deliver(job: Job) -> Result:
    return run(KINDS.find(CARRIER), job)


@pytest.fixture(autouse=True)
def no_bells(rung: list[str]) -> None:
    """Nobody is there to hear them."""


# -- what arrives ----------------------------------------------------------------------------------


def test_an_event_arrives_signed_and_thin(inbox: Receiver, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://mill.example.org"
    _, secret = make_endpoint_and_secret(inbox.url)
    about = make_job("running", payload={"secret": "payload"}, queue="images")
    finish(about, result='{"secret": "result"}')
    carry_deliveries()

    result = deliver(running())

    [request] = inbox.requests
    about.refresh_from_db()
    delivery = WebhookDelivery.objects.get()
    assert Verifier(secret).verify(request.body, request.headers) == {
        "type": "job.succeeded",
        "timestamp": delivery.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "id": str(about.id), "kind": "test.ok", "queue": "images", "state": "succeeded", "code": "ok",
            "attempt": 1, "version": about.version, "url": f"https://mill.example.org/jobs/{about.id}",
        },
    }  # fmt: skip
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == f"msg_{delivery.id.hex}" == result.values["webhook_id"]
    assert b"secret" not in request.body
    assert delivery.delivered_at is not None


def test_another_secret_or_another_body_does_not_verify(inbox: Receiver) -> None:
    hook, secret = make_endpoint_and_secret(inbox.url)
    deliver(carried(hook))
    [request] = inbox.requests

    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(request.body.replace(b"succeeded", b"failed"), request.headers)


def test_while_a_secret_is_rotated_both_verify_and_afterwards_one_does(inbox: Receiver) -> None:
    hook, old = make_endpoint_and_secret(inbox.url)
    new = rotate_secret(hook)

    deliver(carried(hook))
    WebhookSecret.objects.exclude(expires_at=None).update(expires_at=Now() - timedelta(seconds=1))
    deliver(carried(hook))

    during, after = inbox.requests
    assert len(during.headers["webhook-signature"].split()) == 2
    for secret in (old, new):
        assert Verifier(secret).verify(during.body, during.headers)
    assert Verifier(new).verify(after.body, after.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(old).verify(after.body, after.headers)


def test_a_secret_is_kept_sealed_and_opens_under_an_older_key(inbox: Receiver, settings: Settings) -> None:
    hook, secret = make_endpoint_and_secret(inbox.url)
    assert secret.removeprefix("whsec_") not in WebhookSecret.objects.get().sealed
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another" * 10

    job = carried(hook)
    with pytest.raises(Failed, match="SECRET_KEY changed"):
        deliver(job)
    assert inbox.requests == []

    settings.SECRET_KEY_FALLBACKS = [old]
    deliver(lose(job))
    assert Verifier(secret).verify(inbox.requests[0].body, inbox.requests[0].headers)


def test_a_test_can_be_sent(inbox: Receiver) -> None:
    hook, secret = make_endpoint_and_secret(inbox.url)
    send_test(hook)
    carry_deliveries()

    deliver(running())

    [request] = inbox.requests
    event = Verifier(secret).verify(request.body, request.headers)
    assert event["type"] == "webhook.test"
    assert event["data"]["webhook"] == str(hook.id)


# -- what goes wrong -------------------------------------------------------------------------------


def test_a_lost_answer_is_repeated_under_the_same_id_and_with_the_same_body(inbox: Receiver) -> None:
    """The receiver took it, and the connection broke: only the receiver can know that it has it."""
    inbox.replies.append(cut)
    hook, secret = make_endpoint_and_secret(inbox.url)
    job = carried(hook)

    with pytest.raises(Failed, match="broke before there was an answer"):
        deliver(job)
    deliver(lose(job))

    first, second = inbox.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    for request in inbox.requests:
        assert Verifier(secret).verify(request.body, request.headers)
    assert list(WebhookTry.objects.values_list("status", flat=True)) == [None, 204]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_that_says_so(inbox: Receiver, status: int) -> None:
    inbox.replies.append(answer(status, location="http://169.254.169.254/latest/meta-data/"))

    with pytest.raises(Failed, match=f"answered {status}. Redirects are not followed"):
        deliver(carried(make_endpoint(inbox.url)))
    assert len(inbox.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_another_answer_is_a_failure_with_its_beginning_in_the_log(inbox: Receiver, status: int) -> None:
    inbox.replies.append(answer(status, b"no \x00 " + b"x" * 5000))
    hook = make_endpoint(inbox.url)

    with pytest.raises(Failed, match=f"answered {status}"):
        deliver(carried(hook))

    one = WebhookTry.objects.get()
    assert (one.status, one.error) == (status, f"The endpoint answered {status}.")
    assert one.answer.startswith("no ")
    assert len(one.answer) <= 1024
    hook.refresh_from_db()
    assert hook.failing_since is not None
    assert hook.is_enabled


def test_a_success_ends_a_row_of_failures(inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    Webhook.objects.update(failing_since=Now() - timedelta(days=30))

    deliver(carried(hook))

    hook.refresh_from_db()
    assert (hook.failing_since, hook.is_enabled) == (None, True)


def test_gone_switches_the_endpoint_off(inbox: Receiver) -> None:
    inbox.replies.append(answer(410))
    hook = make_endpoint(inbox.url)
    job = carried(hook)

    with pytest.raises(Rejected, match="410 Gone"):
        deliver(job)

    hook.refresh_from_db()
    assert (hook.is_enabled, hook.disabled_reason) == (False, "It answered 410 Gone.")
    with pytest.raises(Rejected, match="switched off: It answered 410"):
        deliver(lose(job))
    assert len(inbox.requests) == 1


def test_days_of_nothing_but_failures_switch_it_off(inbox: Receiver) -> None:
    inbox.replies.append(answer(500))
    hook = make_endpoint(inbox.url)
    Webhook.objects.update(failing_since=Now() - timedelta(days=5, seconds=1))

    with pytest.raises(Failed):
        deliver(carried(hook))

    hook.refresh_from_db()
    assert hook.disabled_reason == "For 5 days every delivery failed."


def test_a_name_that_becomes_another_address_is_not_called(
    inbox: Receiver, set_conf: SetConf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public when the endpoint was made, loopback when it is called."""
    set_conf(webhook_networks=())
    now = ["93.184.216.34"]
    found: Callable[..., Any] = lambda host, port, **more: [(2, 1, 6, "", (now[0], port))]  # noqa: E731
    monkeypatch.setattr(guard.socket, "getaddrinfo", found)
    hook = make_endpoint(inbox.url)
    now[0] = "127.0.0.1"

    with pytest.raises(Failed, match=r"localhost is 127\.0\.0\.1, which is not a public address"):
        deliver(carried(hook))
    assert inbox.requests == []


def test_of_a_closed_account_nothing_is_told(inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    job = carried(hook)
    User.objects.filter(pk=hook.owner_id).update(is_active=False)

    with pytest.raises(Rejected, match="account is closed"):
        deliver(job)
    assert inbox.requests == []


def test_who_is_no_operator_any_more_hears_of_nobody(inbox: Receiver, bob: User) -> None:
    who = operator(bob)
    hook = make_endpoint(inbox.url, who, is_for_all=True)
    job = carried(hook)
    who.groups.clear()

    with pytest.raises(Rejected, match="no operator any more"):
        deliver(job)
    assert inbox.requests == []
    hook.refresh_from_db()
    assert not hook.is_enabled


def test_a_name_that_cannot_be_looked_up_now_is_a_try_that_failed(
    inbox: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(url: str) -> Any:
        raise Busy("localhost could not be looked up now.", 5)

    monkeypatch.setattr("workers.kinds.webhook.aim", busy)

    with pytest.raises(Failed, match="could not be looked up now"):
        deliver(carried(make_endpoint(inbox.url)))
    assert WebhookTry.objects.get().error == "localhost could not be looked up now."


def test_of_a_deleted_endpoint_there_is_nothing_to_deliver(inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    job = carried(hook)
    delete_endpoint(hook)

    assert "Nothing to deliver" in deliver(job).values["note"]
    assert inbox.requests == []


def test_a_job_that_does_not_carry_the_delivery_delivers_nothing(inbox: Receiver, charlie: User) -> None:
    """Nobody can send others' events by submitting the kind."""
    payload = carried(make_endpoint(inbox.url)).payload
    forged = make_job("running", kind=CARRIER, owner=charlie, payload=payload)

    assert "Nothing to deliver" in deliver(forged).values["note"]
    assert inbox.requests == []


def test_a_second_run_after_it_was_recorded_tells_nothing_twice(inbox: Receiver) -> None:
    job = carried(make_endpoint(inbox.url))
    deliver(job)

    assert deliver(lose(job)).values["note"] == "It had been delivered before."
    assert len(inbox.requests) == 1


# -- when it is tried again ------------------------------------------------------------------------


def after(error: Failed, failures: int) -> Any:
    """The outcome of an attempt that came after so many failed ones."""
    job = Claimed(
        UUID(int=1), CARRIER, failures + 1, "{}", 1, failures=failures, crashes=0, alone=True,
        waited_seconds=0,
    )  # fmt: skip
    return failed(job, KINDS.find(CARRIER), error)


def test_the_schedule_is_that_of_the_standard_with_some_jitter() -> None:
    for failures, wait in enumerate(WAITS):
        outcome = after(Failed("no"), failures)
        assert outcome.state is State.RETRYING
        assert 0.8 * wait <= outcome.delay <= wait

    assert after(Failed("no"), len(WAITS)).state is State.FAILED
    assert sum(WAITS, timedelta()) > timedelta(days=3)


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_for_time_gets_it(inbox: Receiver, status: int) -> None:
    inbox.replies.append(answer(status, retry_after="3600"))

    with pytest.raises(Failed) as caught:
        deliver(carried(make_endpoint(inbox.url)))

    assert after(caught.value, 0).delay == timedelta(hours=1)
    assert after(caught.value, 8).delay >= 0.8 * WAITS[8], "never sooner than the schedule has it"


def test_no_other_answer_delays_anything(inbox: Receiver) -> None:
    inbox.replies.append(answer(500, retry_after="3600"))

    with pytest.raises(Failed) as caught:
        deliver(carried(make_endpoint(inbox.url)))

    assert after(caught.value, 0).delay <= WAITS[0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120), ("0", 0), ("999999999999999999999", LONGEST_WAIT.total_seconds()),
        pytest.param("9" * 5000, LONGEST_WAIT.total_seconds(), id="5,000 digits"),
        ("-5", None), ("soon", None), ("", None), ("1e3", None), ("²", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 21 Oct 2199 07:28:00", LONGEST_WAIT.total_seconds()),
    ],
)  # fmt: skip
def test_retry_after_is_read_within_bounds(header: str, seconds: float | None) -> None:
    wait = wait_asked(header)

    assert (wait.total_seconds() if wait is not None else None) == seconds


def test_retry_after_may_be_a_date() -> None:
    wait = wait_asked(format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True))

    assert wait is not None
    assert 590 <= wait.total_seconds() <= 600


# -- the log ---------------------------------------------------------------------------------------


def test_how_far_a_delivery_is_follows_its_job(inbox: Receiver) -> None:
    hook = make_endpoint(inbox.url)
    finish(make_job("running", owner=hook.owner))

    def seen() -> Progress:
        [line] = newest_deliveries(hook, 10)
        return line.progress

    assert seen() is Progress.WAITING
    carry_deliveries()
    assert seen() is Progress.WAITING
    job = running()
    inbox.replies.append(cut)
    with pytest.raises(Failed):
        deliver(job)
    Job.objects.filter(pk=job.pk).update(
        state="retrying", failures=1, run_at=Now() + timedelta(hours=1), holder=None, lease=None
    )
    [line] = newest_deliveries(hook, 10)
    assert (line.progress, len(line.tries)) == (Progress.RETRYING, 1)
    assert line.next_at is not None
    Job.objects.filter(pk=job.pk).update(state="failed", finished_at=Now())
    assert seen() is Progress.FAILED
    Job.objects.filter(pk=job.pk).delete()
    assert seen() is Progress.FAILED
    WebhookDelivery.objects.update(delivered_at=Now())
    assert seen() is Progress.DELIVERED


def test_what_is_said_in_json_is_small() -> None:
    """Thin events: a receiver asks for more, with its own rights."""
    from jobs.webhooks.message import body_of

    delivery = WebhookDelivery(
        id=UUID(int=1), event="job.failed", job=UUID(int=2), kind="k" * 100, queue="q" * 100,
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip

    assert len(body_of(delivery)) < 1000
    assert json.loads(body_of(delivery))["timestamp"] == "2026-01-01T00:00:00Z"

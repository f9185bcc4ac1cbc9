"""Millrace's own settings: defaults here, overridden by `MILLRACE = {…}` in Django's settings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, kw_only=True)
class Conf:
    """Every setting with its unit in its name; DESIGN's proportions are held by system checks."""

    lease_seconds: float = 60
    """How long a worker may be silent before its jobs are given to another."""
    heartbeat_seconds: float = 15
    """How often a worker prolongs the leases it holds."""
    sweep_seconds: float = 5
    """How often every worker looks for lost bells and expired leases."""
    gate_seconds: float = 1
    """How often every worker looks for jobs that have become due."""
    slice_seconds: float = 0.5
    """How long one bell may keep a worker child busy with jobs of one queue."""
    record_seconds: float = 0.25
    """How much measured run time a batch may hold before its outcomes are recorded."""
    flush_seconds: float = 2
    """How often progress and log lines of a running job are written."""
    grace_seconds: float = 10
    """How long after its soft time limit an attempt is ended by force."""
    drain_seconds: float = 45
    """How long after TERM a worker lets running jobs go on; then they are handed back, uncharged."""
    worker_deaths: int = 3
    """How many times a job may lose its worker before it is given up."""
    keep_results: str = "failed"
    """Which attempts leave a TaskResult: `failed` (and their job's success) or `all`."""
    keep_succeeded_days: float = 7
    """How long a succeeded or cancelled job is kept before cleanup forgets it."""
    keep_failed_days: float = 30
    """How long a failed job is kept before cleanup forgets it."""
    keep_key_hours: float = 24
    """How long an idempotency key is remembered."""
    keep_tombstone_days: float = 90
    """How long a purged job answers `gone` instead of `not found`."""
    keep_upload_hours: float = 24
    """How long an upload that no job uses is kept."""
    log_lines: int = 500
    """How many log lines are kept with one job; the newest win."""
    upload_bytes: int = 150 * 1024 * 1024
    """The largest file one form or command may hand in: a list of a million recipients has about 90 MB."""
    link_hours: float = 24
    """How long a signed link (a download, a thank-you page) is good for."""
    submits_per_minute: int = 0
    """How many jobs and uploads one person's programs may submit in a minute; 0 = as many as they like."""
    waits_per_minute: int = 600
    """How many answers one person's programs may wait for in a minute (`Prefer: wait`); 0 = no limit."""
    streams_per_minute: int = 120
    """How many streams of events one person's programs may open in a minute; 0 = no limit."""
    endpoints_per_minute: int = 30
    """How many webhook endpoints one person may make or replace in a minute; 0 = no limit."""
    waiting_quota: int = 0
    """How many jobs of one owner may wait at once before the API takes no more; 0 = no limit."""
    token_seconds: float = 5
    """How long a process believes what it read about a token: so long one revoked elsewhere may live on."""
    wait_seconds: float = 60
    """The longest that one request may wait for its job (`Prefer: wait=N`)."""
    stream_seconds: float = 600
    """How long one stream of a job's events lasts; then the client connects again, and is asked who it is."""
    waits: int = 2000
    """How many requests may wait, or stream, in one web process at once."""
    waits_per_owner: int = 500
    """How many of them one principal may have."""
    public_per_hour: int = 20
    """How many jobs one address may submit to public kinds in an hour."""
    contact_email: str = ""
    """Who reads what the contact form takes in; empty = the installation's own sender."""
    email_redirect_to: str = ""
    """A sandbox: the one mailbox that gets all mail, whoever it is for; empty = everybody gets their own."""
    webhook_networks: tuple[str, ...] = ()
    """Networks that webhooks may reach although they are not public: `10.1.0.0/16`."""
    webhook_ports: tuple[int, ...] = (80, 443, 8080, 8443)
    """Ports that webhooks may be sent to; none named = all of them."""
    webhook_http: bool = False
    """Whether webhooks may be sent without TLS."""
    webhook_seconds: float = 20
    """How long one try to deliver a webhook may take, from connecting to the answer."""
    webhooks_at_once: int = 2
    """How many deliveries go to one endpoint at a time; one that hangs holds so many slots of workers."""
    webhook_failing_days: float = 5
    """After how many days of nothing but failures an endpoint is switched off."""
    webhook_overlap_hours: float = 24
    """How long an endpoint's old secret signs beside the new one."""
    tokens_per_owner: int = 100
    """How many tokens one owner may have that open something."""
    webhooks_per_owner: int = 20
    """How many endpoints one owner may have."""
    campaign_recipients: int = 1_000_000
    """How many recipients one campaign may have."""
    attached_bytes: int = 20 * 1024 * 1024
    """How large the files of one mail may be together, before they are encoded (a third more)."""
    email_account_limit: str = ""
    """How much mail all workers send through the account: 100/s,8 is so many a second, and at once."""
    email_domain_limits: str = ""
    """The same for the domains of recipients: gmail.com+googlemail.com=20/s,5 *=50/s,10."""
    email_pause_seconds: float = 300
    """How long a mail server that says 421, or too much, is left alone at first; a domain a fifth of it."""
    keep_delivery_days: float = 14
    """How long the delivery log of webhooks is kept."""
    unsubscribe_days: float = 730
    """How long the link to unsubscribe in a mail is good for."""
    bounce_folder: str = ""
    """The Maildir, or the folder of .eml files, in which reports about bounced mail arrive; empty = none."""
    keep_report_days: float = 90
    """How long it is remembered which reports about bounced mail were taken."""
    wake_seconds: float = 0.02
    """The least time between two bells for one queue from one process."""
    canary_seconds: float = 10
    """How long a worker's children may hear nothing before it sends itself a canary."""
    deaf_seconds: float = 20
    """How long a canary or ready work may stay unheard beside an idle child before the worker reconnects."""
    deaf_resets: int = 2
    """How many new connections a worker that stays deaf tries before it ends, to be started again."""
    fault_tests: bool = False
    """Whether failpoints may be armed: on in fault tests, never where jobs matter."""
    failpoint: str = ""
    """Which failpoints act: point:action[:nth], separated by commas (jobs/failpoints.py)."""
    failpoint_once: str = ""
    """A folder shared by processes in which each failpoint acts once; empty = in each of them."""
    prepared: bool = True
    """Whether statements are prepared (off behind PgBouncer in transaction mode without them)."""


@cache
def conf() -> Conf:
    """The settings in force; a name that is none of ours is refused."""
    from django.conf import settings

    given: dict[str, Any] = getattr(settings, "MILLRACE", {})
    known = {field.name for field in fields(Conf)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f"MILLRACE has no setting {unknown[0]!r}. It knows: {', '.join(sorted(known))}."
        )
    return Conf(**given)

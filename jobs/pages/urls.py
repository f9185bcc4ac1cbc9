"""Which address leads to which page; include it anywhere in a project of yours."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import path

from jobs.pages import (
    acts,
    catalogue,
    decide,
    drafts,
    files,
    items,
    job_page,
    jobs_list,
    kind,
    public,
    queues,
    sign_in,
    suppressions,
    tokens,
    unsubscribe,
    webhooks,
)


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it by this name whatever the page says."""
    return redirect(static("millrace/logo.svg"))


urlpatterns = [
    path("favicon.ico", favicon),
    path("", catalogue.catalogue, name="catalogue"),
    path("sign-in", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out", sign_in.SignOut.as_view(), name="sign-out"),
    path("kinds/<str:name>", kind.kind_page, name="kind"),
    path("drafts/<uuid:id>", drafts.draft, name="draft"),
    path("drafts/<uuid:id>/html", drafts.draft_html, name="draft-html"),
    path("drafts/<uuid:id>/lines", drafts.draft_lines, name="draft-lines"),
    path("drafts/<uuid:id>/trial", drafts.draft_trial, name="draft-trial"),
    path("jobs", jobs_list.jobs_list, name="jobs"),
    path("jobs/<uuid:id>", job_page.job_page, name="job"),
    path("jobs/<uuid:id>/live", job_page.job_live, name="job-live"),
    path("jobs/<uuid:id>/events", job_page.job_events, name="job-events"),
    path("jobs/<uuid:id>/log", job_page.job_log, name="job-log"),
    path("jobs/<uuid:id>/cancel", acts.cancel, name="job-cancel"),
    path("jobs/<uuid:id>/retry", acts.retry, name="job-retry"),
    path("jobs/<uuid:id>/rerun", acts.rerun, name="job-rerun"),
    path("jobs/<uuid:id>/items", items.job_items, name="job-items"),
    path("jobs/<uuid:id>/items.csv", items.job_items_csv, name="job-items-csv"),
    path("jobs/<uuid:id>/decide", decide.job_decide, name="job-decide"),
    path("files/<str:token>", files.artifact, name="artifact"),
    path("queues", queues.queues, name="queues"),
    path("queues/<str:name>/pause", queues.pause, name="queue-pause"),
    path("queues/<str:name>/resume", queues.resume, name="queue-resume"),
    path("webhooks", webhooks.webhooks, name="webhooks"),
    path("webhooks/new", webhooks.webhook_new, name="webhook-new"),
    path("webhooks/<uuid:id>", webhooks.webhook, name="webhook"),
    path("webhooks/<uuid:id>/edit", webhooks.webhook_edit, name="webhook-edit"),
    path("webhooks/<uuid:id>/replay/<uuid:delivery>", webhooks.webhook_replay, name="webhook-replay"),
    path("webhooks/<uuid:id>/<str:act>", webhooks.webhook_act, name="webhook-act"),
    path("suppressions", suppressions.suppressions, name="suppressions"),
    path("suppressions/export", suppressions.suppressions_export, name="suppressions-export"),
    path("suppressions/<uuid:id>/lift", suppressions.suppression_lift, name="suppression-lift"),
    path("tokens", tokens.tokens, name="tokens"),
    path("tokens/<uuid:id>/revoke", tokens.token_revoke, name="token-revoke"),
    path("unsubscribe/<str:token>", unsubscribe.unsubscribe, name="unsubscribe"),
    path("p/thanks/<str:token>", public.thanks, name="thanks"),
    path("p/<str:name>", public.public_kind, name="public-kind"),
]

"""Which address leads to which door. Probes are answered before all others: core/middleware.py."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from core.flower import flower

handler400 = "core.handlers.bad_request"
handler403 = "jobs.pages.answers.forbidden"
handler404 = "jobs.pages.answers.not_found"
handler500 = "core.handlers.server_error"

urlpatterns = [
    path("api/v1/", include("jobs.api.urls")),
    path("", include("jobs.pages.urls")),
    path("admin/", admin.site.urls),
    path("flower", RedirectView.as_view(url="/flower/")),
    path("flower/", flower, name="flower"),
    path("flower/<path:path>", flower, name="flower-page"),
]
